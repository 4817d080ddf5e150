"""Records, published values and statistics, damaged in every way: only documented errors, and the rest goes on."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from damage import anything, damaged, long_limit, tries
from hypothesis import given, strategies as st

from fpa_nb import reproduce
from fpa_nb.data import ImageData
from fpa_nb.fid import Moments
from fpa_nb.recipe import make_recipe
from fpa_nb.reports import PUBLISHED, build_tables, read_published, read_records
from fpa_nb.reproduce import write_reports
from fpa_nb.scoring import Scorer

pytestmark = long_limit
NOTHING = pd.DataFrame(columns=PUBLISHED).astype({"value": float})
ENTRY = {"name": "fid", "value": 3.0, "interval": [2.9, 3.1], "kernel": 0.1, "kernel_interval": [0.0, 0.2]}
ENTRY |= {"samples": 100, "real": 50, "image_format": "jpeg", "weights": "x", "checkpoint": "00000010"}
ENTRY |= {"step": 10, "seed": 0, "seconds": 2.0}


def record():
    from dataclasses import asdict

    return {
        "recipe": asdict(make_recipe("digits")),
        "step": 10,
        "seconds": 5.0,
        "device": "CPU",
        "evaluations": [ENTRY],
    }


plain_values = anything("fid", "digits")


@st.composite
def changed(draw):
    """A record of which one setting, entry or number is another, or missing."""
    whole = json.loads(json.dumps(record()))
    part = draw(st.sampled_from((whole, whole["recipe"], whole["recipe"]["painter"], whole["evaluations"][0])))
    name = draw(st.sampled_from(sorted(part)))
    if draw(st.booleans()):
        part[name] = draw(plain_values)
    else:
        del part[name]
    return json.dumps(whole).encode()


@tries
@given(content=damaged(json.dumps(record()).encode()) | changed() | st.binary(max_size=40))
def test_a_damaged_record_is_named_and_the_others_are_read(tmp_path, content):
    for name, data in (("bad", content), ("good", json.dumps(record()).encode())):
        (tmp_path / "digits" / "fpa" / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "digits" / "fpa" / name / "record.json").write_bytes(data)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rows = read_records(tmp_path)
    assert "good" in set(rows.run)
    told = [str(w.message) for w in caught if "left out" in str(w.message)]
    assert all(str(tmp_path / "digits" / "fpa" / "bad") in line and "\n" not in line for line in told)
    assert any("FID by model" in title for title in build_tables(rows, NOTHING))


def write_record(folder, content):
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(content)


@pytest.fixture
def reports(tmp_path):
    """A folder of reports, made of one good record; returns it and what is in its files."""
    write_record(tmp_path / "runs/digits/fpa/seed0", json.dumps(record()))
    assert write_reports(tmp_path / "runs", tmp_path / "reports", tmp_path / "none.csv")
    return tmp_path / "reports", contents(tmp_path / "reports")


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_misspelt_folder_of_runs_is_one_line_and_nothing_is_written(tmp_path, reports):
    folder, before = reports
    for wrong in (tmp_path / "run", tmp_path / "runs/digits/fpa/seed0/record.json", tmp_path / "none" / "runs"):
        for place in (folder, tmp_path / "new"):
            with pytest.raises(ValueError, match="there is no folder") as caught:
                write_reports(wrong, place, tmp_path / "none.csv")
            assert str(wrong) in str(caught.value) and "\n" not in str(caught.value)
    assert contents(folder) == before and not (tmp_path / "new").exists()


@pytest.mark.parametrize("found", ["nothing", "a level too deep", "never evaluated", "damaged"])
def test_tables_of_before_stay_where_there_is_no_evaluation(tmp_path, reports, found):
    folder, before = reports
    wrong = tmp_path / "runs/digits" if found == "a level too deep" else tmp_path / "others"
    (tmp_path / "others").mkdir()
    if found == "never evaluated":
        write_record(tmp_path / "others/digits/fpa/seed0", json.dumps(record() | {"evaluations": []}))
    if found == "damaged":
        write_record(tmp_path / "others/digits/fpa/seed0", json.dumps(record())[:-9])
    for place in (folder, tmp_path / "new"):
        with pytest.warns(UserWarning, match="holds an evaluation: nothing was written"):
            assert write_reports(wrong, place, tmp_path / "none.csv") == {}
    assert contents(folder) == before and not (tmp_path / "new").exists()


def test_a_sweep_that_fails_elsewhere_leaves_the_tables_of_before(tmp_path, reports, monkeypatch, capsys):
    def fail(*arguments):
        raise ValueError("no such images")

    folder, before = reports
    monkeypatch.setattr(reproduce, "_papermill", fail)
    places = ["--runs-dir", str(tmp_path / "others"), "--reports-dir", str(folder)]
    assert reproduce.main(["--datasets", "digits", "--models", "fpa", "--seeds", "0", *places]) == 1
    said = capsys.readouterr()
    assert "no such images" in said.err and "Traceback" not in said.err and "tables.md" not in said.out
    assert contents(folder) == before


TABLE = b"table,model,dataset,metric,value,source\na,fpa,digits,fid,1.5,here\nb,16,celeba,fid,2,there\n"


@tries
@given(content=damaged(TABLE) | damaged(TABLE.replace(b",", b";")) | st.binary(max_size=40))
def test_published_values(tmp_path, content):
    path = tmp_path / "published.csv"
    path.write_bytes(content)
    try:
        table = read_published(path)
    except ValueError as error:
        assert str(path) in str(error) and "\n" not in str(error)
    else:
        assert np.isfinite(table.value).all() and (table.value >= 0).all()
        build_tables(read_records(tmp_path), table)


PIXELS = np.random.default_rng(0).integers(0, 255, (5, 1, 8, 8), dtype=np.uint8)
DATA = ImageData("few", PIXELS.shape, "made here", "few", pixels=PIXELS)


@pytest.fixture(scope="module")
def statistics(tmp_path_factory):
    folder = tmp_path_factory.mktemp("statistics")
    right = Scorer(DATA, cache_dir=folder).real
    return folder, right, next(folder.iterdir()).read_bytes()


@tries
@given(data=st.data())
def test_damaged_statistics_are_computed_again(statistics, data):
    folder, right, content = statistics
    path = next(folder.iterdir())
    path.write_bytes(data.draw(damaged(content) | st.binary(max_size=40)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = Scorer(DATA, cache_dir=folder).real
    assert torch.equal(found.mean, right.mean) and torch.equal(found.covariance, right.covariance)
    Moments.load(path)
