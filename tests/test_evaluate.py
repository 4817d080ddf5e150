"""
An evaluation killed at five moments (twenty with HYPOTHESIS_PROFILE=long) leaves the record as it was, or
whole; run again, it comes to the same. One whose score could not be noted does not begin.
"""

import errno
import json
import os
import signal
import stat
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from damage import KILLS
from execnb.nbio import read_nb
from execnb.shell import CaptureShell
from PIL import Image

from fpa_nb.data import prepare
from fpa_nb.recipe import make_recipe
from fpa_nb.run import build_gan, open_run, save_checkpoint
from fpa_nb.scoring import Scorer, evaluate, find_subject, note_evaluation

ROOT = Path(__file__).resolve().parent.parent


def score(folder):
    """Evaluate a folder of images against the digits, and note it."""
    digits = prepare("digits", image_size=16)
    given = {"dataset": "digits", "model": "stylegan2", "image_size": 16, "runs_dir": folder / "runs"}
    subject = find_subject(folder / "samples", **given)
    scorer = Scorer(digits, cache_dir=folder / "cache")
    note_evaluation(subject, evaluate(scorer, subject.images(300, 20, 0), replicates=4), 0, 1.0)
    return subject.folder / "record.json"


def test_killed_evaluation(tmp_path):
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    for place in ("killed", "whole"):
        (tmp_path / place / "samples").mkdir(parents=True)
    for i in range(300):
        image = Image.fromarray(rng.integers(0, 255, (16, 16), dtype=np.uint8))
        for place in ("killed", "whole"):
            image.save(tmp_path / place / "samples" / f"{i}.png")
    start = time.monotonic()
    whole = json.loads(score(tmp_path / "whole").read_text())
    seconds = time.monotonic() - start
    record = tmp_path / "killed" / "runs" / "digits" / "stylegan2" / "samples" / "record.json"
    for moment in range(KILLS):
        process = os.fork()
        if not process:
            score(tmp_path / "killed")
            os._exit(0)
        time.sleep(seconds * (moment + 1) / (KILLS + 1))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        if record.exists():
            assert json.loads(record.read_text())["evaluations"]
    ours = json.loads(score(tmp_path / "killed").read_text())
    assert ours["evaluations"] == whole["evaluations"]
    left = {path.name for path in record.parent.iterdir() if not path.name.startswith(".")}
    assert left == {"record.json"}


@pytest.fixture
def write_rights_count(monkeypatch, tmp_path):
    """Nothing is written into a folder that is read-only, not even by root, who otherwise may; rights come back."""
    ordinary = tempfile.TemporaryFile

    def temporary_file(*, dir):
        if not Path(dir).stat().st_mode & stat.S_IWUSR:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(dir))
        return ordinary(dir=dir)

    monkeypatch.setattr(tempfile, "TemporaryFile", temporary_file)
    yield
    for path in tmp_path.rglob("*"):
        path.chmod(0o755)


def save_run(runs_dir):
    """A run with one checkpoint, not trained."""
    sizes = {"painter.hidden_size": 8, "discriminator.fmap_max": 8}
    run = open_run(make_recipe("digits", overrides=sizes), runs_dir)
    save_checkpoint(run.folder / "checkpoints", build_gan(run.recipe), run.recipe)
    run.write_record(recipe=asdict(run.recipe))
    return run.folder


def save_image(folder):
    folder.mkdir()
    Image.new("L", (16, 16)).save(folder / "0.png")
    return folder


@pytest.mark.parametrize("which", ["a run that is read-only", "runs that are read-only", "a file in place of the runs"])
def test_what_could_not_be_noted_is_not_begun(tmp_path, monkeypatch, write_rights_count, which):
    what, runs = save_image(tmp_path / "samples"), tmp_path / "runs"
    if which == "a run that is read-only":
        what = save_run(runs)
        what.chmod(0o555)
    elif which == "runs that are read-only":
        runs.mkdir(mode=0o555)
    else:
        runs.write_text("no folder")
    for work in ("load_generator", "load_painter", "_image_subject"):
        monkeypatch.setattr(f"fpa_nb.scoring.{work}", None)
    with pytest.raises(ValueError, match="cannot be noted in .*make it writable, or") as error:
        find_subject(what, dataset="digits", model="stylegan2", runs_dir=runs)
    assert "\n" not in str(error.value)


def test_a_score_is_shown_before_it_is_noted(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError("no space left on device")

    monkeypatch.setattr("fpa_nb.scoring.note_evaluation", full)
    notebook = read_nb(ROOT / "nbs" / "evaluate.ipynb")
    parameters = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ()))
    given = {"what": str(save_run(tmp_path)), "samples": 40, "replicates": 2, "extractor": "pixels", "device": "cpu"}
    given["cache_dir"] = str(tmp_path / "prepared")
    parameters.source += "".join(f"\n{name} = {value!r}" for name, value in given.items())
    CaptureShell(path=ROOT).run_all(notebook)
    said = [json.dumps(cell.get("outputs", [])) for cell in notebook.cells]
    failed = next(i for i, outputs in enumerate(said) if "no space left on device" in outputs)
    assert any("Frechet pixel distance of 40 images" in outputs and "2.5 %" in outputs for outputs in said[:failed])
