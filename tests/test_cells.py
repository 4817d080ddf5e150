"""The cells of the committed tables, recomputed from the records; a changed digit is found, wherever it is."""

import csv
import importlib.util
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

PROGRAM = ROOT / ".ci" / "cells.py"
of_file = importlib.util.spec_from_file_location("cells", PROGRAM)
cells = importlib.util.module_from_spec(of_file)
of_file.loader.exec_module(cells)
FOLDERS = [ROOT / "reports" / name for name in cells.RUNS]
KINDS = {"a_*": None, "b_*": None, "c_*": None, "by_*": "mean", "comparisons_*": "mean", "evaluations": "value"}


def test_the_tables_are_as_the_records_have_them():
    found = subprocess.run([sys.executable, PROGRAM], capture_output=True, encoding="utf-8")
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(ROOT / "reports" / "tables", tmp_path / "tables")
    shutil.copy(ROOT / "reports" / "tables.md", tmp_path)
    return tmp_path


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_digit_is_found(copy, kind):
    assert cells.check(copy, FOLDERS) == []
    for path in (copy / "tables").glob(f"{kind}.csv"):
        before = path.read_text()
        header, *rows = csv.reader(before.splitlines())
        column = header.index(KINDS[kind] or next(name for name in header if name))
        row = next(row for row in rows if row[column])
        number = re.match(r"-?[\d.]+", row[column])[0]
        row[column] = number[:-1] + str((int(number[-1]) + 1) % 10) + row[column][len(number) :]
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        assert any(line.startswith(path.name) for line in cells.check(copy, FOLDERS)), path.name
        path.write_text(before)


def test_a_spoilt_copy_fails(copy):
    path = copy / "tables.md"
    path.write_text(path.read_text().replace(" samples", " pictures", 1))
    found = subprocess.run([sys.executable, PROGRAM, copy, *FOLDERS], capture_output=True, encoding="utf-8")
    assert found.returncode == 1 and found.stdout.startswith("tables.md lacks "), found.stdout + found.stderr
