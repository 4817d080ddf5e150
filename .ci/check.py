"""Check that the notebooks keep the house rules: python .ci/check.py [NOTEBOOK ...]

Lines fit a screen, cells hold one idea, and imports go up only. Without names all are checked, and that
the chapters lead from one to the next in the order of the index.
"""

import re
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
LONGEST_LINE, LONGEST_CELL, LONGEST_MODULE = 120, 40, 460
IMPORT = re.compile(r"^\s*(?:from fpa_nb\.(\w+) import|import fpa_nb\.(\w+)|from fpa_nb import (\w+))", re.M)


def cells(path: Path) -> list[tuple[str, str, bool]]:
    """Kind, source and whether it is exported, of each cell of a notebook."""
    found = nbformat.read(path, as_version=4).cells
    return [(cell.cell_type, cell.source, bool(re.search(r"^#\|\s*export", cell.source, re.M))) for cell in found]


def module_of(path: Path) -> str | None:
    """The module that a notebook exports, if it does."""
    return next((m[1] for _, text, _ in cells(path) if (m := re.search(r"^#\| default_exp (\w+)", text, re.M))), None)


def check_lines(path: Path) -> list[str]:
    """Lines that are too long, and cells that hold too much."""
    wrong, exported = [], 0
    for number, (kind, text, is_exported) in enumerate(cells(path)):
        lines = text.split("\n")
        too_long = [line for line in lines if len(line) > LONGEST_LINE]
        wrong += [f"{path.name}, cell {number}: a line of {len(line)} characters: {line[:60]}..." for line in too_long]
        exported += len(lines) if is_exported else 0
        if kind == "code" and len(lines) > LONGEST_CELL:
            wrong.append(f"{path.name}, cell {number}: a cell of {len(lines)} lines")
    if exported > LONGEST_MODULE:
        wrong.append(f"{path.name} exports {exported} lines: divide it")
    return wrong


def check_imports(chapters: list[Path]) -> list[str]:
    """Imports of exported code that go to a later chapter."""
    order = {module: i for i, path in enumerate(chapters) if (module := module_of(path))}
    wrong = []
    for i, path in enumerate(chapters):
        for _, text, is_exported in cells(path):
            for found in IMPORT.finditer(text) if is_exported else ():
                name = next(filter(None, found.groups()))
                if order.get(name, -1) >= i:
                    wrong.append(f"{path.name} imports {name}, which is no earlier chapter")
    return wrong


def head(path: Path) -> tuple[str, str]:
    """A chapter's description, and the line below it: its way, what it needs, its minutes."""
    lines = [line for line in cells(path)[0][1].split("\n") if line.strip()]
    return (lines[1].removeprefix("> "), lines[2]) if len(lines) == 3 else ("", "")


def check_order(chapters: list[Path]) -> list[str]:
    """Whether index and chapters say the same, and each chapter leads to the next one of the index."""
    index = "\n".join(text for _, text, _ in cells(ROOT / "nbs" / "index.ipynb"))
    files = dict(re.findall(r"^\[(\w+)\]: (\w+)\.ipynb$", index, re.M))
    rows = re.findall(r"^\| \[[^\]]+\]\[(\d\w*)\] \| (.*?) \| (.*?) \| (\d+) \|$", index, re.M)
    listed = [(files.get(row[0], row[0]), *row[1:]) for row in rows]
    names, wrong = [name for name, *_ in listed], []
    by_name = {path.stem: path for path in chapters}
    if set(names) != set(by_name):
        wrong.append(f"the index lists other chapters than there are: {', '.join(sorted(set(names) ^ set(by_name)))}")
    for (name, about, needs, minutes), after in zip(listed, [*names[1:], "train"]):
        if name not in by_name:
            continue
        description, line = head(by_name[name])
        if description != about:
            wrong.append(f"{name}: described as {description!r}, in the index as {about!r}")
        wanted = f"needs {needs} · {minutes} min"
        if not line.endswith(wanted):
            wrong.append(f"{name}: below its title should stand '... {wanted}', as in the index, not {line!r}")
        last = cells(by_name[name])[-1][1]
        links = re.findall(r"^Next: .*?\]\((\w+)\.ipynb\)", last, re.M | re.S)
        if links != [after]:
            leads = ", ".join(links) or "nothing"
            wrong.append(f"{name}: must end with 'Next: [...]({after}.ipynb)', and leads to {leads}")
    return wrong


def check_file(path: Path) -> list[str]:
    """Lines of a Python file that are too long."""
    lines = enumerate(path.read_text().split("\n"), 1)
    where = path.relative_to(ROOT)
    return [f"{where}:{i}: a line of {len(line)} characters" for i, line in lines if len(line) > LONGEST_LINE]


if __name__ == "__main__":
    every = sorted((ROOT / "nbs").glob("*.ipynb"))
    chapters = [path for path in every if path.stem[0].isdigit()]
    chosen = [Path(name).resolve() for name in sys.argv[1:]]
    wrong = [line for path in chosen or every for line in check_lines(path)]
    imports, names = check_imports(chapters), {path.name for path in chosen}
    wrong += [line for line in imports if not chosen or line.split()[0] in names]
    if not chosen:
        wrong += check_order(chapters)
        files = [ROOT / "setup.py", *sorted((ROOT / "tests").glob("*.py")), *sorted((ROOT / ".ci").glob("*.py"))]
        wrong += [line for path in files for line in check_file(path)]
    print("\n".join(wrong) or f"{len(chosen or every)} notebooks keep the rules")
    sys.exit(bool(wrong))
