"""
What makes cats worse after the last growth: learning rates and averages from one common state (chapter 09b).

    python studies/last_stage.py 1

trains painters of the given seeds to the end of their stage of 32 x 32, by the recipe `laptop` in opponent colours, and
lets each play on at 64 x 64 with several learning rates. What was learned is scored as it is, and by two averages of
it. `data/` holds the folder or the zip afhq_cat. One core takes six minutes a seed, and four a learning rate.
"""

import copy
import csv
import sys
import time
from dataclasses import replace

import torch

from fpa_nb.data import Batches
from fpa_nb.files import find_root
from fpa_nb.gan import Gan
from fpa_nb.launch import make_training_job, requested
from fpa_nb.parameters import TrainParameters, checked
from fpa_nb.run import at_stage
from fpa_nb.scoring import Judges
from fpa_nb.training import keep_memory, last_state, latents_of_step, step_seed

RATES = (4e-4, 1e-4)
DECAYS = (0.995, 0.999)
STEPS, SCORED_EVERY = 450, 225
RESULTS = find_root() / "reports" / "study_last" / "scores.csv"
COLUMNS = ("seed", "lr", "step", "seconds", "average", "frechet_efficientnet_distance", "frechet_pixel_distance")


def common_job(seed, steps):
    """The training whose last state all learning rates begin with."""
    settings = {"dataset": "afhq_cat", "recipe": "laptop", "seed": seed, "steps": steps, "name": f"last_stage{seed}"}
    changes = "painter.colours=opponent gan.ema_decay=0.995 score_every=2100 save_every=700"
    given = checked(TrainParameters, **settings, overrides=changes, extractor="efficientnet pixels")
    return make_training_job(*requested(given))


def play(gan, stage, data, judges, note):
    """Play on, and note the scores of what was learned and of its averages."""
    averages = {decay: copy.deepcopy(gan.ema) for decay in DECAYS}
    batches = Batches(data, stage.batch_size, stage.seed)
    began, aside, first = time.process_time(), 0.0, gan.step
    while True:
        step = gan.step
        if (step - first) % SCORED_EVERY == 0:
            paused = time.process_time()
            for name, model in {"none": gan.generator, **averages}.items():
                note(step, paused - began - aside, name, judges(model))
            aside += time.process_time() - paused
        if step == first + STEPS:
            return
        torch.manual_seed(step_seed(stage.seed, step, 0, 1))
        draw = latents_of_step(step_seed(stage.seed, step, 0), stage, gan.generator.latent_dim)
        gan.train_step([batches[step]], draw)
        for decay, average in averages.items():
            for kept, learned in zip(average.parameters(), gan.generator.parameters()):
                kept.data.lerp_(learned.data, 1 - decay)


def main(seeds):
    torch.set_num_threads(1)
    keep_memory()
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    new = not RESULTS.exists()
    with RESULTS.open("a", newline="") as file:
        rows = csv.writer(file)
        if new:
            rows.writerow(COLUMNS)
        for seed in seeds:
            job = common_job(seed, 2_100)
            job.train()
            for rate in RATES:
                gan = at_stage(last_state(job.run), job.run.recipe)
                stage = replace(job.run.recipe.stage(gan.step), gan=replace(gan.config, lr=rate))
                game = Gan(gan.generator, gan.discriminator, stage.gan, gan.ema)
                game.step = gan.step

                def note(step, seconds, average, found):
                    rows.writerow([seed, rate, step, f"{seconds:.1f}", average, *(f"{d:.4f}" for d in found.values())])
                    file.flush()

                play(game, stage, job.data, Judges(job.scorers), note)


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]])
