"""
The compiled discriminator: the same step; and without a compiler nothing changes.

In processes of their own: what compiles cannot be forked afterwards.
"""

import os
import subprocess
import sys

import pytest

GAME = """
import torch
from fpa_nb.gan import Gan, GanConfig
from fpa_nb.lightgan import Discriminator, DiscriminatorConfig
from fpa_nb.gan import can_compile
from fpa_nb.painter import Painter, PainterConfig

def step(compiled):
    torch.manual_seed(0)
    sizes = {"image_size": 16, "channels": 1}
    painter = Painter(PainterConfig(**sizes, steps=4, hidden_size=16, latent_dim=8, mini_input_size=16))
    config = DiscriminatorConfig(**sizes, fmap_max=16, small_head=False, decoder_upsamples=1)
    game = Gan(painter, Discriminator(config), GanConfig(compiled=compiled))
    game.step = 1  # a step without penalty
    losses = game.train_step([torch.rand(4, 1, 16, 16)], lambda n: torch.randn(n, 8))
    players = game.discriminator, game.generator
    return losses, [torch.cat([p.grad.flatten() for p in player.parameters()]) for player in players]

(losses, plain), (compiled_losses, compiled) = step(False), step(True)
for name in ("d_loss", "auxiliary", "d_total"):
    torch.testing.assert_close(compiled_losses[name], losses[name], rtol=1e-5, atol=1e-5)
assert (plain[0] - compiled[0]).norm() < 1e-5 * plain[0].norm()
# after a step of Adam, which makes whole steps of rounding where gradients vanish
assert (plain[1] - compiled[1]).norm() < 1e-2 * plain[1].norm()
print("compiled" if can_compile("cpu") else "not compiled")
"""


def play(**environment: str) -> str:
    child = subprocess.run([sys.executable, "-c", GAME], env=os.environ | environment, capture_output=True, text=True)
    assert child.returncode == 0, child.stderr
    return child.stdout.strip()


def test_compiled_step_is_the_same():
    if play() == "not compiled":
        pytest.skip("no C++ compiler")


def test_without_a_compiler_nothing_changes():
    assert play(CXX="/no/compiler") == "not compiled"
