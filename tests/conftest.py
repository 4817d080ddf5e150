import importlib.util
import io
import subprocess
import sys
import tarfile
from functools import partial
from pathlib import Path

import pytest
import torch

import lab as jupyter
from fpa_nb.launch import fpa_train
from fpa_nb.parameters import TrainParameters, checked

ROOT = Path(__file__).resolve().parent.parent
THREADS = torch.get_num_threads()
SMALL = (
    "painter.hidden_size=32 lightgan.fmap_max=16 discriminator.fmap_max=16 log_every=5 sample_every=10 save_every=10"
    " score_every=10 score_samples=200"
)


def tarred(contents):
    """A packed tar file of these contents by name."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def run_notebook(folder, *, cwd=ROOT, to_stdout=False, **parameters):
    """Run nbs/train.ipynb with the real papermill command; returns the process and the output notebook's path."""
    places = {"runs_dir": folder / "runs", "cache_dir": folder / "prepared", "overrides": SMALL}
    options = [part for name, value in (places | parameters).items() for part in ("-p", name, str(value))]
    output = folder / "out.ipynb"
    program = [Path(sys.executable).with_name("papermill"), ROOT / "nbs" / "train.ipynb"]
    command = [*program, *([] if to_stdout else [output]), *options]
    result = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    if to_stdout:
        output.write_text(result.stdout)
    return result, output


@pytest.fixture
def papermill(tmp_path):
    """`run_notebook` in this test's folder."""
    return partial(run_notebook, tmp_path)


@pytest.fixture
def program(tmp_path):
    """Train as nbs/train.ipynb does, in the same places, but in this process: what the program fpa_train calls."""

    def run(**parameters):
        places = {"runs_dir": str(tmp_path / "runs"), "cache_dir": str(tmp_path / "prepared"), "overrides": SMALL}
        fpa_train(checked(TrainParameters, **places | parameters))

    return run


@pytest.fixture(autouse=True)
def threads_as_before():
    """What a test trains depends in its last bits on the number of threads, so none leaves another number behind."""
    yield
    torch.set_num_threads(THREADS)


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium. Tests that use it carry the mark `browser`, and are skipped where there is none."""
    if jupyter.find_chromium() is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("no playwright in this environment (pip install -e '.[dev]')")
    with jupyter.chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def lab(browser, tmp_path_factory):
    """
    A JupyterLab on this machine.

    `with lab.open("09_explorer.ipynb") as page:` opens a copy of a notebook of ours and runs all its cells.
    """
    lab = jupyter.Lab(tmp_path_factory.mktemp("lab"), browser)
    yield lab
    lab.close()


def pytest_configure(config):
    config.addinivalue_line("markers", "browser: looks at a page in a real Chromium; skipped where there is none")


# what begins in each of two workers, so that both end at about the same time; what shares a fixture is in the same one
LONGEST = (
    (
        "test_kill_and_run_again_does_only_the_rest",
        "test_default_notebook_small",
        "test_goes_on_where_it_stopped_unless_nothing_fits",
        "test_refined_painter_from_a_run_and_the_baseline",
        "test_documentation",
        "test_killed_at_twenty_random_moments",
        "test_ctrl_c_stops_everything_once",
    ),
    (
        "test_benchmark",
        "test_fid_equals_the_pytorch_fid_command",
        "test_explorer",
        "test_copy_paste_apply_undo",
        "test_accelerate_launch",
        "test_notebook_launcher",
        "test_a_study_is_killed_and_only_the_rest_is_done",
        "test_failures_are_listed_and_the_rest_goes_on",
    ),
)


def longest_first(items: list[pytest.Item]) -> list[pytest.Item]:
    """The tests in an order whose first and second half begin with the longest ones."""
    first, second = ([item for name in names for item in items if item.name == name] for names in LONGEST)
    others = [item for item in items if item not in first + second]
    middle = max(0, len(items) // 2 - len(first))
    return first + others[:middle] + second + others[middle:]


def pytest_collection_modifyitems(items):
    items[:] = longest_first(items)
    assert torch.get_num_threads() == THREADS, "a test module sets the number of threads when it is imported"
    for item in items:
        if not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(600))  # the slowest takes a tenth of that
