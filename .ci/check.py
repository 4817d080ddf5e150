"""Check that the notebooks keep the house rules: python .ci/check.py [NOTEBOOK ...]

Lines fit a screen, cells hold one idea, imports go up only, and links lead somewhere. Without names all are checked,
and that each chapter names what it needs and leads to the next one, as the index has it.
"""

import ast
import re
import sys
from configparser import ConfigParser
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
LONGEST_LINE, LONGEST_CELL, LONGEST_MODULE = 120, 40, 600
OPENING = ("0_watch", "0a_small")  # chapters that show before anything is built: they use all of it, and need nothing
TABLE_ROW = re.compile(r"^\| \[[^\]]+\]\[(\d\w*)\] \| (.*?) \| (.*?) \| (\d+) \|$", re.M)  # a chapter, in the index
TRAIN = "train"  # the notebook to which the last chapter of a table leads
PLACEHOLDER = re.compile(r"\bexample\.(?:com|net|org)\b|\bX\.ipynb\b")
ADDRESS = re.compile(r"\w+://[^\s()\"'<>]*\bfpa[-_]nb\b[^\s()\"'<>]*")  # one that should be of this project


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
        table = "|" if kind == "markdown" else None  # a row of a table cannot be broken
        too_long = [line for line in lines if len(line) > LONGEST_LINE and line[:1] != table]
        wrong += [f"{path.name}, cell {number}: a line of {len(line)} characters: {line[:60]}..." for line in too_long]
        exported += len(lines) if is_exported else 0
        if kind == "code" and len(lines) > LONGEST_CELL:
            wrong.append(f"{path.name}, cell {number}: a cell of {len(lines)} lines")
    if exported > LONGEST_MODULE:
        wrong.append(f"{path.name} exports {exported} lines: divide it")
    return wrong


def imported(path: Path) -> set[str]:
    """The modules of ours that a chapter imports anywhere in its exported code; in all its code, if it exports none."""
    alone = module_of(path) is None
    code = [text for kind, text, is_exported in cells(path) if kind == "code" and (is_exported or alone)]
    found = set()
    for node in ast.walk(ast.parse("\n".join(re.sub(r"^\s*[%!].*$", "", text, flags=re.M) for text in code))):
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{name.name}" for name in node.names}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return {name.split(".")[1] for name in found if name.startswith("fpa_nb.")}


def check_imports(chapters: list[Path]) -> list[str]:
    """Imports of exported code that go to a later chapter, and chapters that need others than their heads say."""
    order = {module: i for i, path in enumerate(chapters) if (module := module_of(path))}
    numbers = [path.stem.split("_")[0] for path in chapters]
    above, wrong = [], []  # of each chapter: those that it imports, directly or not
    for i, path in enumerate(chapters):
        direct = {order[name] for name in imported(path) if name in order and path.stem not in OPENING}
        for later in sorted(j for j in direct if j >= i):
            wrong.append(f"{path.name} imports {module_of(chapters[later])}, which is no earlier chapter")
        direct = {j for j in direct if j < i}
        above.append(direct.union(*(above[j] for j in direct)))
        needs = ", ".join(numbers[j] for j in sorted(direct) if not any(j in above[k] for k in direct)) or "–"
        if f" · needs {needs} · " not in head(path)[1]:
            wrong.append(f"{path.name} needs {needs}, as it imports; below its title stands {head(path)[1]!r}")
    return wrong


def head(path: Path) -> tuple[str, str]:
    """A chapter's description, and the line below it: its way, what it needs, its minutes."""
    lines = [line for line in cells(path)[0][1].split("\n") if line.strip()]
    return (lines[1].removeprefix("> "), lines[2]) if len(lines) == 3 else ("", "")


def check_order(chapters: list[Path]) -> list[str]:
    """Whether index and chapters say the same, and each chapter leads to the next of its table, the last to train."""
    index = "\n".join(text for _, text, _ in cells(ROOT / "nbs" / "index.ipynb"))
    files = dict(re.findall(r"^\[(\w+)\]: (\w+)\.ipynb$", index, re.M))
    tables = [TABLE_ROW.findall(part) for part in re.split(r"^### ", index, flags=re.M)]
    rows = [(*row, *after[:1]) for table in tables for row, after in zip(table, [*table[1:], (TRAIN,)])]
    listed = [(files.get(row[0], row[0]), *row[1:-1], files.get(row[-1], row[-1])) for row in rows]
    names, wrong = [name for name, *_ in listed], []
    by_name = {path.stem: path for path in chapters}
    if set(names) != set(by_name):
        wrong.append(f"the index lists other chapters than there are: {', '.join(sorted(set(names) ^ set(by_name)))}")
    for name, about, needs, minutes, after in listed:
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


def texts(path: Path) -> str:
    """What a file tells its readers: of a notebook the texts alone."""
    if path.suffix != ".ipynb":
        return path.read_text(encoding="utf-8")
    return "\n\n".join(text for kind, text, _ in cells(path) if kind == "markdown")


def anchors(path: Path) -> set[str]:
    """The anchors of a file's headings, as Jupyter makes them for notebooks, and GitHub for other files."""
    headings = re.findall(r"^#+ (.+)$", texts(path), re.M)
    if path.suffix == ".ipynb":
        return {heading.replace(" ", "-") for heading in headings}
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def check_links(path: Path) -> list[str]:
    """Links of a notebook or Markdown file to files, headings and names that are not there."""
    where, wrong = path.relative_to(ROOT), []
    text = re.sub(r"^```.*?^```$|`[^`\n]+`", "", texts(path), flags=re.M | re.S)
    listed = dict(re.findall(r"^\[([^\]]+)\]: (\S+)$", text, re.M))
    for link in [*re.findall(r"\]\(([^()\s]+)\)", text), *listed.values()]:
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        if re.match(r"\w+:", name):  # https: and the like
            continue
        if not target.exists():
            wrong.append(f"{where}: links to {name}, which is not there")
        elif anchor and anchor not in anchors(target):
            wrong.append(f"{where}: links to {link}, and there is no such heading")
    missing = set(re.findall(r"\]\[([^\]\s]+)\]", text)).difference(listed)
    return wrong + [f"{where}: links to [{name}], which is not listed" for name in sorted(missing)]


def check_addresses(path: Path) -> list[str]:
    """Addresses that are placeholders, or name a home of this project that settings.ini does not."""
    settings = ConfigParser(delimiters=["="])
    settings.read(ROOT / "settings.ini", encoding="utf-8")
    homes = tuple(filter(None, (settings["DEFAULT"][name] for name in ("git_url", "doc_host"))))
    if path.suffix == ".ipynb":  # made-up addresses in hidden tests are for no reader
        text = "\n".join(text for _, text, _ in cells(path) if not re.search(r"^#\|\s*hide", text, re.M))
    else:
        text = path.read_text(encoding="utf-8")
    found = [*PLACEHOLDER.findall(text), *(link for link in ADDRESS.findall(text) if not link.startswith(homes))]
    return [f"{path.relative_to(ROOT)}: {link} leads nowhere" for link in found]


def check_file(path: Path) -> list[str]:
    """Lines of a Python file that are too long."""
    lines = enumerate(path.read_text(encoding="utf-8").split("\n"), 1)
    where = path.relative_to(ROOT)
    return [f"{where}:{i}: a line of {len(line)} characters" for i, line in lines if len(line) > LONGEST_LINE]


def check_pages() -> list[str]:
    """What is wrong with the links of all that is no notebook of ours."""
    patterns = "*.md *.cff *.ini *.py .github/*/* reports/*.ipynb reports/*.md studies/* web/*".split()
    files = [path for pattern in patterns for path in sorted(ROOT.glob(pattern)) if path.is_file()]
    wrong = []
    for path in files:
        wrong += check_addresses(path)
        wrong += check_links(path) if path.suffix in (".ipynb", ".md") else []
    return wrong


if __name__ == "__main__":
    every = sorted((ROOT / "nbs").glob("*.ipynb"))
    chapters = [path for path in every if path.stem[0].isdigit()]
    chosen = [Path(name).resolve() for name in sys.argv[1:]]
    checks = (check_lines, check_links, check_addresses)
    wrong = [line for path in chosen or every for check in checks for line in check(path)]
    imports, names = check_imports(chapters), {path.name for path in chosen}
    wrong += [line for line in imports if not chosen or line.split()[0] in names]
    if not chosen:
        wrong += check_order(chapters) + check_pages()
        files = [ROOT / "setup.py", *sorted((ROOT / "tests").glob("*.py")), *sorted((ROOT / ".ci").glob("*.py"))]
        wrong += [line for path in files for line in check_file(path)]
    print("\n".join(wrong) or f"{len(chosen or every)} notebooks keep the rules")
    sys.exit(bool(wrong))
