"""The modern game and its adaptive augmentation: two processes on the CPU against one; the study's recipes build."""

import torch
from conftest import ROOT
from test_processes import LAUNCH, SMALL, relative, start, tensors

from fpa_nb.data import prepare
from fpa_nb.parameters import parse_overrides
from fpa_nb.recipe import make_recipe
from fpa_nb.run import Run, open_run
from fpa_nb.sweeps import read_study, study_experiments
from fpa_nb.training import train

# The probability moves at every step, but stays so small that no batch is augmented: those draws depend on the process.
MODERN = f"{SMALL} gan.loss=relativistic gan.penalty=zero_centred gan.augment_target=0.01 gan.augment_steps=1000000"


def gradient(training, player):
    """All of a player's: by the relativistic loss that of some biases is zero, but for rounding."""
    names = [name for name in training if name.startswith(f"{player}_optimiser/") and name.endswith("exp_avg")]
    return torch.cat([training[name].flatten() for name in names])


def test_two_processes(tmp_path):
    recipe = make_recipe("digits", steps=2, overrides=parse_overrides(MODERN))
    train(open_run(recipe, tmp_path / "runs", "one"), prepare("digits", image_size=16), device="cpu")
    one = tmp_path / "runs" / "digits" / "fpa" / "one"
    two, _ = start(tmp_path, "two", 2, *LAUNCH, overrides=MODERN)
    for player in ("generator", "discriminator"):  # after one step, Adam's first moment is half the gradient
        expected, found = (gradient(tensors(run, 1), player) for run in (one, two))
        assert relative(found, expected) < 1e-5, player
    for name, value in tensors(one, 2).items():
        if name.startswith("augmentation/"):
            assert relative(tensors(two, 2)[name], value) < 1e-6, name
    assert Run(two, None).record["processes"] == 2
    of_one, of_two = (Run(folder, None).metrics[-1] for folder in (one, two))
    assert of_one["augment_probability"] > 0
    for name in ("overfitting", "augment_probability"):
        assert abs(of_two[name] - of_one[name]) < 1e-4 * abs(of_one[name]), name


def test_the_study_plays_every_game():
    jobs = study_experiments(read_study(ROOT / "studies" / "game.toml"))
    assert {job.recipe.gan.penalty_every for job in jobs} == {1, 4}
    assert {(job.recipe.gan.loss, job.recipe.gan.penalty, job.recipe.gan.gamma) for job in jobs} == {
        (loss, penalty, 1.0) for loss in ("hinge", "relativistic") for penalty in ("one_centred", "zero_centred")
    }
