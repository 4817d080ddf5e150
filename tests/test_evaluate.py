"""An evaluation killed at any moment leaves the record as it was, or whole; run again, it comes to the same."""

import json
import os
import signal
import time

import numpy as np
import torch
from damage import KILLS
from PIL import Image

from fpa_nb.data import prepare
from fpa_nb.scoring import find_subject, note_evaluation
from fpa_nb.scoring import Scorer, evaluate


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
