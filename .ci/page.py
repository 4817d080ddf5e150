"""Make an executed notebook fit to be committed: python .ci/page.py reports/digits.ipynb [RUN_FOLDER]

Drops widget state, progress bars, warnings and papermill's notes from the page, and copies the run's figures, and the
averaged model of its last checkpoint under the model's name, to a folder beside it.
"""

import shutil
import sys
from pathlib import Path

import nbformat

from execute import kept

page = Path(sys.argv[1])
notebook = nbformat.read(page, as_version=4)
notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"]}
for cell in notebook.cells:
    cell.metadata = {}
    if cell.cell_type == "code":
        cell.execution_count = None
        cell.outputs = [output for output in cell.outputs if kept(output)]
        for output in cell.outputs:
            output.get("metadata", {}).clear()
            if "execution_count" in output:
                output.execution_count = None
nbformat.write(notebook, page)
if len(sys.argv) > 2:
    run, beside = Path(sys.argv[2]), page.with_suffix("")
    shutil.copytree(run / "figures", beside, dirs_exist_ok=True)
    model = beside / run.parent.name
    model.mkdir(exist_ok=True)
    for name in ("config.json", "model.safetensors"):
        shutil.copy(max((run / "checkpoints").glob("[0-9]*")) / name, model / name)
        (model / name).chmod(0o644)
