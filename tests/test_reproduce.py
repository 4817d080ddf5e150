"""Evaluation, tables, and reproducing a whole table of small runs through the real commands."""

import io
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from conftest import ROOT
from damage import KILLS
from PIL import Image
from quick_papermill import main as quick_main, quick_papermill, run_experiment

from fpa_nb.official import save_official
from fpa_nb.recipe import make_recipe
from fpa_nb.reproduce import main, reproduce
from fpa_nb.run import build_gan
from fpa_nb.sweeps import Sweep, make_experiments, read_study, study_experiments

COMMAND = Path(sys.executable).with_name("fpa_reproduce")
SILENT = {stream: subprocess.DEVNULL for stream in ("stdin", "stdout", "stderr")}
SMALL = ["steps=10", "overrides=painter.hidden_size=16 lightgan.fmap_max=8 discriminator.fmap_max=8"]

processes = multiprocessing.get_context("forkserver")  # each a fork of one that has done nothing but import
processes.set_forkserver_preload(["quick_papermill", "torch._dynamo"])  # which Adam imports, and that takes a second


def arguments(folder, *more):
    table = ["--datasets", "digits", "--models", "fpa", "lightgan", "--seeds", "0"]
    where = ["--runs-dir", folder / "runs", "--reports-dir", folder / "reports"]
    return [COMMAND, *table, *where, "-p", *SMALL, "-e", "samples=60", "replicates=2", "extractor=pixels", *more]


def done(folder):
    return sorted(
        str(p.parent.relative_to(folder / "runs"))
        for p in folder.glob("runs/*/*/*/record.json")
        if json.loads(p.read_text()).get("evaluations")
    )


def test_kill_and_run_again_does_only_the_rest(tmp_path, capsys):
    with subprocess.Popen(list(map(str, arguments(tmp_path))), **SILENT) as first:
        end = time.monotonic() + 300
        while not done(tmp_path) and time.monotonic() < end:
            time.sleep(0.1)
        first.kill()  # not its notebooks and their kernels, which must notice that it is gone
    while running(tmp_path) and time.monotonic() < end:
        time.sleep(0.1)
    assert not running(tmp_path)
    before = done(tmp_path)
    assert before == ["digits/fpa/seed0"]
    again = subprocess.run(arguments(tmp_path), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
    assert again.returncode == 0, again.stderr
    said = again.stdout.splitlines()
    assert "done before: digits/fpa/seed0" in said and "done: digits/lightgan/seed0" in said
    assert done(tmp_path) == ["digits/fpa/seed0", "digits/lightgan/seed0"]
    markdown = (tmp_path / "reports" / "tables.md").read_text()
    assert "Frechet pixel distance (not FID)" in markdown and "(60 samples, 10 steps, seed 0)" in markdown
    rows = pd.read_csv(tmp_path / "reports" / "tables" / "evaluations.csv")
    assert len(rows) == 2 and (rows.samples == 60).all()
    capsys.readouterr()
    assert main([str(word) for word in arguments(tmp_path, "--dry-run")[1:]]) == 0
    assert capsys.readouterr().out.count(" done") == 2


def running(folder):
    """Processes that were told of a folder, or of a kernel's file that such a process made."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if process.pid != os.getpid() and any(str(folder) in word for word in process.info["cmdline"] or ()):
            found += [process.pid, *(child.pid for child in process.children(recursive=True))]
    return found


def scores(folder):
    """Step and scores of each run, from its record, which must be whole."""
    records = {path.parent.name: json.loads(path.read_text()) for path in folder.glob("runs/*/*/*/record.json")}
    keys = ("name", "value", "kernel", "samples", "checkpoint")
    return {
        name: (record.get("step"), [[entry[key] for key in keys] for entry in record.get("evaluations", ())])
        for name, record in records.items()
    }


def test_killed_at_random_moments(tmp_path):
    settings = f"{SMALL[1]} log_every=5 save_every=3 sample_every=20 score_every=10 score_samples=50"
    table = ["--datasets", "digits", "--models", "fpa", "--seeds", "0", "1", "-p", "steps=60", settings]
    asked = [*table, "-e", "samples=60", "replicates=2", "extractor=pixels"]

    def begin(name):
        folder = tmp_path / name
        words = [*asked, "--runs-dir", str(folder / "runs"), "--reports-dir", str(folder / "reports")]
        process = processes.Process(target=quick_main, args=(words,), daemon=True)
        process.start()
        return process

    whole = begin("whole")
    start = time.monotonic()
    whole.join(300)
    assert whole.exitcode == 0
    moments, most = random.Random(0), (time.monotonic() - start) / 6
    for _ in range(KILLS):
        process = begin("killed")
        process.join(moments.uniform(0, most))
        process.kill()
        process.join()
        scores(tmp_path / "killed")
    last = begin("killed")
    last.join(300)
    assert last.exitcode == 0 and scores(tmp_path / "killed") == scores(tmp_path / "whole")
    made = [{p.relative_to(tmp_path / name) for p in (tmp_path / name).rglob("*")} for name in ("whole", "killed")]
    assert made[0] == made[1]


def test_ctrl_c_stops_everything_once(tmp_path):
    """What runs is saved, nothing new begins, one line, status 130; pressing again and again changes nothing."""
    long = ["-p", "steps=5000", "recipe=digits", SMALL[1], "--seeds", "0", "1"]
    command = list(map(str, arguments(tmp_path, *long)))
    first, end = tmp_path / "runs/digits/fpa/seed0", time.monotonic() + 300
    with subprocess.Popen(command, **SILENT | {"stderr": subprocess.PIPE}, text=True) as process:
        while not (first / "metrics.csv").exists() and time.monotonic() < end:
            time.sleep(0.1)
        for _ in range(10):
            process.send_signal(signal.SIGINT)
            time.sleep(0.02)
        try:
            errors = process.communicate(timeout=120)[1]
        finally:
            process.kill()
    assert process.returncode == 130 and "Traceback" not in errors, errors
    assert errors.strip().splitlines()[-1].startswith("stopped: what was running is saved")
    assert list((first / "checkpoints").glob("0*"))
    assert not (tmp_path / "runs/digits/fpa/seed1").exists() and not (tmp_path / "runs/digits/lightgan").exists()


def test_failures_are_listed_and_the_rest_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("fpa_nb.reproduce.run_experiment", run_experiment)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # submitit's process imports it from here
    train = dict(s.split("=", 1) for s in SMALL) | {"data_dir": str(tmp_path)}
    evaluate = {"samples": 60, "replicates": 2, "extractor": "pixels"}
    sweep = Sweep(datasets=["afhq_cat", "digits"], models=["fpa"], train=train, evaluate=evaluate)
    jobs = make_experiments(sweep, tmp_path)
    failures = reproduce(jobs, executor="local", say=lambda line: None)  # through submitit
    assert len(failures) == 1 and "afhq_cat/fpa/seed0" in failures[0] and "train.ipynb" in failures[0]
    assert done(tmp_path.parent / tmp_path.name) == [] and jobs[1].state == "done"


def test_wrong_names_are_one_error(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--datasets", "digit"])
    assert ended.value.code == 2 and "unknown dataset 'digit'; known: celeba" in capsys.readouterr().err


def papermill(notebook, output, **given):
    """Run a notebook through papermill, which must succeed, and return all that its cells printed."""
    options = [part for name, value in given.items() for part in ("-p", name, value)]
    program = [Path(sys.executable).with_name("papermill"), "--no-progress-bar", "--log-output"]
    command = map(str, [*program, ROOT / "nbs" / notebook, output, *options])
    pipes = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
    result = subprocess.run(list(command), cwd=ROOT, timeout=300, **pipes)
    assert result.returncode == 0, result.stderr
    return result.stdout + result.stderr


def zip_of_images(path, broken):
    """80 random images, always the same ones, and a file that is none."""
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(80):
            file = io.BytesIO()
            Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(file, "PNG")
            archive.writestr(f"{i}.png", file.getvalue())
        archive.writestr(broken, b"no image")


def test_evaluate_images_in_a_zip_and_rebuild_the_tables(tmp_path):
    zip_of_images(tmp_path / "painted.zip", "broken.png")
    zip_of_images(tmp_path / "photographs.zip", "torn.jpg")
    places = {"data_dir": tmp_path / "photographs.zip", "cache_dir": tmp_path / "cache", "runs_dir": tmp_path / "runs"}
    about = {"dataset": "folder", "model": "stylegan2", "replicates": 2, "extractor": "pixels"}
    said = papermill("evaluate.ipynb", tmp_path / "evaluate.ipynb", what=tmp_path / "painted.zip", **about, **places)
    assert "broken.png" in said and "torn.jpg" in said
    (record,) = tmp_path.glob("runs/folder/stylegan2/*/record.json")
    (entry,) = json.loads(record.read_text())["evaluations"]
    assert (entry["samples"], entry["real"], entry["unreadable"]) == (80, 80, 1)
    assert entry["name"] == "frechet_pixel_distance"
    assert entry["value"] < 1e-3  # the same images, saved as JPEG on both sides
    places = {"runs_dir": tmp_path / "runs", "folder": tmp_path / "reports", "published": tmp_path / "none.csv"}
    papermill("tables.ipynb", tmp_path / "tables.ipynb", **places)
    assert "StyleGAN2" in (tmp_path / "reports" / "tables.md").read_text()


def test_a_study_is_killed_and_only_the_rest_is_done(tmp_path, monkeypatch, capsys):
    """studies/digits.toml with one value a setting, and two models; and studies/paper.toml, for one dataset."""
    study = tomllib.loads((ROOT / "studies" / "digits.toml").read_text())
    for sweep in study["sweep"]:
        sweep |= {"seeds": [0], "vary": {name: values[-1:] for name, values in sweep["vary"].items()}}
    models = {name: value for name, value in study["sweep"][0].items() if name not in ("vary", "one_at_a_time")}
    sweeps = [*study["sweep"], models | {"models": ["lightgan", "fpa_unet"]}]
    (tmp_path / "digits.toml").write_text("\n".join(as_toml(sweep) for sweep in sweeps))
    photographs(tmp_path / "cats", 30)
    tiny = "lightgan.fmap_max=8 discriminator.fmap_max=8 discriminator.attention_heads=1"
    tiny += " log_every=1 score_every=2 score_samples=20"
    digits = [tmp_path / "digits.toml", "--only", "digits", "-p", "batch_size=8", f"overrides={tiny}"]
    cats = [ROOT / "studies" / "paper.toml", "--only", "afhq_cat", "-p", f"data_dir={tmp_path / 'cats'}"]
    cats += [f"cache_dir={tmp_path / 'cache'}", "batch_size=4", "image_size=16"]
    cats += [f"overrides={tiny} painter.hidden_size=16 refiner.widths=[1,1,1]"]
    for words, name, runs in ((digits, "digits", 8), (cats, "afhq_cat", 7)):
        small = [*words, "steps=2", "-e", "samples=20", "replicates=2", "extractor=pixels"]
        where = ["--runs-dir", tmp_path / "runs", "--reports-dir", tmp_path / "reports"]
        words = [str(word) for word in [*small, *where]]
        begin_and_kill(tmp_path, words)
        before = len(done(tmp_path))
        monkeypatch.setattr("fpa_nb.reproduce._papermill", quick_papermill)
        capsys.readouterr()
        assert main(words) == 0
        told = capsys.readouterr().out.splitlines()
        assert sum(line.startswith(f"done before: {name}/") for line in told) == before > 0
        assert sum(line.startswith(f"done: {name}/") for line in told) == runs - before > 0
        assert "By painting steps" in (tmp_path / "reports" / "tables.md").read_text()
        shutil.rmtree(tmp_path / "runs")


def begin_and_kill(folder, words):
    process = processes.Process(target=quick_main, args=(words,), daemon=True)
    process.start()
    end = time.monotonic() + 300
    while not done(folder) and process.is_alive() and time.monotonic() < end:
        time.sleep(0.05)
    process.kill()
    process.join()


def as_toml(sweep):
    """A sweep as TOML: what JSON writes is TOML, too, but for tables."""
    lines = ["[[sweep]]"]
    for name, value in sweep.items():
        pairs = (f"{json.dumps(key)} = {json.dumps(each)}" for key, each in value.items()) if name in TABLES else ()
        lines.append(f"{name} = {{{', '.join(pairs)}}}" if name in TABLES else f"{name} = {json.dumps(value)}")
    return "\n".join(lines)


TABLES = ("vary", "train", "evaluate")


def photographs(folder, count):
    """A folder of noise."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for i in range(count):
        Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(folder / f"{i}.png")


def test_every_recipe_of_the_studies_builds():
    counts = {"digits": 88, "faces": 12, "longer": 3, "paper": 42, "game": 19, "few": 2, "recipe": 16}
    for name, count in counts.items():
        jobs = study_experiments(read_study(ROOT / "studies" / f"{name}.toml"))
        titles = {job.title for job in jobs}
        assert len(titles) == len(jobs) == count and all(job.recipe.steps for job in jobs)
        assert {job.needs for job in jobs if job.needs} <= titles


def stand_ins(archive):
    """An archive of two small painters, of which one tells what it was trained on."""
    sizes = {"hidden_size": 16, "latent_dim": 16, "mini_latent_dim": 4, "mini_input_size": 8, "steps": 4}
    small = {f"painter.{name}": value for name, value in sizes.items()} | {"discriminator.fmap_max": 8}
    made = archive.with_name("made")
    for name in ("afhq_cat", "unnamed"):
        path = made / name / "model_1.pt"
        path.parent.mkdir(parents=True)
        save_official(path, build_gan(make_recipe("folder", image_size=32, overrides=small)))
    with zipfile.ZipFile(archive, "w") as opened:
        for path in sorted(made.rglob("*")):
            opened.write(path, path.relative_to(made))
    shutil.rmtree(made)


def test_the_authors_models_are_scored(tmp_path, monkeypatch, capsys):
    """Stand-ins for the archive: found, scored each against its dataset, and not again; a hostile one is refused."""
    (tmp_path / "settings.ini").write_text("lib_path = fpa_nb")
    (tmp_path / "nbs").symlink_to(ROOT / "nbs")
    monkeypatch.chdir(tmp_path)  # a project of its own
    monkeypatch.setattr("fpa_nb.reproduce._papermill", quick_papermill)
    photographs(tmp_path / "data", 30)
    (tmp_path / "data" / "pretrained").mkdir()
    with zipfile.ZipFile(tmp_path / "data" / "pretrained" / "hostile.zip", "w") as archive:
        archive.writestr("../outside.pt", "x")
    words = ["--pretrained", "-e", "samples=20", "replicates=2", "extractor=pixels"]
    with pytest.raises(SystemExit):
        main(words)
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "hostile.zip" in said and not (tmp_path / "data" / "outside.pt").exists()
    (tmp_path / "data" / "pretrained" / "hostile.zip").unlink()
    stand_ins(tmp_path / "data" / "pretrained" / "models.zip")
    assert main([*words, "--dry-run"]) == 0 and not list(tmp_path.glob("reports/runs/*"))
    assert main(words) == 1  # of one nothing tells what it was trained on
    said = capsys.readouterr()
    assert "done: afhq_cat/official/afhq_cat" in said.out and "FAILED official:unnamed: nothing tells" in said.err
    main(words)
    assert "done before: afhq_cat/official/afhq_cat" in capsys.readouterr().out
    assert "official: afhq_cat" in (tmp_path / "reports" / "tables.md").read_text()
