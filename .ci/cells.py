"""Recompute the cells of the tables from the records: python .ci/cells.py [FOLDER RUNS_DIR ...]

Nothing of the package is used, only the records and the formulas: means, spreads, paired t-intervals, p values and
their correction. Says which cells are others, and fails if there are any. Without arguments: reports/, and the folders
of runs that its tables come from.
"""

import csv
import json
import math
import re
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNS = ("study_digits", "study_faces", "study_cats") if (ROOT / "reports" / "study_digits").is_dir() else ("study",)
MODELS = {"StyleGAN2": "stylegan2", "LightGAN": "lightgan", "FPA (v2)": "fpa", "FPA (v2) + U-Net": "fpa_unet"}
MODELS |= {"FPA v1": "fpa_v1", "FPA v1 + U-Net": "fpa_v1_unet"}
BESIDE = {"floor": "floor", "precision": "precision", "recall": "recall", "near twins": "twins"}
OF_ONE = {"b": "painter.steps", "c": "painter.inputs"}  # the tables of a single setting
JUDGES = {"FID": "fid", "Frechet pixel distance (not FID)": "frechet_pixel_distance"}
JUDGES |= {"Frechet EfficientNet distance (not FID)": "frechet_efficientnet_distance"}


def read_evaluations(folders: list[Path]) -> list[dict]:
    """All evaluations of all runs, with what a cell is found by."""
    found = []
    for path in [path for folder in folders for path in sorted(folder.glob("*/*/*/record.json"))]:
        record = json.loads(path.read_text())
        dataset, model, run = path.parts[-4:-1]
        *changes, seed = run.split("+")
        together = {}
        for entry in record.get("evaluations", []):
            together.setdefault((entry["name"], entry["trained"]), set()).add(entry["step"])
        for entry in record.get("evaluations", []):
            several = len(together[entry["name"], entry["trained"]]) > 1
            length = entry["step"] if several or entry["trained"] is None else entry["trained"]
            about = {"dataset": dataset, "model": model, "run": run, "changes": changes, "seed": seed[len("seed") :]}
            speed = record.get("step_seconds") or (record["seconds"] / record["step"] if record.get("step") else None)
            of_record = {"recipe": record.get("recipe"), "device": record.get("device"), "speed": speed}
            found.append(entry | about | of_record | {"length": length})
    return found


def setting(recipe: dict, name: str):
    """A setting by its dotted name."""
    for part in name.split("."):
        recipe = recipe[part]
    return recipe


def rounded(number: float, digits: int) -> str:
    """To significant digits, without an exponent."""
    return f"{float(f'{number:.{digits}g}'):.10g}"


def shown(numbers: list[float]) -> str:
    """Mean and spread, as a cell has them."""
    spread = f" ± {rounded(statistics.stdev(numbers), 2)}" if len(set(numbers)) > 1 else ""
    return rounded(statistics.fmean(numbers), 3) + spread if numbers else ""


def check_table(path: Path, evaluations: list[dict]) -> list[str]:
    """Table (a), (b) or (c) of one distance: every cell by what it says that it comes from."""
    letter, metric = re.match(r"([abc])_(\w+?)(?:_not_fid)?_(?:by|of_the)_", path.name).groups()
    wrong = []
    for row in read(path):
        label = row[""]
        for dataset in [name for name in row if name and "," not in name and row[name]]:
            told = re.search(r" \((\d+) samples, (\d+) steps, seed ([\d, ]+)\)$", row[dataset])
            samples, steps, seeds = int(told[1]), int(told[2]), told[3].split(", ")
            runs = [
                e
                for e in evaluations
                if (e["name"], e["dataset"], e["samples"], e["length"]) == (metric, dataset, samples, steps)
                and e["seed"] in seeds
                and is_in_row(e, letter, label)
            ]
            columns = {dataset: "value"} | {f"{dataset}, {title}": name for title, name in BESIDE.items()}
            for column in columns.keys() & row.keys():
                numbers = [e[columns[column]] for e in runs if e.get(columns[column]) is not None]
                cell = row[column].partition("*")[0] if column == dataset else row[column]
                if cell != shown(numbers) or len(runs) != len(seeds):
                    wrong.append(f"{path.name}, {label}, {column}: {cell}, by the records {shown(numbers)}")
    return wrong


def is_in_row(evaluation: dict, letter: str, label: str) -> bool:
    """Whether an evaluation belongs into a row of table (a), (b) or (c)."""
    if letter == "a":
        return evaluation["model"] == MODELS.get(label, label) and not evaluation["changes"]
    name, models = OF_ONE[letter], ("fpa", "fpa_v1") if letter == "c" else ("fpa",)
    alone = all(change.startswith(f"{name}-") for change in evaluation["changes"])
    return evaluation["model"] in models and alone and str(setting(evaluation["recipe"], name)) == label


def check_evaluations(path: Path, evaluations: list[dict]) -> list[str]:
    """The list of all evaluations: every number."""
    of_place = {}
    for e in evaluations:
        of_place[tuple(str(e[name]) for name in ("dataset", "model", "run", "name", "samples", "step"))] = e
    wrong, rows = [], read(path)
    for row in rows:
        place = tuple(row[name] for name in ("dataset", "model", "run", "metric", "samples", "step"))
        e = of_place.get(place, {})
        expected = {name: e.get(name) for name in ("value", "kernel", *BESIDE.values())} | {"trained": e.get("length")}
        for name in expected.keys() & row.keys():
            if row[name] != ("" if expected[name] is None else f"{expected[name]:.6g}"):
                wrong.append(f"{path.name}, {'/'.join(place)}, {name}: {row[name]}, by the record {expected[name]}")
    return wrong + ([f"{path.name}: {len(rows)} rows of {len(of_place)}"] if len(rows) != len(of_place) else [])


def probability(t: float, freedom: int) -> float:
    """Two-sided p value of Student's t, by the finite sums for whole degrees of freedom."""
    angle = math.atan(abs(t) / math.sqrt(freedom))
    cosine, sine = math.cos(angle), math.sin(angle)
    term, total = (cosine, 0.0) if freedom % 2 else (1.0, 0.0)
    for k in range(1 if freedom % 2 else 0, freedom - 1, 2):
        total += term
        term *= cosine**2 * (k + 1) / (k + 2)
    inside = 2 / math.pi * (angle + sine * total) if freedom % 2 else sine * total
    return 1 - inside


def quantile(freedom: int) -> float:
    """The t that 5 % are beyond, on both sides."""
    low, high = 0.0, 1000.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if probability(middle, freedom) > 0.05 else (low, middle)
    return low


def by_value(evaluations: list[dict], name: str) -> dict[tuple, dict[str, dict[str, float]]]:
    """For each group of comparable runs the numbers by value (as JSON) and seed; of models those of the longest run."""
    groups = {}
    for e in sorted(evaluations, key=lambda e: e["length"]):
        if not e["recipe"] or (name == "model" and e["changes"]):
            continue
        others = tuple(change for change in e["changes"] if not change.startswith(f"{name}-"))
        try:
            value = json.dumps(setting(e["recipe"], name))
        except KeyError:
            continue
        own = (others,) if name == "model" else (e["length"], others, e["model"])
        place = e["dataset"], e["name"], e["samples"], *own
        groups.setdefault(place, {}).setdefault(value, {})[e["seed"]] = e["value"]
    return groups


def check_comparisons(path: Path, evaluations: list[dict]) -> list[str]:
    """The comparisons by one setting: means, difference, interval, p value, its correction."""
    name = path.stem.removeprefix("comparisons_by_")
    groups, wrong, rows = by_value(evaluations, name), [], read(path)
    corrected = holm([float(row["p"]) for row in rows if row["p"]])
    for row in rows:
        asked = asked_for(row, row["metric"], row.get("trained", ""))
        alike = [g for place, g in groups.items() if place[: len(asked)] == asked]
        known = [g for g in alike if {row["usual"], row["value"]} <= g.keys()]
        expected = [compared(g[row["usual"]], g[row["value"]]) for g in known]
        told = {column: row[column] for column in COMPARED if row[column]}
        where = f"{path.name}, {', '.join(map(str, asked))}, {row['value']} instead of {row['usual']}"
        if not any(told.keys() == e.keys() and all(written(e[c], told[c]) for c in e) for e in expected):
            wrong.append(f"{where}: {told}, by the records {expected}")
        if row["p"] and not math.isclose(float(row["corrected"]), corrected[float(row["p"])], rel_tol=1e-5):
            wrong.append(f"{where}: corrected p {row['corrected']}, by Holm's rule {corrected[float(row['p'])]}")
    return wrong


COMPARED = ("of_usual", "of_value", "pairs", "mean", "low", "high", "p", "agree")


def asked_for(row: dict, metric: str, steps: str) -> tuple:
    """The place of a row among groups of comparable runs."""
    return row["dataset"], metric, int(row["samples"]), *((int(float(steps)),) if steps else ())


def check_settings(path: Path, evaluations: list[dict]) -> list[str]:
    """The table of one setting: whether runs of some value have such a mean, spread and number of seeds."""
    name = path.stem.removeprefix("by_")
    groups, wrong = by_value(evaluations, name), []
    for row in read(path):
        asked = asked_for(row, JUDGES[row["distance"]], "" if name == "model" else row["training steps"])
        told = [row[column] for column in ("mean", "spread", "seeds") if row.get(column)]
        values = [list(v.values()) for place, g in groups.items() if place[: len(asked)] == asked for v in g.values()]
        spread = lambda numbers: [statistics.stdev(numbers)] if len(numbers) > 1 else []
        expected = [[statistics.fmean(numbers), *spread(numbers), len(numbers)] for numbers in values]
        if not any(len(told) == len(e) and all(map(written, e, told)) for e in expected):
            wrong.append(f"{path.name}, {', '.join(map(str, asked))}: {told}, by the records one of {expected}")
    return wrong


def holm(p_values: list[float]) -> dict[float, float]:
    """P values, and what becomes of them for their number."""
    found, least = {}, 0.0
    for k, p in enumerate(sorted(p_values)):
        least = max(least, min(1.0, p * (len(p_values) - k)))
        found.setdefault(p, least)
    return found


def compared(usual: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    """What the common seeds tell."""
    differences = [other[seed] - usual[seed] for seed in usual.keys() & other.keys()]
    n = len(differences)
    means = {"of_usual": statistics.fmean(usual.values()), "of_value": statistics.fmean(other.values()), "pairs": n}
    if n < 2:
        return means
    mean, error = statistics.fmean(differences), statistics.stdev(differences) / math.sqrt(n)
    width, p = quantile(n - 1) * error, probability(mean / error, n - 1)
    agree = sum(d * mean > 0 for d in differences)
    return means | {"mean": mean, "low": mean - width, "high": mean + width, "p": p, "agree": agree}


def written(number: float, text: str) -> bool:
    """Whether a text is a number, to the six digits that are written; tiny p values are not that exact here."""
    return f"{number:.6g}" == text or math.isclose(number, float(text), rel_tol=0, abs_tol=1e-10)


def read(path: Path) -> list[dict]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def check(folder: Path, runs: list[Path]) -> list[str]:
    """What is wrong with the tables in a folder."""
    evaluations, wrong = read_evaluations(runs), []
    page = (folder / "tables.md").read_text(encoding="utf-8")
    tables = sorted((folder / "tables").glob("*.csv"))
    for path in tables:
        if re.match("[abc]_", path.name):
            wrong += check_table(path, evaluations)
            cells = [cell for row in read(path) for cell in row.values() if "samples" in cell]
            wrong += [f"tables.md lacks {cell}" for cell in cells if cell not in page]
        elif path.name == "evaluations.csv":
            wrong += check_evaluations(path, evaluations)
        elif path.name.startswith("comparisons_by_"):
            wrong += check_comparisons(path, evaluations)
        elif path.name.startswith("by_"):
            wrong += check_settings(path, evaluations)
    return wrong if tables else [f"there are no tables in {folder}"]


if __name__ == "__main__":
    folder, *runs = [Path(name) for name in sys.argv[1:]] or [ROOT / "reports"]
    wrong = check(folder, runs or [ROOT / "reports" / name for name in RUNS])
    print("\n".join(wrong) or f"the tables in {folder} are as the records have them")
    sys.exit(bool(wrong))
