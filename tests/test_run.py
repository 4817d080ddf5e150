"""What a run's record says of where it was made, and what is installed: on machines without git, trackers or a home."""

import importlib
import json
import os
import shutil
import subprocess
import sys
import time

import pytest
import torch

from conftest import ROOT
from fpa_nb.data import prepare
from fpa_nb.launch import main
from fpa_nb.recipe import make_recipe
from fpa_nb.run import check_trackers, environment, open_run
from fpa_nb.training import train

SMALL = {"painter.hidden_size": 16, "painter.latent_dim": 8, "discriminator.fmap_max": 8, "save_every": 2}
CPU = torch.device("cpu")
has_git = pytest.mark.skipif(shutil.which("git") is None, reason="no git on this machine")


def small(steps):
    return make_recipe("digits", steps=steps, batch_size=8, overrides=SMALL)


def git(folder, *words):
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder that is taken for the project's, as the working directory; not below a repository."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "settings.ini").write_text("lib_path = fpa_nb\n")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return folder


def test_training_with_an_empty_path(tmp_path):
    """The program itself, where no other program is to be found."""
    words = f"--steps 2 --device cpu --extractor pixels --runs_dir {tmp_path} --cache_dir {tmp_path}".split()
    options = [*words, "--overrides", "batch_size=8 painter.hidden_size=16 discriminator.fmap_max=8 score_samples=20"]
    places = {"PATH": "", "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}
    command = [sys.executable, "-m", "fpa_nb.launch", *options]
    result = subprocess.run(command, cwd=ROOT, env=os.environ | places, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    record = json.loads((tmp_path / "digits" / "fpa" / "seed0" / "record.json").read_text())
    assert record["step"] == 2 and record["commit"] is None and record["changed"] == []


def no_repository(folder):
    pass


def no_commit(folder):
    git(folder, "init")
    git(folder, "add", "settings.ini")


def another_owner(folder):
    no_commit(folder)
    git(folder, "commit", "-m", "first")
    os.environ["GIT_TEST_ASSUME_DIFFERENT_OWNER"] = "1"


def damaged(folder):
    no_commit(folder)
    git(folder, "commit", "-m", "first")
    (folder / ".git" / "HEAD").write_text("nonsense")


@has_git
@pytest.mark.parametrize("make", [no_repository, no_commit, another_owner, damaged], ids=lambda make: make.__name__)
def test_repository_that_names_no_commit(make, project, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "0")
    make(project)
    found = environment(CPU)
    assert (found["commit"], found["changed"]) == (None, [])


@pytest.mark.parametrize("mode, content", [(0o755, "#!/bin/sh\necho broken; exit 3\n"), (0o644, ""), (0o755, "\0")])
def test_git_that_does_not_work(mode, content, project, monkeypatch):
    """It answers with an error, may not be run, is no program."""
    programs = project / "bin"
    programs.mkdir()
    (programs / "git").write_text(content)
    (programs / "git").chmod(mode)
    monkeypatch.setenv("PATH", str(programs))
    found = environment(CPU)
    assert (found["commit"], found["changed"]) == (None, [])


@has_git
def test_changed_files_are_named(project):
    for name in ("a.py", "nbs/größe.ipynb", "nbs/two\nlines.py", *(f"many/{i:02d}.py" for i in range(30))):
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text("one")
    no_commit(project)
    git(project, "add", ".")
    git(project, "commit", "-m", "first")
    clean = environment(CPU)
    assert len(clean["commit"]) == 12 and clean["changed"] == []
    (project / "new.py").write_text("not tracked")
    assert environment(CPU)["commit"] == clean["commit"]
    (project / "a.py").write_text("two")
    (project / "nbs" / "größe.ipynb").write_text("two")
    (project / "nbs" / "two\nlines.py").unlink()
    git(project, "add", "a.py")
    assert environment(CPU)["commit"] == f"{clean['commit']}-dirty"
    assert environment(CPU)["changed"] == ["a.py", "nbs/größe.ipynb", "nbs/two\nlines.py"]
    for path in (project / "many").iterdir():
        path.write_text("two")
    assert environment(CPU)["changed"][-3:] == ["many/17.py", "many/18.py", "and 13 more"]


@has_git
def test_project_within_a_larger_repository(project):
    """Its paths count from the project, and what is outside is not its business."""
    (project.parent / "other.py").write_text("one")
    git(project.parent, "init")
    git(project.parent, "add", ".")
    git(project.parent, "commit", "-m", "first")
    (project.parent / "other.py").write_text("two")
    assert environment(CPU)["changed"] == []
    (project / "settings.ini").write_text("lib_path = fpa_nb\n# changed\n")
    assert environment(CPU)["changed"] == ["settings.ini"]


def forgotten(monkeypatch, name):
    """As if nobody had looked for this package yet."""
    for module in [m for m in sys.modules if m.split(".")[0] == name]:
        monkeypatch.delitem(sys.modules, module)
    importlib.invalidate_caches()


@pytest.mark.parametrize("name", ["wandb", "tensorboard"])
@pytest.mark.parametrize("inside", ["run-1/logs/x.log", "data.py", None], ids=["runs", "a module", "nothing"])
def test_folder_named_like_a_tracker(name, inside, tmp_path, monkeypatch):
    """As a tracker makes one for its runs, and Python takes for a package without content."""
    (tmp_path / name).mkdir()
    if inside:
        (tmp_path / name / inside).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name / inside).touch()
    forgotten(monkeypatch, name)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert importlib.import_module(name).__file__ is None
    with pytest.raises(ValueError, match=f"tracker {name} is not installed: pip install {name}"):
        check_trackers((name,))


@pytest.mark.parametrize("name", ["wandb", "tensorboard"])
def test_tracker_that_is_installed(name, tmp_path, monkeypatch):
    """Beside a folder of its name, which comes first on the path."""
    (tmp_path / "project" / name).mkdir(parents=True)
    (tmp_path / "site" / name).mkdir(parents=True)
    (tmp_path / "site" / name / "__init__.py").touch()
    forgotten(monkeypatch, name)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "project"), str(tmp_path / "site")])
    check_trackers((name,))
    (tmp_path / "site" / name / "__init__.py").unlink()
    importlib.invalidate_caches()
    with pytest.raises(ValueError, match="not installed"):
        check_trackers((name,))


@pytest.fixture
def threads():
    """Sets the number of threads of this process, and gives it back afterwards."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_record_says_how_many_threads_made_it(tmp_path, threads, capsys):
    data = prepare("digits", image_size=16)
    said = []
    for count, steps in ((1, 2), (1, 4), (2, 6), (1, 6), (1, 8)):
        threads(count)
        run = open_run(small(steps), tmp_path)
        train(run, data, device="cpu")
        said.append("may differ by rounding" in "".join(capsys.readouterr()))
    assert said == [False, False, True, False, True]  # with nothing left to do, nothing differs
    assert run.record["threads"] == [1, 2, 1]
    older = run.record
    del older["threads"]  # as written by earlier versions
    (run.folder / "record.json").write_text(json.dumps(older))
    run = open_run(small(10), tmp_path)
    train(run, data, device="cpu")
    assert run.record["threads"] == [1] and "rounding" not in "".join(capsys.readouterr())


def test_record_says_how_long_a_step_takes(tmp_path):
    """Without scores, which take longer here than all steps."""
    def slow(model):
        time.sleep(1.5)
        return 0.0

    slow.name = "slow"
    recipe = make_recipe("digits", steps=6, batch_size=8, overrides=SMALL | {"score_every": 2, "sample_every": 1})
    run = open_run(recipe, tmp_path)
    train(run, prepare("digits", image_size=16), slow, device="cpu")
    assert run.record["seconds"] > 4.5
    assert 0 < run.record["step_seconds"] < (run.record["seconds"] - 4.5) / 6 + 0.01
    before = run.record["step_seconds"]
    train(open_run(recipe, tmp_path), prepare("digits", image_size=16), slow, device="cpu")
    assert run.record["step_seconds"] == before  # nothing was trained


LIGHT = {  # what is not imported with this module and those above it
    "fpa_nb.files": ["torch", "lmdb", "PIL", "requests", "gdown"],
    "fpa_nb.datasets": ["torch", "requests", "gdown", "pandas", "matplotlib"],
    "fpa_nb.painter": ["pandas", "matplotlib", "huggingface_hub", "torchvision", "torch._dynamo"],
    "fpa_nb.reproduce": ["pytorch_fid", "scipy", "torchvision", "torch._dynamo"],
}


def test_modules_import_nothing_heavy_that_they_do_not_need():
    code = "import importlib, sys\n"
    code += f"for module, heavy in {LIGHT}.items():\n"
    code += "    importlib.import_module(module); print(module, [name for name in heavy if name in sys.modules])"
    told = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
    assert told.splitlines() == [f"{module} []" for module in LIGHT]


@pytest.mark.parametrize("option", ["runs_dir", "data_dir", "start_from"])
@pytest.mark.parametrize("path, whose", [("~nobody-of-this-name/x", "~nobody-of-this-name"), ("~/x", "~")])
def test_unknown_home_is_one_line(option, path, whose, monkeypatch, capsys):
    """Whichever path it is in: of another user, or of one who has no home (a number in a container)."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda number: {}[number])
    other = {"data_dir": ["--dataset", "folder"], "start_from": ["--model", "fpa_unet"]}.get(option, [])
    with pytest.raises(SystemExit) as ended:
        main([f"--{option}", path, *other, "--steps", "1", "--device", "cpu"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"fpa_train: error: {path}: no home folder {whose} is known on this machine; write the path in full"
    )
