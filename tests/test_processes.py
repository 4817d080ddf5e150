"""Two processes on the CPU against one, by each way to start them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from safetensors.torch import load_file

from fpa_nb.launch import fpa_train, main
from fpa_nb.parameters import TrainParameters, checked
from fpa_nb.recipe import recipe_from_dict
from fpa_nb.run import Run

SMALL = "batch_size=16 painter.hidden_size=32 painter.latent_dim=16 discriminator.fmap_max=16 log_every=5 save_every=1 "
SMALL += "sample_every=20 score_every=20 gan.adam_betas=[0.5,0.9] gan.lr=2e-4"


def tensors(run, step):
    return load_file(run / "checkpoints" / f"{step:08d}" / "training.safetensors")


def start(tmp_path, name, steps, *launcher, **more):
    words = {
        "dataset": "digits",
        "steps": steps,
        "runs_dir": tmp_path / "runs",
        "cache_dir": tmp_path / "prepared",
        "device": "cpu",
        "name": name,
        "overrides": SMALL,
    } | more
    command = [*(launcher or ("fpa_train",)), *(str(w) for n, v in words.items() for w in (f"--{n}", v))]
    command[0] = Path(sys.executable).with_name(command[0])
    result = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return tmp_path / "runs" / "digits" / "fpa" / name, result.stdout


def relative(a, b):
    return float((a - b).norm() / b.norm().clamp(min=1e-12))


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Two steps, and twenty, of one process."""
    folder = tmp_path_factory.mktemp("alone")
    places = {"runs_dir": str(folder / "runs"), "cache_dir": str(folder / "prepared"), "device": "cpu"}
    runs = {"two": 2, "twenty": 20}
    for name, steps in runs.items():
        fpa_train(checked(TrainParameters, name=name, steps=steps, overrides=SMALL, **places))
    return [folder / "runs" / "digits" / "fpa" / name for name in runs]


LAUNCH = (
    "accelerate",
    "launch",
    "--multi_gpu",
    "--num_processes",
    "2",
    "--num_machines",
    "1",
    "--mixed_precision",
    "no",
    "--dynamo_backend",
    "no",
    "--main_process_port",
    "0",
    "-m",
    "fpa_nb.launch",
)
# "multi_gpu" is Accelerate's word for several processes on one machine (for its --cpu it wants MPI);
# `start` asks for the CPU


def test_accelerate_launch(alone, tmp_path):
    twenty, said = start(tmp_path, "twenty", 20, *LAUNCH)
    for key, weight in tensors(alone[1], 20).items():
        if key.startswith(("generator/", "discriminator/")):
            assert relative(tensors(twenty, 20)[key], weight) < 1e-4, key
    assert said.count("steps 0 -> 20") == 1 and said.count("done: ") == 1  # one process speaks
    run = Run(twenty, None)
    assert run.record["processes"] == 2 and recipe_from_dict(run.record["recipe"]).batch_size == 16
    for row, expected in zip(run.metrics, Run(alone[1], None).metrics, strict=True):
        assert row.keys() == expected.keys() and all(
            abs(row[k] - expected[k]) < 1e-3 * max(1, abs(expected[k])) for k in row if k != "seconds"
        )


def test_notebook_launcher(alone, papermill, tmp_path):
    result, _ = papermill(steps=2, num_processes=2, device="cpu", overrides=SMALL, name="two")
    assert result.returncode == 0, result.stderr
    two = tmp_path / "runs" / "digits" / "fpa" / "two"
    for key, moment in tensors(alone[0], 1).items():  # after one step, Adam's first moment is half the gradient
        if "_optimiser/" in key and key.endswith("exp_avg"):
            assert relative(tensors(two, 1)[key], moment) < 1e-5, key
    for key, weight in tensors(alone[0], 2).items():
        if key.startswith(("generator/", "discriminator/")):
            assert relative(tensors(two, 2)[key], weight) < 1e-4, key


GROWING = SMALL + " discriminator.attention_sizes=[] grow.sizes=[16] grow.batches=[32] grow.steps=[1] "
GROWING += "painter.key_gain=1.4142135623731"


def test_growing_with_two_processes(tmp_path):
    words = {"steps": 2, "image_size": 32, "overrides": GROWING, "device": "cpu", "cache_dir": str(tmp_path / "cache")}
    fpa_train(checked(TrainParameters, name="alone", runs_dir=str(tmp_path / "runs"), **words))
    alone = tmp_path / "runs" / "digits" / "fpa" / "alone"
    two, said = start(tmp_path, "two", num_processes=2, **words)
    assert "to step 1 images of 16 x 16, batch 32 x 1" in said
    assert [row["image_size"] for row in Run(two, None).metrics] == [16, 16, 32]
    for step in (1, 2):  # when it has grown, and a step later
        for key, tensor in tensors(alone, step).items():
            assert relative(tensors(two, step)[key], tensor) < 1e-4, key


def test_tensorboard(program, tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    program(steps=10, name="tracked", trackers="tensorboard")
    run = tmp_path / "runs" / "digits" / "fpa" / "tracked"
    events = EventAccumulator(str(run / "tensorboard" / "fpa_nb"))
    events.Reload()
    rows = {row["step"]: row["d_loss"] for row in Run(run, None).metrics if "d_loss" in row}
    assert {e.step: e.value for e in events.Scalars("d_loss")} == pytest.approx(rows, rel=1e-4)


def test_wrong_number_of_processes(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--num_processes", "3", "--runs_dir", str(tmp_path), "--cache_dir", str(tmp_path)])
    assert ended.value.code == 2
    assert "num_processes must divide the batch of 64" in capsys.readouterr().err.splitlines()[-1]
