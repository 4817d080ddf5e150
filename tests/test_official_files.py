"""Official checkpoint files: every setting comes back, or is refused."""

import warnings
from dataclasses import fields, replace

import pytest
import torch
from damage import LONG
from official_games import DISCRIMINATOR, LIGHTGAN, PAINTER, REFINER, make_gan, same, tensors
from torch.testing import assert_close

from fpa_nb.run import build_gan
from fpa_nb.gan import Gan
from fpa_nb.lightgan import Discriminator, DiscriminatorConfig, LightGeneratorConfig
from fpa_nb.official import gan_from_official, load_official, read_official, save_official
from fpa_nb.official_settings import configs_of
from fpa_nb.painter import LATER_SETTINGS, Painter, PainterConfig
from fpa_nb.recipe import MODELS, make_recipe
from fpa_nb.refiner import LATER_REFINER_SETTINGS, RefinerConfig
from fpa_nb.rules import RULES

pytestmark = pytest.mark.filterwarnings("ignore:.*is for fpa_nb only:UserWarning")


def images(model, seed=0):
    torch.manual_seed(seed)  # a LightGAN draws noise
    with torch.no_grad():
        return model.eval()(torch.randn(3, model.latent_dim))


# each setting with other values than above, and what must change with it
PAINTERS = {
    "image_size": [{"image_size": 32}],
    "channels": [{"channels": 3}, {"channels": 4}, {"channels": 2}],
    "latent_dim": [{"latent_dim": 5}],
    "steps": [{"steps": 3}, {"steps": 3, "inputs": "v1"}],
    "inputs": [
        {"inputs": "v1"},
        {"inputs": "split"},
        {"inputs": "v1", "positional": True},
        {"inputs": "split", "latent_dim": 12},
    ],
    "mini_latent_dim": [{"mini_latent_dim": 3}, {"mini_latent_dim": 5, "inputs": "split"}],
    "mini_input_size": [{"mini_input_size": 7}, {"mini_input_size": 7, "inputs": "v1"}],
    "tanh_mini_latents": [{"tanh_mini_latents": False}, {"tanh_mini_latents": False, "inputs": "v1"}],
    "positional": [{"positional": True}],
    "latent_to_state": [{"latent_to_state": False}],
    "slow": [
        {"slow": "transformer", "latent_to_state": False, "mini_input_size": 8, "hidden_size": 8, "num_heads": 2},
        {
            "slow": "transformer",
            "latent_to_state": False,
            "hidden_size": 8,
            "num_heads": 4,
            "inputs": "v1",
            "num_layers": 2,
        },
    ],
    "hidden_size": [{"hidden_size": 9}],
    "num_layers": [{"num_layers": 2}],
    "num_heads": [{"num_heads": 3}],
    "feedforward_dim": [
        {"feedforward_dim": 9},
        {"feedforward_dim": 9, "slow": "transformer", "latent_to_state": False, "mini_input_size": 8, "hidden_size": 8},
    ],
    "wide_dim": [{"wide_dim": 9}],
    "rule": [{"rule": rule} for rule in RULES if rule != PAINTER.rule],
    "plain_first": [{"plain_first": False}],
    "softmax_keys": [
        {"softmax_keys": False},
        {"softmax_keys": False, "rule": "hebbian"},
        {"softmax_keys": False, "rule": "oja"},
    ],
    "tanh_values": [{"tanh_values": True}],
    "sigmoid_betas": [{"sigmoid_betas": False}],
    "vector_betas": [{"vector_betas": True}, {"vector_betas": True, "rule": "hebbian"}],
    "learned_canvas": [{"learned_canvas": True}, {"learned_canvas": True, "inputs": "v1"}],
    "tanh_output": [{"tanh_output": False}],
    "lstm_init": [{"lstm_init": 3.7}],
    "head_init": [{"head_init": 0.3}],
    "supervised_canvases": [{"supervised_canvases": 3}],
    "supervised_scaled": [{"supervised_scaled": False}],
    "supervised_late": [{"supervised_late": True, "supervised_canvases": 2}],
    "image_width": [{"image_width": 24}],
    "key_gain": [{"key_gain": 2.0}],
    "value_gain": [{"value_gain": 2.0, "tanh_values": True}],
    "place_gain": [{"place_gain": 2.0, "rule": "oja"}],
    "colours": [{"colours": "opponent", "channels": 3}],
}
REFINERS = {
    "widths": [{"widths": (1, 2)}, {"widths": (2, 3)}],
    "features": [{"features": 8}, {"features": PAINTER.image_size}],
    "tanh_canvas": [{"tanh_canvas": False}],
    "freeze_painter": [{"freeze_painter": False}],
    "stop_gradient": [{"stop_gradient": False}],
    "supervise_canvas": [{"supervise_canvas": True}],
    "residual": [{"residual": True}],
}
LIGHT = {
    "fmap_max": [{"fmap_max": 8}, {"fmap_max": 100}, {"fmap_max": 700}],
    "fmap_inverse_coef": [{"fmap_inverse_coef": 9, "fmap_max": 64}, {"fmap_inverse_coef": 14}],
    "attention_sizes": [{"attention_sizes": sizes, "image_size": 32} for sizes in ((), (16,), (32, 16), (8, 64))]
    + [{"attention_sizes": ()}],
    "attention_heads": [{"attention_heads": 3}, {"attention_heads": 8, "attention_head_dim": 64}],
    "attention_head_dim": [{"attention_head_dim": 3}],
    "blur": [{"blur": False}, {"blur": True}],
}
LIGHTGANS = LIGHT | {name: [{name: 32}] for name in ("image_size", "latent_dim")} | {"channels": [{"channels": 3}]}
DISCRIMINATORS = LIGHT | {
    "image_size": [{"image_size": size} for size in (32, 64, 512)],
    "channels": [{"channels": 3}, {"channels": 2}],
    "output_size": [{"output_size": 5}, {"output_size": 5, "blur": True}],
    "small_head": [{"small_head": False}],
    "decoder_upsamples": [{"decoder_upsamples": n} for n in (0, 1, 5)],
}


def setting_cases():
    for part, table in (
        ("painter", PAINTERS),
        ("refiner", REFINERS),
        ("lightgan", LIGHTGANS),
        ("discriminator", DISCRIMINATORS),
    ):
        for name, changes in table.items():
            for i, change in enumerate(changes):
                yield pytest.param(part, change, id=f"{part}.{name}-{i}")
    for name, changes in PAINTERS.items() if LONG else ():
        yield pytest.param("painter of a refiner", changes[0], id=f"refined.{name}")


@pytest.mark.parametrize("part, change", list(setting_cases()))
def test_every_setting_comes_back_or_is_refused(tmp_path, part, change):
    if part == "painter":
        made = {"painter": replace(PAINTER, **change)}
    elif part == "painter of a refiner":
        made = {"painter": replace(PAINTER, **change), "refiner": REFINER}
    elif part == "refiner":
        made = {"painter": PAINTER, "refiner": replace(REFINER, **change)}
    elif part == "lightgan":
        made = {"lightgan": replace(LIGHTGAN, **change)}
    else:
        config = replace(DISCRIMINATOR, **change)
        made = {
            "painter": replace(PAINTER, image_size=config.image_size, channels=config.channels),
            "discriminator": config,
        }
    gan, path = make_gan(**made), tmp_path / "model_1.pt"
    unknown = [name for name in (*LATER_SETTINGS, *LATER_REFINER_SETTINGS) if name in change]
    unknown += ["gated_delta"] if change.get("rule") == "gated_delta" else []
    if unknown:
        with pytest.raises(ValueError, match=unknown[0]) as error:
            save_official(path, gan)
        assert "\n" not in str(error.value) and not list(tmp_path.iterdir())
        return
    save_official(path, gan)
    again = gan_from_official(path, gan.config)
    assert configs_of(again.generator, again.discriminator) == configs_of(gan.generator, gan.discriminator)
    assert configs_of(again.ema, again.discriminator) == configs_of(gan.ema, gan.discriminator)
    for name in ("generator", "ema", "discriminator"):
        assert same(tensors(getattr(again, name)), tensors(getattr(gan, name)))
    assert_close(
        images(load_official(path)), images(gan.ema)
    )  # up to rounding, which depends on where a tensor is in memory
    assert_close(images(load_official(path, raw=True)), images(gan.generator))
    x = torch.rand(2, gan.discriminator.config.channels, *2 * [gan.discriminator.config.image_size])
    for ours, theirs in zip(gan.discriminator(x).logits, again.discriminator(x).logits, strict=True):
        assert_close(ours, theirs)
    for name in ("generator_optimiser", "discriminator_optimiser"):
        ours, theirs = (getattr(game, name).state_dict()["state"] for game in (gan, again))
        assert ours.keys() == theirs.keys() and all(same(ours[i], theirs[i]) for i in ours)
    again.ema.load_state_dict(gan.ema.state_dict())  # to write it again into the same folder is no contradiction
    save_official(path.with_name("model_2.pt"), again)


def test_no_setting_was_forgotten():
    for table, kind in (
        (PAINTERS, PainterConfig),
        (REFINERS, RefinerConfig),
        (LIGHTGANS, LightGeneratorConfig),
        (DISCRIMINATORS, DiscriminatorConfig),
    ):
        assert {field.name for field in fields(kind)} == set(table), kind


@pytest.mark.parametrize("model", [name for name in MODELS if not MODELS[name].refines])
@pytest.mark.parametrize("arguments", [True, False], ids=["with args.txt", "without"])
def test_the_digits_come_back(tmp_path, model, arguments):
    gan, path = build_gan(make_recipe("digits", model)), tmp_path / "model_1.pt"
    with pytest.warns(UserWarning, match=r"discriminator\.small_head=False"):
        save_official(path, gan)
    if not arguments:
        (tmp_path / "args.txt").unlink()
    steps = {"steps": 16} if model == "fpa_v1" and not arguments else {}
    assert_close(images(load_official(path, **steps)), images(gan.ema))
    assert read_official(path, **steps).discriminator.config == gan.discriminator.config


def test_the_main_model_is_written_without_a_warning(tmp_path):
    small = PainterConfig(image_size=32, latent_dim=8, steps=4, hidden_size=8)
    torch.manual_seed(0)
    gan = Gan(Painter(small), Discriminator(DiscriminatorConfig(image_size=32)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_official(tmp_path / "model_1.pt", gan)


def test_attention_is_where_its_tensors_are(tmp_path):
    for sizes in ((), (16,), (32,), (16, 32)):
        folder = tmp_path / "-".join(map(str, sizes))
        gan = make_gan(
            replace(PAINTER, image_size=32),
            discriminator=replace(DISCRIMINATOR, attention_sizes=sizes, attention_heads=8, attention_head_dim=64),
        )
        save_official(folder / "model_1.pt", gan)
        (folder / "args.txt").unlink()
        assert set(read_official(folder / "model_1.pt").discriminator.config.attention_sizes) == set(sizes)


def test_arguments_of_another_model_are_refused_before_anything_is_written(tmp_path):
    save_official(tmp_path / "model_1.pt", make_gan())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for change in ({"tanh_values": True}, {"inputs": "v1"}, {"plain_first": False}):
        with pytest.raises(ValueError, match="args.txt is not of this model"):
            save_official(tmp_path / "model_2.pt", make_gan(replace(PAINTER, **change)))
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}
