"""The whole thing, small: the notebook without the package, run with few training steps."""

import re
from pathlib import Path
from unittest import mock

import matplotlib
import nbformat
import pytest
import torch

from fpa_nb.rules import delta_rule_loop

matplotlib.use("Agg")
NOTEBOOK = Path(__file__).resolve().parent.parent / "nbs" / "0a_small.ipynb"


def code() -> list[str]:
    """The code cells of the notebook."""
    return [cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]


@pytest.fixture(scope="module")
def small() -> dict:
    """What the notebook leaves behind after 60 training steps instead of thousands."""
    names = {}
    with mock.patch("IPython.display.display"):  # outside of Jupyter it gives nothing that can be updated
        for source in code():
            exec(re.sub(r"^training_steps = \d+(_\d+)*", "training_steps = 60", source, flags=re.M), names)
    assert names["step"] == 59
    return names


def test_it_is_short_and_stands_alone():
    lines = [line for source in code() for line in source.split("\n") if line.strip()]
    assert len(lines) <= 150
    assert not any("fpa_nb" in line for line in lines)


def test_its_rule_is_the_delta_rule(small):
    generator = torch.Generator().manual_seed(0)
    keys, values, betas = (torch.randn(3, 7, n, generator=generator) for n in (5, 4, 1))
    expected = delta_rule_loop(keys.softmax(-1), values, betas.sigmoid())
    torch.testing.assert_close(small["delta_rule"](keys.softmax(-1), values, betas.sigmoid()), expected)


def test_its_painter_paints_one_rank_a_step(small):
    canvases = small["average"].paint(torch.randn(2, small["latent_size"])).double().atanh()
    ranks = torch.linalg.matrix_rank(canvases[:, :4], rtol=1e-4)
    assert (ranks <= torch.arange(1, 5)).all() and (ranks[:, 0] == 1).all()


def test_its_game_learns(small):
    """Losses stay finite, latents give different pictures, and these come nearer to digits than untrained ones."""
    torch.manual_seed(1)
    assert all(small["discriminator_loss"](penalised).isfinite() for penalised in (True, False))
    latents = torch.randn(500, small["latent_size"])
    with torch.no_grad():
        trained, untrained = small["average"](latents), small["Painter"]()(latents)
    away = lambda images: (images.mean(0) - small["digits"].mean(0)).square().mean()
    assert away(trained) < 0.5 * away(untrained)
    assert trained.std(0).mean() > 2 * untrained.std(0).mean()
