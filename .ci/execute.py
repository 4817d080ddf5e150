"""Run chapters from top to bottom and keep their pictures: python .ci/execute.py nbs/01_painter.ipynb ...

What is kept is fit to be committed: no widget state, no progress bars, no warnings. `nbdev_clean` does the rest.
"""

import subprocess
import sys
from pathlib import Path

import nbformat
from nbconvert.preprocessors import ExecutePreprocessor

WIDGET = "application/vnd.jupyter.widget-view+json"


def kept(output: nbformat.NotebookNode) -> bool:
    """Whether an output belongs on the page: neither a widget nor what was printed as a warning or a progress bar."""
    return output.get("name") != "stderr" and WIDGET not in output.get("data", {})


def execute(path: Path) -> None:
    """Run a notebook in its own folder and store it with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    ExecutePreprocessor(timeout=1200, kernel_name="python3").preprocess(notebook, {"metadata": {"path": path.parent}})
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if kept(output)]
    nbformat.write(notebook, path)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        execute(Path(name))
        print(f"ran {name}")
    subprocess.run(["nbdev_clean"], check=True)
