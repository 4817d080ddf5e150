"""Make an executed notebook fit to be committed: python .ci/page.py reports/digits.ipynb [RUN_FOLDER]

Drops widget state, progress bars, warnings and papermill's notes from the page, and copies the run's figures to a folder beside it.
"""

import shutil
import sys
from pathlib import Path

import nbformat

page = Path(sys.argv[1])
notebook = nbformat.read(page, as_version=4)
notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"]}
for cell in notebook.cells:
    cell.metadata = {}
    if cell.cell_type == "code":
        cell.execution_count = None
        cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr" and "application/vnd.jupyter.widget-view+json" not in o.get("data", {})]
        for output in cell.outputs:
            output.get("metadata", {}).clear()
            if "execution_count" in output:
                output.execution_count = None
nbformat.write(notebook, page)
if len(sys.argv) > 2:
    shutil.copytree(Path(sys.argv[2]) / "figures", page.with_suffix(""), dirs_exist_ok=True)
