"""Make the records of studies fit to be committed: python .ci/records.py reports/study_digits reports/study_faces

Drops what tells only of the machine and its folders: the process, the places and the command; and of paths that are
not counted from the project's root all but their end. What a table or a repetition needs stays: settings, data, every
evaluation by every judge, versions, commit, device, threads, and seconds, of a step, too.
"""

import json
import sys
from pathlib import Path

APART = ("process", "where", "command", "start")

for path in [path for folder in sys.argv[1:] for path in sorted(Path(folder).glob("*/*/*/record.json"))]:
    record = {name: value for name, value in json.loads(path.read_text()).items() if name not in APART}
    data, start = record.get("data", {}), Path(record["recipe"]["start_from"])
    data |= {"source": Path(data["source"]).name} if "source" in data else {}
    if start.is_absolute():
        record["recipe"]["start_from"] = "/".join(start.parts[-3:])
    path.write_text(json.dumps(record, indent=1) + "\n")
