"""Small games of every kind of model, for the tests of official files."""

from dataclasses import replace

import torch

from fpa_nb.gan import Gan, GanConfig
from fpa_nb.lightgan import Discriminator, DiscriminatorConfig, LightGenerator, LightGeneratorConfig
from fpa_nb.painter import Painter, PainterConfig
from fpa_nb.refiner import RefinedPainter, RefinerConfig

PAINTER = PainterConfig(
    image_size=16, channels=1, latent_dim=8, steps=4, mini_latent_dim=2, mini_input_size=3, hidden_size=6
)
REFINER = RefinerConfig(widths=(1,))
DISCRIMINATOR = DiscriminatorConfig(image_size=16, channels=1, fmap_max=16, attention_heads=2, attention_head_dim=2)
LIGHTGAN = LightGeneratorConfig(
    image_size=16, channels=1, latent_dim=8, fmap_max=4, attention_heads=2, attention_head_dim=2
)


def make_gan(painter=PAINTER, refiner=None, lightgan=None, discriminator=DISCRIMINATOR):
    """A game whose average is not its generator, and whose optimisers have a state."""
    torch.manual_seed(0)
    shape = {name: getattr(lightgan or painter, name) for name in ("image_size", "channels")}
    generator = (
        LightGenerator(lightgan) if lightgan else RefinedPainter(painter, refiner) if refiner else Painter(painter)
    )
    gan = Gan(generator, Discriminator(replace(discriminator, **shape)), GanConfig())
    for model, optimiser in ((generator, gan.generator_optimiser), (gan.discriminator, gan.discriminator_optimiser)):
        for parameter in model.parameters():
            parameter.grad = torch.randn_like(parameter) if parameter.requires_grad else None
        optimiser.step()
    return gan


def tensors(model):
    return model.state_dict()


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)
