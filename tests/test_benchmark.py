"""The whole benchmark notebook, small: it runs, its equalities hold, and its results have every part."""

import subprocess
import sys
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
SMALL = dict(
    threads=1,
    repeats=1,
    step_repeats=1,
    image_count=40,
    batch_size=1,
    hidden_size=32,
    fmap_max=16,
    painting_sizes=64,
    long_steps=128,
    compare_steps=1,
    sample_batch=10,
    feature_count=64,
    statistics_images=4,
)


def test_benchmark(tmp_path):
    results = tmp_path / "benchmark.csv"
    options = [part for name, value in (SMALL | {"results": results}).items() for part in ("-p", name, str(value))]
    command = [
        Path(sys.executable).with_name("papermill"),
        ROOT / "nbs" / "benchmark.ipynb",
        tmp_path / "out.ipynb",
        *options,
    ]
    finished = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
    assert finished.returncode == 0, finished.stderr[-2000:]
    table = pd.read_csv(results).set_index(["what", "which"])
    assert set(table.index.unique("what")) >= {
        "painting, 64 x 64",
        "painting, 64 x 64, T = 128",
        "local attention",
        "upsample, then convolve",
        "training step, by default",
        "training step, same setting",
        "sampling",
        "sampling for a score",
        "loading",
        "statistics of images",
        "Frechet distance",
    }
    assert (
        table["peak GB"][("training step, by default", "fast")]
        < table["peak GB"][("training step, by default", "literal")]
    )
