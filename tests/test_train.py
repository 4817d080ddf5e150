"""The training notebook, end to end through the real papermill command."""

import json
import os
import shutil

import nbformat
import numpy as np
import pytest
from PIL import Image

from conftest import ROOT, run_notebook
from fpa_nb.run import load_generator
from fpa_nb.recipe import recipe_from_dict
from fpa_nb.run import Run


def outputs(path, kind):
    cells = nbformat.read(path, as_version=4).cells
    return [o["data"][kind] for c in cells if c.cell_type == "code" for o in c.outputs if kind in o.get("data", {})]


def printed(path):
    cells = nbformat.read(path, as_version=4).cells
    return "".join(o.get("text", "") for c in cells if c.cell_type == "code" for o in c.outputs)


def opened(folder):
    run = Run(folder, None)
    return Run(folder, recipe_from_dict(run.record["recipe"]))


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A small run of the notebook as it stands: its folder, and its page."""
    folder = tmp_path_factory.mktemp("digits")
    result, page = run_notebook(folder, steps=40)
    assert result.returncode == 0, result.stderr
    return folder / "runs" / "digits" / "fpa" / "seed0", page


def test_default_notebook_small(digits):
    folder, page = digits
    run = opened(folder)
    assert run.recipe.steps == run.record["step"] == 40
    assert run.record["data"]["images"] == 1797 and run.record["versions"]["torch"]
    assert [p.name for p in run.checkpoints] == ["00000030", "00000040"]
    assert [p.stem for p in run.samples] == ["00000000", "00000010", "00000020", "00000030", "00000040"]
    scores = [row["frechet_pixel_distance"] for row in run.metrics if "frechet_pixel_distance" in row]
    assert len(scores) == 5 and scores[-1] < scores[0]
    figures = {"metrics", "samples", "samples_over_time", "strip", "strip_2"}
    assert {p.stem for p in (run.folder / "figures").iterdir()} == figures
    assert len(outputs(page, "image/png")) == 6
    assert "step 40:" in printed(page) and "FID" not in printed(page)
    painter = load_generator(run.checkpoints[-1])
    assert painter.config == run.recipe.painter


def test_goes_on_where_it_stopped_unless_nothing_fits(digits, papermill, program, tmp_path, capsys):
    """A run in parts, by the notebook and the program in turn, is the run in one go, bit for bit."""
    runs = tmp_path / "runs" / "digits" / "fpa"
    shutil.copytree(digits[0], runs / "parts")
    program(steps=50, name="parts")
    assert "steps 40 -> 50" in capsys.readouterr().out
    program(steps=50, name="whole")
    parts, whole = (runs / name / "checkpoints" / "00000050" for name in ("parts", "whole"))
    for file in ("model.safetensors", "config.json"):
        assert (parts / file).read_bytes() == (whole / file).read_bytes()
    with pytest.raises(ValueError, match="batch_size: 64 there, 32 now"):  # not with other settings
        program(steps=60, name="parts", batch_size=32)
    os.truncate(parts / "training.safetensors", 1000)
    result, page = papermill(steps=52, name="parts")
    assert result.returncode == 0, result.stderr
    (aside,) = parts.parent.glob("damaged-00000050-*")
    assert f"it is now {aside.name}, and the run goes on from step 40" in printed(page)
    for path in parts.parent.glob("0*"):
        os.truncate(path / "training.safetensors", 1000)
    with pytest.raises(ValueError, match="no other to go on from"):
        program(steps=54, name="parts")


def test_folder_of_photographs(papermill, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    rng = np.random.default_rng(0)
    for i in range(12):
        Image.fromarray(rng.integers(0, 255, (40, 50, 3), dtype=np.uint8)).save(photos / f"{i}.jpg")
    (photos / "broken.jpg").write_bytes(b"broken")
    small = "painter.hidden_size=16 painter.steps=8 discriminator.fmap_max=8 "
    small += "discriminator.attention_heads=1 discriminator.attention_head_dim=8"
    result, page = papermill(dataset="folder", data_dir=photos, image_size=32, batch_size=4, steps=3, overrides=small)
    assert result.returncode == 0, result.stderr
    assert "12 images of 32 x 32" in printed(page)
    assert "skipped 1 of 13 images" in printed(page) and "broken.jpg" in printed(page)
    record = json.loads((tmp_path / "runs" / "folder" / "fpa" / "seed0" / "record.json").read_text())
    assert [name for name, _ in record["data"]["skipped"]] == ["broken.jpg"]


def test_refined_painter_from_a_run_and_the_baseline(digits, papermill, tmp_path):
    start, _ = digits
    result, page = papermill(model="fpa_unet", start_from=start, steps=2)
    assert result.returncode == 0, result.stderr
    refined = load_generator(opened(tmp_path / "runs" / "digits" / "fpa_unet" / "seed0").checkpoints[-1])
    for name, tensor in load_generator(Run(start, None).checkpoints[-1]).state_dict().items():
        assert tensor.equal(refined.painter.state_dict()[name])
    assert len(outputs(page, "image/png")) == 6
    result, page = papermill(model="lightgan", steps=2)
    assert result.returncode == 0, result.stderr
    assert len(outputs(page, "image/png")) == 4  # no steps to show


BAD = {
    "unknown dataset": ({"dataset": "digit"}, "unknown dataset 'digit'; known: celeba, lsun_church"),
    "unknown model": ({"model": "gan"}, "unknown model 'gan'; known: fpa, fpa_v1, fpa_unet, fpa_v1_unet, lightgan"),
    "nothing to refine": ({"model": "fpa_unet"}, "give start_from"),
    "unknown override": ({"overrides": "painter.hiden_size=3"}, "did you mean one of: painter.hidden_size"),
    "wrong kind": ({"steps": "many"}, "steps: Input should be a valid integer"),
    "image size": ({"image_size": 48}, "image_size must be a power of two from 16 to 1024, not 48"),
    "nothing downloaded": (
        {"dataset": "lsun_church", "data_dir": "/nowhere"},
        "LSUN church outdoor, train (126227 images, about 2.45 GB) is not in /nowhere: run fpa_nb.datasets.download",
    ),
    "unknown recipe": ({"recipe": "desktop"}, "unknown recipe 'desktop'; known: paper, paper-grown, laptop"),
    "name that leads away": ({"name": "../../x"}, "name: name '../../x' cannot name a file"),
    "seed": ({"seed": -1}, "seed: Input should be greater than or equal to 0, not -1"),
    "model as a number": ({"model": 5}, "unknown model '5'"),
    "no device": ({"device": 0}, "device '0' cannot be used"),
    "no folder": ({"dataset": "folder", "data_dir": "/nowhere"}, "no folder or zip file /nowhere"),
    "unwritable": ({"runs_dir": "/proc/runs"}, "cannot write to /proc/runs"),
}


@pytest.mark.parametrize("parameters, message", BAD.values(), ids=BAD)
def test_bad_input_is_one_clear_error(parameters, message, tmp_path):
    """The notebook's parameters cell and the cell that checks them, without a kernel."""
    cells = [c for c in nbformat.read(ROOT / "nbs" / "train.ipynb", as_version=4).cells if c.cell_type == "code"]
    cells = cells[[c.metadata.get("tags") for c in cells].index(["parameters"]) :]
    variables = {}
    exec(cells[0].source, variables)
    variables |= {"steps": 2, "runs_dir": tmp_path / "runs", "cache_dir": tmp_path / "prepared"} | parameters
    with pytest.raises(ValueError) as error:
        exec(cells[1].source, variables)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_number_is_a_name_in_any_working_directory_without_an_output_path(papermill, tmp_path):
    result, page = papermill(cwd=tmp_path, to_stdout=True, name=0, steps="2.0", trackers="None", seed="1.0")
    assert result.returncode == 0, result.stderr
    assert len(outputs(page, "image/png")) == 6
    assert opened(tmp_path / "runs" / "digits" / "fpa" / "0").recipe.seed == 1
    assert "unknown parameter" not in result.stderr.lower()  # of `overrides`
    assert "recipe: digits" in printed(page)


def test_folder_says_which_recipe():
    from fpa_nb.recipe import make_recipe, recipe_note

    assert recipe_note(make_recipe("folder")).startswith("recipe: paper; 450000 steps")
    assert "recipe laptop instead: 30000 steps" in recipe_note(make_recipe("folder"))
    assert "recipe paper instead: 450000 steps" in recipe_note(make_recipe("folder", recipe="laptop"))


def test_bad_input_through_papermill(papermill):
    result, _ = papermill(steps="many")
    assert result.returncode == 1
    assert "ValueError: steps: Input should be a valid integer" in result.stderr.strip().splitlines()[-1]
