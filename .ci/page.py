"""Make an executed notebook fit to be committed: python .ci/page.py reports/digits.ipynb [RUN_FOLDER]

Drops widget state, progress bars, warnings and papermill's notes from the page, and the real images, unless they are
the digits, which may be shown. Copies the run's figures, its scores by every judge, and the averaged model of its last
checkpoint (under the model's name, in half precision, with the terms of its images) to a folder beside it.
"""

import json
import re
import shutil
import sys
from pathlib import Path

import nbformat
import pandas as pd

from execute import kept
from fpa_nb.fid import DISTANCES
from fpa_nb.run import checkpoints_in, load_generator

page = Path(sys.argv[1])
notebook = nbformat.read(page, as_version=4)
notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"]}
subjects = re.findall(r'^(?:dataset|what)\b.*? = "(.*?)"', "\n".join(cell.source for cell in notebook.cells), re.M)
may_show = bool(subjects) and "digits" in subjects[-1]  # the last one was passed to papermill; tables have none
for cell in notebook.cells:
    cell.metadata = {}
    if cell.cell_type == "code":
        cell.execution_count = None
        cell.outputs = [output for output in cell.outputs if kept(output)]
        if "data.tensor(" in cell.source and not may_show:
            text = "(The photographs do not come with this package, and are not shown here.)\n"
            cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)]
        for output in cell.outputs:
            output.get("metadata", {}).clear()
            if "execution_count" in output:
                output.execution_count = None
nbformat.write(notebook, page)
if len(sys.argv) > 2:
    run, beside = Path(sys.argv[2]), page.with_suffix("")
    shutil.copytree(run / "figures", beside, dirs_exist_ok=True)
    model = beside / run.parent.name
    load_generator(checkpoints_in(run / "checkpoints")[-1]).half().save_pretrained(model)
    samples = json.loads((run / "record.json").read_text())["recipe"]["score_samples"]
    metrics = pd.read_csv(run / "metrics.csv")
    judges = [name for name in DISTANCES if name in metrics]
    told = ["step", *(name for name in ("seconds", "image_size") if name in metrics), *judges]
    scores = metrics[told].dropna(subset=judges).assign(samples=samples)
    scores.to_csv(model / "scores.csv", index=False)
