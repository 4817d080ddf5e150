"""The compiled discriminator: the same step; and without a compiler nothing changes."""

import os
import subprocess
import sys

import pytest
import torch

from fpa_nb.gan import Gan, GanConfig, can_compile
from fpa_nb.lightgan import Discriminator, DiscriminatorConfig
from fpa_nb.painter import Painter, PainterConfig

NO_COMPILER = """
import torch
from fpa_nb.gan import Gan, GanConfig, can_compile
from fpa_nb.lightgan import Discriminator, DiscriminatorConfig
from fpa_nb.painter import Painter, PainterConfig

game = Gan(Painter(PainterConfig(image_size=16, steps=4, hidden_size=8)), Discriminator(DiscriminatorConfig(image_size=16, fmap_max=8)), GanConfig(compiled=True))
for _ in range(2):
    losses = game.train_step([torch.rand(2, 3, 16, 16)], lambda n: torch.randn(n, game.generator.latent_dim))
assert not can_compile("cpu") and all(loss.isfinite() for loss in losses.values())
"""


def gradients(compiled: bool) -> tuple[dict, list[torch.Tensor]]:
    torch.manual_seed(0)
    painter = Painter(PainterConfig(image_size=16, channels=1, steps=4, hidden_size=16, latent_dim=8, mini_input_size=16))
    game = Gan(painter, Discriminator(DiscriminatorConfig(image_size=16, channels=1, fmap_max=16, small_head=False, decoder_upsamples=1)), GanConfig(compiled=compiled))
    game.step = 1  # a step without penalty
    losses = game.train_step([torch.rand(4, 1, 16, 16)], lambda n: torch.randn(n, 8))
    return losses, [torch.cat([p.grad.flatten() for p in player.parameters()]) for player in (game.discriminator, game.generator)]


@pytest.mark.skipif(not can_compile("cpu"), reason="no C++ compiler")
def test_compiled_step_is_the_same():
    (losses, plain), (compiled_losses, compiled) = gradients(False), gradients(True)
    for name in ("d_loss", "auxiliary", "d_total"):
        torch.testing.assert_close(compiled_losses[name], losses[name], rtol=1e-5, atol=1e-5)
    assert (plain[0] - compiled[0]).norm() < 1e-5 * plain[0].norm()
    assert (plain[1] - compiled[1]).norm() < 1e-2 * plain[1].norm()  # after a step of Adam, which makes whole steps of rounding where gradients vanish


def test_without_a_compiler_nothing_changes():
    child = subprocess.run([sys.executable, "-c", NO_COMPILER], env=os.environ | {"CXX": "/no/compiler"}, capture_output=True, text=True)
    assert child.returncode == 0, child.stderr
    assert "Error" not in child.stderr
