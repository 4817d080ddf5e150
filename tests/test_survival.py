"""Runs that are killed, stopped, starved of disk, and begun again."""

import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import ROOT
from damage import LONG
from jupyter_client.manager import start_new_kernel
from safetensors.torch import load_file

from fpa_nb.data import prepare
from fpa_nb.recipe import make_recipe
from fpa_nb.run import open_run
from fpa_nb.training import train

SMALL = {
    "painter.hidden_size": 16,
    "painter.latent_dim": 8,
    "discriminator.fmap_max": 8,
    "log_every": 2,
    "save_every": 3,
    "sample_every": 5,
    "score_every": 4,
}
DIGITS = prepare("digits", image_size=16)
# a process that has done nothing yet: a fork of this one might inherit the lock of one that was killed
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["fpa_nb.training", "torch._dynamo"])  # which Adam imports, and that takes a second


@pytest.fixture(autouse=True)
def one_thread():
    """Here as in all processes that these tests start, or sums are rounded in another order."""
    torch.set_num_threads(1)


def small(steps, **changes):
    return make_recipe("digits", steps=steps, batch_size=8, overrides=SMALL | changes)


def brightness(model):
    return model(torch.ones(2, 8)).mean().item()


brightness.name = "brightness"


def growing(steps):
    """Three stages, with batches of another size each."""
    stages = {"grow.sizes": [16, 32], "grow.batches": [12, 6], "grow.steps": [steps // 3, steps // 3]}
    changes = SMALL | {"discriminator.attention_sizes": [], "painter.key_gain": 2} | stages
    return make_recipe("digits", steps=steps, image_size=64, batch_size=4, overrides=changes)


def train_in_process(folder, name, recipe, began):
    torch.set_num_threads(1)
    run = open_run(recipe, folder, name)
    data = prepare("digits", image_size=recipe.painter.image_size)
    began.set()
    train(run, data, brightness, device="cpu")


def begin(folder, name, recipe):
    """A process that has begun to train."""
    began = processes.Event()
    process = processes.Process(target=train_in_process, args=(folder, name, recipe, began), daemon=True)
    process.start()
    assert began.wait(60)
    return process


def content(file):
    """A file's content; of tensors without what stands at their head in no certain order."""
    return (
        file.read_bytes()
        if file.suffix == ".png"
        else {name: tensor.numpy().tobytes() for name, tensor in load_file(file).items()}
    )


def end_of(run):
    """All that a finished run must share with one that was never disturbed."""
    files = {
        p.relative_to(run.folder).as_posix(): content(p)
        for p in sorted(run.folder.rglob("*"))
        if p.suffix in (".safetensors", ".png")
    }
    return files, [(row["step"], row["brightness"]) for row in run.metrics if "brightness" in row], run.record["best"]


def killed_and_undisturbed(tmp_path, recipe, kills):
    """A run that was killed so often, at random moments, and finished, and one that was never disturbed."""
    moments = random.Random(0)
    whole = begin(tmp_path, "whole", recipe)
    whole.join(120)
    assert whole.exitcode == 0
    killed, finished = 0, False
    while killed < kills or not finished:
        process = begin(tmp_path, "killed", recipe)
        if killed < kills and not finished:
            process.join(moments.uniform(0.05, 0.6))
            if process.is_alive():
                os.kill(process.pid, signal.SIGKILL)
                killed += 1
        process.join(120)
        assert process.exitcode in (0, -signal.SIGKILL)  # never a state that cannot go on
        finished = process.exitcode == 0
        if finished and killed < kills:  # too fast a machine: longer, with the same beginning
            shutil.rmtree(tmp_path / "digits" / "fpa" / "killed")
            finished = False
    return [open_run(recipe, tmp_path, name) for name in ("killed", "whole")]


def test_killed_at_twenty_random_moments(tmp_path):
    run, undisturbed = killed_and_undisturbed(tmp_path, small(90), 20)
    for ours, theirs in zip(end_of(run), end_of(undisturbed), strict=True):
        assert ours == theirs
    left = {p.name for p in run.folder.rglob(".*")}
    assert left <= {".lock"} and not list(run.folder.rglob("damaged*"))


def test_killed_while_it_grows(tmp_path):
    run, undisturbed = killed_and_undisturbed(tmp_path, growing(30), 6)
    for ours, theirs in zip(end_of(run), end_of(undisturbed), strict=True):
        assert ours == theirs
    sizes = {row["step"]: row["image_size"] for row in run.metrics}
    assert [sizes[step] for step in (0, 10, 12, 20, 24, 30)] == [16, 16, 32, 32, 64, 64]


FULL = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_survival import *
folder = Path({folder!r})
torch.set_num_threads(1)
train(open_run(small(3), folder, "full"), DIGITS, device="cpu")
{fill}
try: train(open_run(small(9), folder, "full"), DIGITS, device="cpu")
except OSError as error: print("SAID", error)
{free}
train(open_run(small(9), folder, "full"), DIGITS, device="cpu")
"""


def fill_the_disk(tmp_path, small_disk):
    """
    Statements that leave no room in the folder, and that make room again.

    On a disk of its own where we may mount one, else by a limit on the size of files.
    """
    if small_disk:
        return (
            f'filler = Path({str(tmp_path)!r}, "filler"); '
            "filler.write_bytes(bytes(shutil.disk_usage(folder).free - 60_000))",
            "filler.unlink()",
        )
    return (
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))",
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))",
    )


def test_full_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = (
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], capture_output=True).returncode == 0
    )
    try:
        fill, free = fill_the_disk(disk, mounted)
        script = FULL.format(tests=str(ROOT / "tests"), folder=str(disk), fill=fill, free=free)
        result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
        assert result.returncode == 0, result.stderr
        (said,) = [line for line in result.stdout.splitlines() if line.startswith("SAID")]
        assert (
            "No space left" in said or "too large" in said
        ) and "running it again goes on from the last checkpoint" in said
        undisturbed, run = open_run(small(9), tmp_path, "whole"), open_run(small(9), disk, "full")
        train(undisturbed, DIGITS, device="cpu")
        assert content(run.checkpoints[-1] / "training.safetensors") == content(
            undisturbed.checkpoints[-1] / "training.safetensors"
        )
        assert {p.name for p in run.folder.rglob(".*")} <= {".lock"}
    finally:
        if mounted:
            subprocess.run(["umount", "-l", disk], check=True)


def test_second_writer_is_refused(tmp_path):
    recipe = small(100_000)
    first = begin(tmp_path, "run", recipe)
    run = open_run(recipe, tmp_path, "run")
    end = time.monotonic() + 60
    while not run.checkpoints and time.monotonic() < end:
        time.sleep(0.05)
    with pytest.raises(
        ValueError, match=rf"is being trained by another process \(process {first.pid} on .*\): wait for it"
    ):
        train(run, DIGITS, device="cpu")
    before = int(run.checkpoints[-1].name)
    os.kill(first.pid, signal.SIGTERM)  # and a scheduler's signal saves, and ends with its status
    first.join(60)
    assert first.exitcode == 128 + signal.SIGTERM and int(run.checkpoints[-1].name) >= before
    shorter = open_run(small(int(run.checkpoints[-1].name) + 2), tmp_path, "run")
    assert train(shorter, DIGITS, device="cpu").step == shorter.recipe.steps  # free again


CELL = """
import sys
sys.path.insert(0, {tests!r})
from test_survival import *
torch.set_num_threads(1)
run = open_run(small({steps}), {folder!r}, "run")
gan = train(run, DIGITS, brightness, device="cpu")
print("AT", gan.step)
"""


def test_interrupt_the_kernel_and_run_the_cell_again(tmp_path):
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        run = open_run(small(100_000), tmp_path, "run")
        cell = CELL.format(tests=str(ROOT / "tests"), steps=100_000, folder=str(tmp_path))
        message = client.execute(cell, stop_on_error=False)  # else cells sent right after the interrupt are dropped
        end = time.monotonic() + 120
        while not run.checkpoints and time.monotonic() < end:
            time.sleep(0.05)
        manager.interrupt_kernel()
        reply = client.get_shell_msg(timeout=60)
        while reply["parent_header"]["msg_id"] != message:  # late answers to the client's first greetings
            reply = client.get_shell_msg(timeout=60)
        assert reply["content"]["ename"] == "KeyboardInterrupt"
        stopped = int(run.checkpoints[-1].name)
        assert run.record["step"] == stopped
        said = []
        reply = client.execute_interactive(
            CELL.format(tests=str(ROOT / "tests"), steps=stopped + 5, folder=str(tmp_path)),
            output_hook=lambda m: said.append(m["content"].get("text", "")),
            timeout=120,
        )
        assert reply["content"]["status"] == "ok" and f"AT {stopped + 5}" in "".join(said)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    whole = open_run(small(stopped + 5), tmp_path, "whole")
    train(whole, DIGITS, brightness, device="cpu")
    for file in ("model.safetensors", "training.safetensors"):
        assert content(run.checkpoints[-1] / file) == content(whole.checkpoints[-1] / file)


@pytest.mark.parametrize(
    "program, number", [("papermill", signal.SIGINT), ("fpa_train", signal.SIGINT), ("fpa_train", signal.SIGTERM)]
)
def test_stopping_a_program_saves(tmp_path, program, number):
    rare = "save_every=1000000 sample_every=1000000 score_every=1000000 log_every=1 "
    rare += "painter.hidden_size=16 discriminator.fmap_max=8"
    words = {"overrides": rare, "steps": 100_000, "runs_dir": tmp_path / "runs", "cache_dir": tmp_path}
    options = [
        part
        for name, value in words.items()
        for part in (["-p", name, str(value)] if program == "papermill" else [f"--{name}", str(value)])
    ]
    command = [
        Path(sys.executable).with_name(program),
        *([ROOT / "nbs" / "train.ipynb", tmp_path / "out.ipynb"] if program == "papermill" else []),
        *options,
    ]
    run = tmp_path / "runs" / "digits" / "fpa" / "seed0"
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell that starts this in the background has it ignored, and children inherit that
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    signal.signal(signal.SIGINT, before)
    try:
        end = time.monotonic() + 120
        while not (run / "samples" / "00000000.png").exists() and time.monotonic() < end:
            time.sleep(0.1)
        time.sleep(1)
        process.send_signal(number)
        status = process.wait(60)
    finally:
        process.kill()
    assert status == (1 if program == "papermill" else 128 + number)
    assert list((run / "checkpoints").glob("0*")), "nothing was saved"


def resident(process):
    pages = Path(f"/proc/{process}/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_training_in_flat_memory(tmp_path):
    seen, steps = {}, 2000 if LONG else 600

    def watch(gan):
        seen[100 * len(seen)] = resident(os.getpid())
        return 0.0

    watch.name = "watch"
    run = open_run(small(steps, score_every=100, save_every=200, sample_every=500, log_every=20), tmp_path)
    train(run, DIGITS, watch, device="cpu")
    a_step = (seen[steps] - seen[200]) / (steps - 200)
    assert a_step < 25_000, f"{a_step / 1000:.0f} kB more a step, from {seen[200] / 1e6:.0f} MB at step 200"
