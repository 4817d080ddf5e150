import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SMALL = "painter.hidden_size=32 discriminator.fmap_max=16 log_every=5 sample_every=10 save_every=10 score_every=10"


@pytest.fixture
def papermill(tmp_path):
    """Run nbs/train.ipynb with the real papermill command; returns the finished process and the output notebook's path."""

    def run(*, cwd=ROOT, to_stdout=False, **parameters):
        parameters = {"runs_dir": tmp_path / "runs", "cache_dir": tmp_path / "prepared", "overrides": SMALL} | parameters
        options = [part for name, value in parameters.items() for part in ("-p", name, str(value))]
        output = tmp_path / "out.ipynb"
        command = [Path(sys.executable).with_name("papermill"), ROOT / "nbs" / "train.ipynb", *([] if to_stdout else [output]), *options]
        result = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
        if to_stdout:
            output.write_text(result.stdout)
        return result, output

    return run
