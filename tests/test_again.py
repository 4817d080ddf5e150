"""`fpa_reproduce` a second time: what may change between two calls, what fails, and who else is at it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from filelock import FileLock
from PIL import Image
from quick_papermill import quick_papermill

from fpa_nb import reproduce
from fpa_nb.recipe import RENAMED, flat_settings, recipe_from_dict

STUDY = """
[[sweep]]
datasets = ["folder"]
models = ["fpa"]

[sweep.train]
data_dir = "PHOTOS"
cache_dir = "CACHE"
image_size = 16
steps = 4
batch_size = 4
extractor = "pixels"

[sweep.train.overrides]
"painter.hidden_size" = 8
"painter.steps" = 4
"discriminator.fmap_max" = 8
"discriminator.attention_heads" = 1
"save_every" = 2
"score_every" = 2
"score_samples" = 20

[sweep.evaluate]
samples = 20
replicates = 2
extractor = "pixels"
"""
TITLE = "folder/fpa/seed0"


def photographs(folder, count=24, seed=0):
    """A folder of noise, always the same for the same seed."""
    random = np.random.default_rng(seed)
    folder.mkdir()
    for i in range(count):
        Image.fromarray(random.integers(0, 255, (20, 20, 3), dtype=np.uint8)).save(folder / f"{i:02}.png")
    return folder


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """The folder of a study that was done."""
    folder = tmp_path_factory.mktemp("first")
    photographs(folder / "photos")
    photographs(folder / "moved")
    photographs(folder / "others", seed=1)
    photographs(folder / "more", count=25)
    text = STUDY.replace("PHOTOS", str(folder / "photos")).replace("CACHE", str(folder / "cache"))
    (folder / "study.toml").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reproduce, "_papermill", quick_papermill)
        places = ["--runs-dir", str(folder / "runs"), "--reports-dir", str(folder / "reports")]
        assert reproduce.main([str(folder / "study.toml"), *places]) == 0
    return folder


@pytest.fixture
def again(first, tmp_path, monkeypatch, capsys):
    """Ask for the study once more: what it returned, what it said, and which notebooks it ran."""
    shutil.copytree(first / "runs", tmp_path / "runs")
    ran = []

    def noted(job, notebook, parameters, stop):
        ran.append(notebook)
        quick_papermill(job, notebook, parameters, stop)

    monkeypatch.setattr(reproduce, "_papermill", noted)

    def ask(*words, study=lambda text: text):
        text = study((first / "study.toml").read_text())
        (tmp_path / "study.toml").write_text(text)
        places = ["--runs-dir", str(tmp_path / "runs"), "--reports-dir", str(tmp_path / "reports")]
        ran.clear()
        capsys.readouterr()
        result = reproduce.main([str(tmp_path / "study.toml"), *places, *(word.format(first) for word in words)])
        said = capsys.readouterr()
        return result, said.out, said.err, list(ran)

    ask.record = tmp_path / "runs" / TITLE / "record.json"
    return ask


def with_setting(line):
    return lambda text: text.replace("[sweep.train.overrides]", f"[sweep.train.overrides]\n{line}")


def settings_as_text(text):
    head, _, rest = text.partition("[sweep.train.overrides]")
    settings, _, tail = rest.partition("[sweep.evaluate]")
    words = " ".join(line.replace('"', "").replace(" = ", "=") for line in settings.splitlines() if line)
    return f'{head}overrides = "{words}"\n\n[sweep.evaluate]{tail}'


def reordered(text):
    return "# once more\n\n" + text.replace("image_size = 16\nsteps = 4", "steps = 4\n\nimage_size  =  16  # pixels")


SAME = {
    "nothing": {},
    "a comment, blanks and the order in the study": {"study": reordered},
    "settings as text in the study": {"study": settings_as_text},
    "a setting under its former name": {"study": with_setting('"painter.judged" = 1')},
    "how often something is written": {"words": ["-p", "overrides=log_every=1 sample_every=3"]},
    "a batch in parts": {"words": ["-p", "batch_size=2", "overrides=accumulate=2"]},
    "the same images elsewhere": {"words": ["-p", "data_dir={0}/moved"]},
    "another cache": {"words": ["-p", "cache_dir={0}/cache2"]},
    "images painted at once": {"words": ["-e", "batch_size=7"]},
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_what_changes_nothing_is_done_before(again, change):
    before = again.record.read_text()
    result, out, err, ran = again(*change.get("words", ()), study=change.get("study", lambda text: text))
    assert result == 0, err
    assert f"done before: {TITLE}" in out or f"done: {TITLE}" in out  # the latter where images had to be compared
    assert ran == [] and again.record.read_text() == before


ANOTHER = {
    "batch size": (["-p", "batch_size=8"], "batch_size: 4 there, 8 now"),
    "learning rate": (["-p", "overrides=gan.lr=1e-3"], "gan.lr: 0.0002 there, 0.001 now"),
    "a painter's setting in the study": (with_setting('"painter.rule" = "oja"'), "painter.rule: delta there, oja now"),
    "two settings": (["-p", "overrides=gan.lr=1e-3", "-p", "overrides=painter.softmax_keys=false"], "; gan.lr: 0.0002"),
    "fewer steps": (["-p", "steps=2"], "steps: 4 there, 2 now"),
    "extractor of the score that picks the best": (["-p", "extractor=inception"], "extractor: pixels there, inception"),
    "other images": (["-p", "data_dir={0}/others"], "images: 24 from"),
    "one image more": (["-p", "data_dir={0}/more"], "images: 24 from"),
    "no such folder": (["-p", "data_dir={0}/nowhere"], "no folder or zip file"),
}


@pytest.mark.parametrize("change, says", ANOTHER.values(), ids=ANOTHER)
def test_another_run_is_not_taken_for_it(again, change, says):
    before = again.record.read_text()
    words, study = ([], change) if callable(change) else (change, lambda text: text)
    result, _, err, ran = again(*words, study=study)
    assert result == 1 and ran == [] and again.record.read_text() == before
    (line,) = [line for line in err.splitlines() if line.startswith("FAILED")]
    assert line.startswith(f"FAILED {TITLE}: holds a run with other settings (") and says in line
    assert line.endswith("give another --runs-dir to start one beside it")
    result, out, _, ran = again(*words, "--dry-run", study=study)  # images that were compared are known now
    assert result == 0 and ran == [] and says in out.splitlines()[0] and "--runs-dir" in out.splitlines()[0]


def test_another_run_is_begun_beside_it_as_the_line_advises(again):
    beside = again.record.parents[3].parent / "beside"
    result, _, err, ran = again("-p", "batch_size=8", "--runs-dir", str(beside))
    assert result == 0 and ran == ["train", "evaluate"], err
    assert json.loads((beside / TITLE / "record.json").read_text())["recipe"]["batch_size"] == 8


EVALUATIONS = {
    "image format": ["-e", "image_format=png"],
    "fewer samples": ["-e", "samples=10"],
    "more samples": ["-e", "samples=30"],
    "bootstrap": ["-e", "replicates=3"],
    "checkpoint": ["-e", "checkpoint=2"],
    "real images": ["-e", "data_dir={0}/others"],
}


@pytest.mark.parametrize("words", EVALUATIONS.values(), ids=EVALUATIONS)
def test_another_evaluation_is_made_again(again, words):
    result, out, err, ran = again(*words, "--dry-run")
    assert result == 0 and out.splitlines()[0].split() == [TITLE, "to", "evaluate"]
    trained = {name: value for name, value in json.loads(again.record.read_text()).items() if name != "evaluations"}
    result, out, err, ran = again(*words)
    assert result == 0 and ran == ["evaluate"] and f"done: {TITLE}" in out, err
    record = json.loads(again.record.read_text())
    assert trained == {name: value for name, value in record.items() if name != "evaluations"}
    result, out, _, ran = again(*words)
    assert result == 0 and ran == [] and f"done before: {TITLE}" in out


def test_more_steps_go_on(again):
    result, out, err, ran = again("-p", "steps=6")
    assert result == 0 and ran == ["train", "evaluate"], err
    record = json.loads(again.record.read_text())
    assert record["step"] == 6 and record["evaluations"][-1]["trained"] == 6


FAILING = {"one of one": ["seed0"], "one of three": ["seed1"], "two of three": ["seed0", "seed2"], "all": None}


@pytest.mark.parametrize("failing", FAILING.values(), ids=FAILING)
def test_failures_come_first_and_the_tables_after(first, tmp_path, monkeypatch, capfd, failing):
    """Into a new reports folder, below one that is not there; tables only of what was done."""

    def some_fail(job, notebook, parameters, stop):
        if failing is None or job.name in failing:
            raise RuntimeError(f"{job.title}: train failed (a reason); see nowhere")
        quick_papermill(job, notebook, parameters, stop)

    monkeypatch.setattr(reproduce, "_papermill", some_fail)
    seeds = ["0"] if failing == ["seed0"] else ["0", "1", "2"]
    text = (first / "study.toml").read_text().replace("models", f"seeds = [{', '.join(seeds)}]\nmodels")
    (tmp_path / "study.toml").write_text(text)
    reports = tmp_path / "new" / "reports"
    places = ["--runs-dir", str(tmp_path / "runs"), "--reports-dir", str(reports)]
    monkeypatch.setattr(sys, "stderr", sys.stdout)  # in the order in which they come
    assert reproduce.main([str(tmp_path / "study.toml"), *places]) == 1
    lines = capfd.readouterr().out.splitlines()
    failed = [i for i, line in enumerate(lines) if line.startswith("FAILED")]
    count = len(seeds) if failing is None else len(failing)
    assert len(failed) == count and all("train failed (a reason)" in lines[i] for i in failed)
    assert not any("Traceback" in line for line in lines)
    tables = [i for i, line in enumerate(lines) if line.startswith("tables: ")]
    if count == len(seeds):
        assert not tables and not (reports / "tables.md").exists()
    else:
        assert tables and max(failed) < tables[0] and (reports / "tables.md").is_file()


def test_a_run_is_done_by_one_program_at_a_time(first, again):
    before = again.record.read_text()
    with FileLock(again.record.parent / ".reproduce.lock"):
        result, out, err, ran = again("-e", "image_format=png")
    assert result == 1 and ran == [] and again.record.read_text() == before
    assert f"FAILED {TITLE}: another fpa_reproduce is doing it; run this again when it is done" in err
    result, _, _, ran = again("-e", "image_format=png")  # the lock that is left is nobody's
    assert result == 0 and ran == ["evaluate"]


def test_two_programs_share_a_study(first, tmp_path):
    """Begun at once, each run is done once, and nothing is written twice."""
    command = [sys.executable, Path(__file__).with_name("quick_papermill.py"), first / "study.toml"]
    command += ["--runs-dir", tmp_path / "runs", "--reports-dir", tmp_path / "reports"]
    both = [subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=300)[1] for process in both]
    assert 0 in {process.returncode for process in both}, said
    for process, errors in zip(both, said):
        assert process.returncode == 0 or "another fpa_reproduce is doing it" in errors
    record = json.loads((tmp_path / "runs" / TITLE / "record.json").read_text())
    assert record["step"] == 4 and len(record["evaluations"]) == 1


PLACES = {
    "no project": lambda folder: None,
    "a project without notebooks": lambda folder: (folder / "settings.ini").write_text("lib_path = fpa_nb"),
    "one notebook of two": lambda folder: [
        (folder / "settings.ini").write_text("lib_path = fpa_nb"),
        (folder / "nbs").mkdir(),
        (folder / "nbs" / "train.ipynb").touch(),
    ],
}


@pytest.mark.parametrize("make", PLACES.values(), ids=PLACES)
def test_outside_of_the_project_it_says_so_at_once(tmp_path, monkeypatch, capsys, make):
    make(tmp_path)
    monkeypatch.chdir(tmp_path)
    digits = ["--datasets", "digits"]
    for words in (digits, [*digits, "--dry-run"], [str(ROOT / "studies" / "paper.toml")]):
        with pytest.raises(SystemExit) as error:
            reproduce.main(words)
        last = capsys.readouterr().err.strip().splitlines()[-1]
        assert error.value.code == 2 and "run this in the project's folder, which has the notebooks" in last


def test_below_the_projects_folder_it_works(monkeypatch, capsys):
    monkeypatch.chdir(ROOT / "nbs")
    assert reproduce.main(["--datasets", "digits", "--models", "fpa", "--runs-dir", "/nowhere", "--dry-run"]) == 0
    assert "digits/fpa/seed0 to train" in capsys.readouterr().out


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def test_in_a_locale_that_is_not_utf8(tmp_path):
    """Commands start anew in UTF-8 mode: a study, its images and the runs have names beyond ASCII."""
    photographs(tmp_path / "Städte")
    (tmp_path / "Größe.toml").write_text(STUDY.replace("PHOTOS", "Städte").replace("CACHE", "cache"), encoding="utf-8")
    folder, ours = Path(sys.executable).parent, os.environ | ASCII
    run = {"env": ours, "cwd": ROOT, "capture_output": True, "timeout": 300}
    done = subprocess.run([folder / "fpa_reproduce", tmp_path / "Größe.toml", "--dry-run"], **run)
    assert done.returncode == 0, done.stderr
    small = "painter.hidden_size=8 painter.steps=2 discriminator.fmap_max=8 discriminator.attention_heads=1"
    small += " score_samples=8"
    places = ["--data_dir", tmp_path / "Städte", "--runs_dir", tmp_path / "Läufe", "--cache_dir", tmp_path / "cache"]
    what = ["--dataset", "folder", "--image_size", "16", "--steps", "1", "--batch_size", "2", "--overrides", small]
    done = subprocess.run([folder / "fpa_train", *what, *places, "--extractor", "pixels"], **run)
    assert done.returncode == 0 and "done: " in done.stdout.decode(), done.stderr.decode()
    assert json.loads((tmp_path / "Läufe" / TITLE / "record.json").read_text())["data"]["source"].endswith("Städte")


def test_a_notebook_has_a_home(monkeypatch):
    with reproduce._environment() as environment:
        assert environment["HOME"] == os.environ["HOME"] and environment["PYTHONUTF8"] == "1"
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", lambda user: {}[user])  # nor does the system know one
    with reproduce._environment() as environment:
        assert Path(environment["HOME"]).is_dir()
    assert not Path(environment["HOME"]).exists()


def test_records_of_former_versions_load():
    """All of the repository's; their names of settings are present ones, and their values what they were."""
    former = {name.rpartition(".")[2] for name in RENAMED}
    paths = sorted((ROOT / "reports").glob("**/record.json"))
    assert len(paths) > 80
    seen = 0
    for path in paths:
        written = json.loads(path.read_text())["recipe"]
        settings = flat_settings(recipe_from_dict(written))
        assert not former & {name.rpartition(".")[2] for name in settings}
        for old, new in RENAMED.items():
            part, _, name = old.partition(".")
            if name in written[part]:
                assert settings[new] == written[part][name]
                seen += 1
    assert seen > 0
