"""
A U-Net that paints a painter's picture anew, and one that begins with it: 250 steps of each (chapter 13a).

    python studies/refiner.py RUN 0 1 2

RUN is a painter of cats, trained by the command of chapter 13a. What is made for each seed is written to
`reports/study_refiner/scores.csv`: the scores of 2 500 samples at the start and after 250 steps. `data/` holds the
folder or the zip afhq_cat. A run takes eight minutes of one core, and its scores two more; what is there already is not
made again.
"""

import csv
import sys

import torch

from fpa_nb.files import find_root, write_text
from fpa_nb.launch import make_training_job, requested
from fpa_nb.parameters import TrainParameters, checked
from fpa_nb.training import keep_memory

STEPS = 250
WAYS = {
    "beginning with the picture": "refiner.residual=true start_from_average=true gan.lr=1e-5 gan.ttur_mult=40",
    "anew": "refiner.residual=false start_from_average=false gan.lr=4e-4 gan.ttur_mult=1",
}
JUDGES = ("frechet_efficientnet_distance", "frechet_pixel_distance")
RESULTS = find_root() / "reports" / "study_refiner" / "scores.csv"


def scores(start, seed, way):
    """The scores of a training, a dictionary for each step at which some were taken."""
    settings = {"dataset": "afhq_cat", "model": "fpa_unet", "recipe": "laptop", "seed": seed, "steps": STEPS}
    settings |= {"name": f"refiner_{way.split()[0]}{seed}", "start_from": start, "extractor": "efficientnet pixels"}
    changes = f"{WAYS[way]} held_out=253 score_every={STEPS} save_every=50 sample_every=50"
    job = make_training_job(*requested(checked(TrainParameters, **settings, overrides=changes)))
    job.train()
    with (job.run.folder / "metrics.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row[JUDGES[0]]]


def main(start, seeds):
    torch.set_num_threads(1)
    keep_memory()
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else [",".join(("seed", "way", "step", *JUDGES))]
    done = {tuple(line.split(",")[:2]) for line in lines}
    for way in WAYS:
        for seed in seeds:
            if (seed, way) not in done:
                found = scores(start, int(seed), way)
                lines += [",".join((seed, way, row["step"], *(row[judge] for judge in JUDGES))) for row in found]
                RESULTS.parent.mkdir(parents=True, exist_ok=True)
                write_text(RESULTS, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
