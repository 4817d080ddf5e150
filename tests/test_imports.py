"""What a game does depends on nothing but its settings: not on which chapters were imported, nor in which order."""

import subprocess
import sys

STEP = """
import hashlib

import torch
from fpa_nb.gan import LOSSES, PENALTIES, Gan, GanConfig
from fpa_nb.lightgan import Discriminator, DiscriminatorConfig
from fpa_nb.painter import Painter, PainterConfig

shape = {"image_size": 16, "channels": 1}
for loss in LOSSES:
    for penalty in PENALTIES:
        torch.manual_seed(0)
        painter = Painter(PainterConfig(**shape, latent_dim=8, steps=4, mini_input_size=8, hidden_size=8))
        discriminator = Discriminator(DiscriminatorConfig(**shape, fmap_max=8, small_head=False, decoder_upsamples=1))
        config = GanConfig(loss=loss, penalty=penalty, augment_probability=0.5, precision="bf16", penalty_every=2)
        gan = Gan(painter, discriminator, config)
        for _ in range(2):
            gan.train_step([torch.rand(4, 1, 16, 16)], lambda n: torch.randn(n, 8))
        tensors = (*gan.generator.state_dict().values(), *gan.discriminator.state_dict().values(), torch.rand(1))
        digest = hashlib.sha256(b"".join(tensor.numpy().tobytes() for tensor in tensors))
        print(loss, penalty, digest.hexdigest())
"""
ORDERS = {
    "the game alone": "import fpa_nb.gan",
    "after all others": "import fpa_nb.reproduce, fpa_nb.explorer, fpa_nb.training, fpa_nb.augmentation, fpa_nb.gan",
}


def steps_after(imports: str) -> list[str]:
    """What two steps of each game give, in a process of its own that begins with these imports."""
    done = subprocess.run([sys.executable, "-c", imports + STEP], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_step_is_the_same_whatever_was_imported():
    found = {name: steps_after(imports) for name, imports in ORDERS.items()}
    assert len(found["the game alone"]) == len(set(found["the game alone"])) > 1
    assert found["the game alone"] == found["after all others"]
