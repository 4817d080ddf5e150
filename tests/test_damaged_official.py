"""A damaged official checkpoint file is a ValueError that names it.

HYPOTHESIS_PROFILE=long tries two thousand of each kind of damage (500 on each of four games) instead of a few dozen.
"""

import copy
import os
import random
import struct
import warnings
import zipfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from damage import LONG, long_limit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from official_games import DISCRIMINATOR, LIGHTGAN, PAINTER, REFINER, make_gan, same, tensors

from fpa_nb.gan import Gan
from fpa_nb.models import load_start
from fpa_nb.official import gan_from_official, load_official, save_official
from fpa_nb.official_settings import configs_of
from fpa_nb.painter import Painter

often = settings(
    max_examples=500 if LONG else 6, deadline=None, derandomize=not LONG, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore:.*is for fpa_nb only:UserWarning")

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
