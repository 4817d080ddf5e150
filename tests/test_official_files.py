"""Official checkpoint files: every setting comes back or is refused, and a damaged file is a ValueError that names it.

HYPOTHESIS_PROFILE=long tries two thousand of each kind of damage (500 on each of four games) instead of a few dozen.
"""

import copy
import os
import random
import struct
import warnings
import zipfile
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from damage import LONG, long_limit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from fpa_nb.checkpoint import build_gan
from fpa_nb.gan import Gan, GanConfig
from fpa_nb.lightgan import Discriminator, DiscriminatorConfig, LightGenerator, LightGeneratorConfig
from fpa_nb.official import gan_from_official, load_official, load_start, read_official, save_official
from fpa_nb.official_settings import configs_of
from fpa_nb.painter import Painter, PainterConfig
from fpa_nb.recipe import MODELS, make_recipe
from fpa_nb.refiner import RefinedPainter, RefinerConfig
from fpa_nb.rules import RULES

often = settings(
    max_examples=500 if LONG else 15, deadline=None, derandomize=not LONG, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore:.*is for fpa_nb only:UserWarning")

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
    "judged": [{"judged": 3}],
    "judged_scaled": [{"judged_scaled": False}],
    "judged_late": [{"judged_late": True, "judged": 2}],
}
REFINERS = {
    "widths": [{"widths": (1, 2)}, {"widths": (2, 3)}],
    "features": [{"features": 8}, {"features": PAINTER.image_size}],
    "tanh_canvas": [{"tanh_canvas": False}],
    "freeze_painter": [{"freeze_painter": False}],
    "stop_gradient": [{"stop_gradient": False}],
    "judge_canvas": [{"judge_canvas": True}],
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
    if "painter" in made and made["painter"].rule == "gated_delta":
        with pytest.raises(ValueError, match="gated_delta") as error:
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


# ---------------------------------------------------------------- damage


GAMES = {
    "painter": make_gan(replace(PAINTER, learned_canvas=True, positional=True, wide_dim=5)),
    "v1": make_gan(
        replace(PAINTER, inputs="v1", vector_betas=True), discriminator=replace(DISCRIMINATOR, small_head=False)
    ),
    "refined": make_gan(refiner=REFINER),
    "lightgan": make_gan(lightgan=LIGHTGAN, discriminator=replace(DISCRIMINATOR, blur=True)),
}


class Whole(NamedTuple):
    gan: Gan
    path: Path
    data: bytes
    content: dict

    def __repr__(self):
        return f"the file of {self.path.parent.name}"


@pytest.fixture(scope="module", params=GAMES)
def whole(request, tmp_path_factory):
    """An official file of a small game."""
    path = tmp_path_factory.mktemp(request.param) / "model_1.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        save_official(path, GAMES[request.param])
    return Whole(GAMES[request.param], path, path.read_bytes(), torch.load(path, weights_only=True))


def loads_the_same_or_names_the_file(path, gan, read=load_official):
    """Read a file that may be damaged: either it is as it was, or one line names it. True if it was read."""
    try:
        model = read(path)
    except ValueError as error:
        assert str(path) in str(error) and "\n" not in str(error), error
        return False
    assert same(tensors(model), tensors(gan.ema))
    return True


def test_one_bit_of_any_number(whole):
    _, path, content, _ = whole
    path.write_bytes(content)
    with zipfile.ZipFile(path) as archive:
        numbers = [member for member in archive.infolist() if "/data/" in member.filename and member.file_size]
    assert len(numbers) > 10
    for member in numbers:
        name_size, extra_size = struct.unpack_from("<HH", content, member.header_offset + 26)
        place = member.header_offset + 30 + name_size + extra_size + member.file_size // 2
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=f"{path}: not an official checkpoint: .*wrong checksum"):
            load_official(path)


@long_limit
@often
@given(data=st.data())
def test_damaged_bytes(whole, data):
    gan, path, content, _ = whole
    start = data.draw(st.integers(0, len(content) - 1), "start")
    damage = data.draw(st.binary(min_size=1, max_size=data.draw(st.sampled_from([1, 4, 64, 4096]))), "damage")
    how = data.draw(st.sampled_from(["replace", "cut", "insert", "end", "zeros"]), "how")
    if how == "replace":
        content = content[:start] + damage + content[start + len(damage) :]
    elif how == "cut":
        content = content[:start] + content[start + len(damage) :]
    elif how == "insert":
        content = content[:start] + damage + content[start:]
    elif how == "end":
        content = content[:start]
    else:
        content = content[:start] + bytes(len(damage)) + content[start + len(damage) :]
    path.write_bytes(content)
    loads_the_same_or_names_the_file(path, gan)


VALUES = [None, 3, "text", [], {}, torch.zeros(0), torch.zeros(3), torch.tensor(1.0), torch.zeros(2, 2).to_sparse()]


def changed_tensor(tensor, how, rng):
    """Another tensor in the place of one: of another shape, kind or memory."""
    if how == "flatten":
        return tensor.reshape(-1)
    if how == "shorter":
        return tensor[:-1] if tensor.ndim else tensor.repeat(2)
    if how == "longer":
        return torch.cat([tensor, tensor]) if tensor.ndim else tensor.repeat(3)
    if how == "turned":
        return tensor.transpose(0, -1).contiguous() if tensor.ndim else tensor.reshape(1, 1)
    if how == "one row":
        return tensor.reshape(1, -1)
    if how == "deeper":
        return tensor.unsqueeze(rng.randint(0, tensor.ndim))
    if how == "claimed":
        return torch.zeros(1).expand(*[10**4] * max(1, tensor.ndim))
    if how == "integers":
        return tensor.long()
    if how == "complex":
        return tensor.to(torch.complex64)
    return tensor


HOWS = ["flatten", "shorter", "longer", "turned", "one row", "deeper", "claimed", "integers", "complex"]


@long_limit
@often
@given(data=st.data())
def test_damaged_keys(whole, data):
    gan, path, _, content = whole
    content = {**content, "GAN": dict(content["GAN"])}
    rng = random.Random(data.draw(st.integers(0, 2**32), "seed"))
    for _ in range(data.draw(st.sampled_from([1, 1, 1, 2, 5]), "changes")):
        inside = content["GAN"] if isinstance(content.get("GAN"), dict) and rng.random() < 0.95 else content
        if not inside:
            break
        name = data.draw(st.sampled_from(sorted(inside, key=str)), "name")
        how = data.draw(st.sampled_from(["drop", "rename", "value", "move", *HOWS]), "how")
        value = inside[name]
        if how == "drop":
            del inside[name]
        elif how == "rename":
            other = data.draw(
                st.sampled_from(
                    [7, f"{name}.x", f"{name}"[:-1], "G.module", "G.", f"x{name}", f"{name}".replace("0", "9")]
                ),
                "other",
            )
            inside[other] = inside.pop(name)
        elif how == "value":
            inside[name] = rng.choice(VALUES)
        elif how == "move":
            other = data.draw(st.sampled_from(sorted(inside, key=str)), "other")
            inside[name], inside[other] = inside[other], value
        elif isinstance(value, torch.Tensor) and value.layout is torch.strided and value.numel() < 10**6:
            inside[name] = changed_tensor(value, how, rng)
    torch.save(content, path)
    try:
        model = load_official(path)
    except ValueError as error:
        assert str(path) in str(error) and "\n" not in str(error), error
    else:  # tensors of the same shape may have changed places: only that may be otherwise
        assert tensors(model).keys() == tensors(gan.ema).keys()


OPTIMISERS = ["drop", "number", "moments", "name", "shape", "kind", "step"]


@long_limit
@often
@given(data=st.data())
def test_damaged_optimisers(whole, data):
    gan, path, _, content = whole
    content = {**content}
    which = data.draw(st.sampled_from(["G_opt", "D_opt"]), "which")
    optimiser = content[which] = copy.deepcopy(content[which])
    how = data.draw(st.sampled_from(OPTIMISERS), "how")
    number = data.draw(st.sampled_from(sorted(optimiser["state"])), "number")
    moments = optimiser["state"][number]
    key = data.draw(st.sampled_from(sorted(moments)), "key")
    if how == "drop":
        content[which] = data.draw(
            st.sampled_from([None, 3, [], {}, {"state": None}, {"state": []}, {"state": {}}]), "instead"
        )
    elif how == "number":
        optimiser["state"][data.draw(st.sampled_from([-1, 10**6, "0", None, (1,), 2.5]), "other")] = optimiser[
            "state"
        ].pop(number)
    elif how == "moments":
        optimiser["state"][number] = data.draw(st.sampled_from([None, 3, [], {}, torch.zeros(2)]), "instead")
    elif how == "name":
        moments[data.draw(st.sampled_from(["max_exp_avg_sq", 3, "", "exp.avg"]), "other")] = moments.pop(key)
    elif how == "shape":
        moments[key] = changed_tensor(moments[key], data.draw(st.sampled_from(HOWS), "shape"), random.Random(0))
    elif how == "kind":
        moments[key] = data.draw(st.sampled_from(VALUES), "instead")
    else:
        moments["step"] = data.draw(
            st.sampled_from([-1, 3, 3.5, float("nan"), float("inf"), 10**400, True, torch.tensor([2.0])]), "step"
        )
    torch.save(content, path)
    assert loads_the_same_or_names_the_file(path, gan)  # painting does not need them
    loads_the_same_or_names_the_file(path, gan, lambda path: gan_from_official(path).ema)
    if isinstance(gan.generator, Painter):
        loads_the_same_or_names_the_file(path, gan, lambda path: load_start(path).averaged)


NAMES = [
    "use_softmax",
    "num_decoding_steps",
    "attn_res_layers",
    "fmap_max",
    "model_type",
    "image_size",
    "no_sigmoid_lr",
]
VALUE_TEXTS = ["True", "null", "8", "-1", "1e400", "9" * 5000, "b''", "lstm_oja_split_v2", "device(type='cuda')"]
SIGNS = [
    "Namespace(",
    "<function main at 0x7f>",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ":",
    "=",
    ",",
    '"',
    "'",
    "--",
    "#",
    "\\",
]
WORDS = st.sampled_from(
    [*NAMES, "fpa_nb", "painter", "discriminator", *VALUE_TEXTS, *SIGNS, " ", "\n", "\0", "\ufeff", "é"]
)
ENCODINGS = st.sampled_from(["utf-16", "utf-32", "latin-1", "cp500"])
PLAIN = st.one_of(st.none(), st.integers(), st.floats(), st.text())
TEXTS = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=200).map(str.encode),
    st.lists(WORDS, max_size=30).map(lambda words: "".join(words).encode()),
    st.dictionaries(st.sampled_from(NAMES), PLAIN).map(lambda d: f"Namespace(**{d!r})".encode(errors="replace")),
    ENCODINGS.map(lambda encoding: "use_softmax: True é".encode(encoding)),
)


@long_limit
@often
@given(text=TEXTS)
def test_damaged_arguments(whole, text):
    gan, path, content, _ = whole
    path = path.parent / "arguments" / path.name  # the other tests need good arguments
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    path.with_name("args.txt").write_bytes(text)
    loads_the_same_or_names_the_file(path, gan)


@long_limit
@often
@given(data=st.data())
def test_wrong_arguments(whole, data):
    gan, path, content, _ = whole
    path.write_bytes(content)
    anything = st.one_of(PLAIN, st.booleans(), st.lists(st.integers(), max_size=3))
    ours = {part: asdict(config) for part, config in configs_of(gan.generator, gan.discriminator).items()}
    part = data.draw(st.sampled_from(sorted(ours)), "part")
    name = data.draw(st.sampled_from(sorted(ours[part])), "setting")
    own = {"fpa_nb": ours | {part: ours[part] | {name: data.draw(anything, "value")}}}
    names = [*NAMES, "latent_dim", "ff_dim", "kvb_init_fact", "unet_tanh"]
    official = {name: data.draw(anything, name) for name in names}
    given = [own, official, official | own, {"fpa_nb": 3}, {"fpa_nb": {part: 3}}]
    arguments = data.draw(st.sampled_from(given), "arguments")
    loads_the_same_or_names_the_file(path, gan, lambda path: load_official(path, arguments=arguments))


def test_what_runs_nothing(tmp_path):
    path = tmp_path / "model_1.pt"

    class Dangerous:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    for content in ({"GAN": Dangerous()}, {"GAN": {}, "more": Dangerous()}, Dangerous()):
        torch.save(content, path)
        with pytest.raises(ValueError, match="code, which is never run"):
            load_official(path)
    assert not Path(tmp_path, "ran").exists()
