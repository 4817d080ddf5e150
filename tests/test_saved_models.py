"""Saved models, damaged in every way: `load_painter` gives what the files describe, or a ValueError that names one."""

import json
import struct
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from damage import anything, damaged, long_limit, tries
from hypothesis import given, strategies as st
from safetensors.torch import load, save

from fpa_nb.lightgan import LightGenerator, LightGeneratorConfig
from fpa_nb.models import load_painter
from fpa_nb.painter import LATER_SETTINGS, Painter, PainterConfig, sample_latents
from fpa_nb.refiner import LATER_REFINER_SETTINGS, RefinedPainter, RefinerConfig

pytestmark = long_limit
ROOT = Path(__file__).resolve().parent.parent
TINY = PainterConfig(8, 1, latent_dim=4, steps=3, mini_latent_dim=2, mini_input_size=4, hidden_size=8)
TINY_LIGHT = LightGeneratorConfig(16, 1, latent_dim=4, fmap_max=4, attention_sizes=())
MODELS = {
    "painter": lambda: Painter(TINY),
    "refined": lambda: RefinedPainter(TINY, RefinerConfig(widths=(1,))),
    "lightgan": lambda: LightGenerator(TINY_LIGHT),
}
CONFIG, WEIGHTS = "config.json", "model.safetensors"


class Saved(dict):
    """The two files of each model, as bytes."""

    def __repr__(self):  # hypothesis prints what failed
        return "saved models"


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    for name, make in MODELS.items():
        make().save_pretrained(folder / name)
    return Saved({name: {file: (folder / name / file).read_bytes() for file in (CONFIG, WEIGHTS)} for name in MODELS})


plain_values = anything("delta", "hebbian", "v1", "transformer", "16", [32], [1, 2])


@st.composite
def other_settings(draw, content):
    """A config.json in which a few settings are missing, replaced or added."""
    config = json.loads(content)
    for _ in range(draw(st.integers(1, 3))):
        nested = "painter" in config and draw(st.booleans())
        part = config[draw(st.sampled_from(sorted(config)))] if nested else config
        if not isinstance(part, dict) or not part:
            continue
        name, change = draw(st.sampled_from(sorted(part))), draw(st.sampled_from(("drop", "replace", "add", "rename")))
        if change == "replace":
            part[name] = draw(plain_values)
        elif change == "add":
            part[draw(st.text(max_size=8))] = draw(plain_values)
        elif change == "rename":
            part[name + draw(st.text(min_size=1, max_size=2))] = part.pop(name)
        else:
            del part[name]
    return json.dumps(config).encode()


@st.composite
def other_tensors(draw, content):
    """A model.safetensors in which a tensor is missing, renamed, reshaped, empty or of another type, or added."""
    tensors = load(content)
    name = draw(st.sampled_from(sorted(tensors)))
    tensor = tensors.pop(name)
    types = torch.int32, torch.bool, torch.float64, torch.bfloat16, torch.complex64, torch.float8_e5m2
    changes = {
        "drop": lambda: {},
        "rename": lambda: {draw(st.sampled_from(("module." + name, name.upper(), ""))): tensor},
        "shape": lambda: {name: tensor.flatten() if tensor.ndim > 1 else tensor.reshape(1, -1)},
        "size": lambda: {name: torch.zeros([n + 1 for n in tensor.shape] or [2])},
        "type": lambda: {name: tensor.to(draw(st.sampled_from(types)))},
        "empty": lambda: {name: torch.zeros(0)},
        "add": lambda: {name: tensor, name + ".more": tensor.clone()},
    }
    return save(tensors | changes[draw(st.sampled_from(sorted(changes)))]())


@st.composite
def other_header(draw, content):
    """A model.safetensors whose header says something else of one tensor."""
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    entry = header[draw(st.sampled_from(sorted(set(header) - {"__metadata__"})))]
    field = draw(st.sampled_from(sorted(entry)))
    likely = {
        "dtype": st.sampled_from(("I32", "U32", "F16", "F64", "BOOL", "F4", "F8_E4M3", "F8_E8M0", "C64", "X")),
        "shape": st.lists(st.integers(0, 2**64)),
        "data_offsets": st.lists(st.integers(0, 99), max_size=3),
    }
    entry[field] = draw(likely[field] | plain_values)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + size :]


def load_or_refuse(folder, files):
    """Write files, load them; a model must be what its config.json says, an error one line that names a file."""
    for name in (CONFIG, WEIGHTS):
        (folder / name).unlink(missing_ok=True)
        if files.get(name) is not None:
            (folder / name).write_bytes(files[name])
    try:
        model = load_painter(folder)
    except ValueError as error:
        assert str(folder) in str(error) and "\n" not in str(error), error
        return None
    refined = isinstance(model, RefinedPainter)
    parts = {"painter": model.painter.config, "refiner": model.config} if refined else model.config
    made_with = {name: asdict(part) for name, part in parts.items()} if refined else asdict(parts)
    assert json.loads(json.dumps(made_with)) == json.loads(files[CONFIG])
    return model


@pytest.mark.parametrize("name", MODELS)
def test_whole(saved, tmp_path, name):
    model = load_or_refuse(tmp_path, saved[name])
    assert type(model) is type(MODELS[name]()) and not model.training
    assert model(sample_latents(model, 2)).isfinite().all()


BROUGHT = sorted(path.parent for path in (ROOT / "reports").glob("*/*/config.json"))


@pytest.mark.parametrize("folder", BROUGHT, ids=lambda folder: "-".join(folder.parts[-2:]))
def test_models_that_come_with_the_package(folder):
    """They were saved when some settings had other names."""
    model, settings = load_painter(folder), json.loads((folder / CONFIG).read_text())
    assert model(sample_latents(model, 2)).isfinite().all()
    if not isinstance(model, LightGenerator):
        painter = getattr(model, "painter", model)
        before = settings.get("painter", settings)
        assert painter.config.supervised_canvases == before.get("judged", before.get("supervised_canvases"))


@pytest.mark.parametrize("name", MODELS)
@tries
@given(data=st.data())
def test_damaged_config(saved, tmp_path, name, data):
    content = saved[name][CONFIG]
    texts = st.binary(max_size=20) | plain_values.map(json.dumps).map(str.encode)
    others = st.sampled_from([files[CONFIG] for files in saved.values()])
    config = data.draw(st.one_of(damaged(content), other_settings(content), texts, others))
    load_or_refuse(tmp_path, saved[name] | {CONFIG: config})


@pytest.mark.parametrize("name", MODELS)
@tries
@given(data=st.data())
def test_damaged_weights(saved, tmp_path, name, data):
    content = saved[name][WEIGHTS]
    header = damaged(content, within=8 + struct.unpack("<Q", content[:8])[0]) | other_header(content)
    others = st.sampled_from([None, b"", *(files[WEIGHTS] for files in saved.values())])
    weights = data.draw(st.one_of(damaged(content), header, other_tensors(content), others))
    load_or_refuse(tmp_path, saved[name] | {WEIGHTS: weights})


@pytest.mark.parametrize("name", MODELS)
def test_each_part(saved, tmp_path, name):
    """Every setting and every tensor, missing: it is named."""
    config, tensors = json.loads(saved[name][CONFIG]), load(saved[name][WEIGHTS])
    for part in [config["painter"], config["refiner"]] if "painter" in config else [config]:
        for setting in [setting for setting in part if setting not in (*LATER_SETTINGS, *LATER_REFINER_SETTINGS)]:
            value = part.pop(setting)
            (tmp_path / WEIGHTS).write_bytes(saved[name][WEIGHTS])
            (tmp_path / CONFIG).write_text(json.dumps(config))
            with pytest.raises(ValueError, match=f"{CONFIG} lacks the setting {setting}"):
                load_painter(tmp_path)
            part[setting] = value
    (tmp_path / CONFIG).write_text(json.dumps(config))
    for tensor in tensors:
        others = {name: content for name, content in tensors.items() if name != tensor}
        (tmp_path / WEIGHTS).write_bytes(save(others))
        with pytest.raises(ValueError, match=f"'{tensor}' is missing"):
            load_painter(tmp_path)
