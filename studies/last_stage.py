"""
What makes cats worse after the last growth: ways to go on, and averages, from one common state (chapter 09b).

    python studies/last_stage.py 0 1 2

trains painters of the given seeds to the end of their stage of 32 x 32, by the recipe `laptop` in opponent colours, and
lets each play on at 64 x 64 in several ways, for the same time. What was learned is scored as it is, and by two averages
of it. `data/` holds the folder or the zip afhq_cat. One core takes six minutes a seed, and five a way; what
`reports/study_last/scores.csv` has already is not made again.
"""

import copy
import csv
import sys
import time
from dataclasses import dataclass, replace

import torch

from fpa_nb.data import Batches
from fpa_nb.files import find_root
from fpa_nb.gan import Gan
from fpa_nb.launch import make_training_job, requested
from fpa_nb.parameters import TrainParameters, checked
from fpa_nb.run import at_stage
from fpa_nb.scoring import Judges
from fpa_nb.training import keep_memory, last_state, latents_of_step, step_seed


@dataclass(frozen=True)
class Way:
    """A way to go on after the last growth."""

    lr: float = 4e-4  # of painter and discriminator
    warm_up: int = 0  # steps in which it grows from zero
    batch_size: int = 16
    steps: int = 450  # four minutes


WAYS = {
    "as it is": Way(),
    "a quarter of the rate": Way(lr=1e-4),
    "warmed up": Way(warm_up=225),
    "batches of 32": Way(batch_size=32, steps=225),
}
DECAYS = (0.995, 0.999)
RESULTS = find_root() / "reports" / "study_last" / "scores.csv"
COLUMNS = ("seed", "way", "step", "seconds", "average", "frechet_efficientnet_distance", "frechet_pixel_distance")


def common_job(seed, steps):
    """The training whose last state all learning rates begin with."""
    settings = {"dataset": "afhq_cat", "recipe": "laptop", "seed": seed, "steps": steps, "name": f"last_stage{seed}"}
    changes = "grow.steps=[600,1500] painter.colours=opponent gan.ema_decay=0.995 score_every=2100 save_every=700"
    given = checked(TrainParameters, **settings, overrides=changes, extractor="efficientnet pixels")
    return make_training_job(*requested(given))


def play(gan, way, stage, data, judges, note):
    """Play on, and note the scores of what was learned and of its averages, after half of the steps and at the end."""
    averages = {decay: copy.deepcopy(gan.ema) for decay in DECAYS}
    batches = Batches(data, stage.batch_size, stage.seed)
    optimisers = (gan.generator_optimiser, gan.discriminator_optimiser)
    began, aside = time.process_time(), 0.0
    for made in range(1, way.steps + 1):
        step = gan.step
        for group in (group for optimiser in optimisers for group in optimiser.param_groups):
            group["lr"] = way.lr * min(1, made / max(1, way.warm_up))
        torch.manual_seed(step_seed(stage.seed, step, 0, 1))
        draw = latents_of_step(step_seed(stage.seed, step, 0), stage, gan.generator.latent_dim)
        gan.train_step([batches[step]], draw)
        for decay, average in averages.items():
            for kept, learned in zip(average.parameters(), gan.generator.parameters()):
                kept.data.lerp_(learned.data, 1 - decay)
        if made in (way.steps // 2, way.steps):
            paused = time.process_time()
            for name, model in {"none": gan.generator, **averages}.items():
                note(gan.step, paused - began - aside, name, judges(model))
            aside += time.process_time() - paused


def main(seeds):
    torch.set_num_threads(1)
    keep_memory()
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    new = not RESULTS.exists()
    with RESULTS.open("a+", newline="") as file:
        file.seek(0)
        done = {(row["seed"], row["way"]) for row in csv.DictReader(file)}
        rows = csv.writer(file)
        if new:
            rows.writerow(COLUMNS)
        for seed in seeds:
            for name, way in WAYS.items():
                if (str(seed), name) not in done:
                    rows.writerows(go_on(seed, name, way))
                    file.flush()


def go_on(seed, name, way):
    """The scores of one way to go on from the common state of a seed, as rows."""
    job = common_job(seed, 2_100)
    job.train()  # at once, if it has been made
    gan = at_stage(last_state(job.run), job.run.recipe)
    stage = job.run.recipe.stage(gan.step)
    stage = replace(stage, batch_size=way.batch_size, gan=replace(gan.config, lr=way.lr))
    game = Gan(gan.generator, gan.discriminator, stage.gan, gan.ema)
    game.step = gan.step
    judges = Judges(job.scorers)
    rows = []

    def note(step, seconds, average, found):
        rows.append([seed, name, step, f"{seconds:.1f}", average, *(f"{value:.4f}" for value in found.values())])

    if name == next(iter(WAYS)):
        for average, model in (("none", game.generator), ("start", game.ema)):
            note(game.step, 0, average, judges(model))
    play(game, way, stage, job.data, judges, note)
    return rows


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]])
