"""Build the documentation from the notebooks, without network: python .ci/docs.py [FOLDER]

It needs what `pip install -e '.[dev]'` brings.

Every notebook becomes a page as it stands, pictures included, but for hidden cells and directives; every module gets a
page of its public names. The start page has the painter itself at its top, and results have pages of their own.
Equations become MathML, which browsers draw by themselves, so that no page asks the network for anything. At the end
every link from page to page is followed.
"""

import inspect
import re
import shutil
import sys
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
from docutils import nodes
from fastcore.docments import docments
from latex2mathml.converter import convert
from sphinx.application import Sphinx

from fpa_nb.browser import build_page

ROOT = Path(__file__).resolve().parent.parent
CONF = f'''
import sys
sys.path.insert(0, {str(ROOT / ".ci")!r})
project = "fpa_nb"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "docs"]
html_theme = "sphinx_book_theme"
html_title = "fpa_nb"
html_math_renderer = "mathml"
html_theme_options = {{"home_page_in_toc": True, "use_download_button": False, "use_fullscreen_button": False,
                      "navbar_start": [], "navbar_center": [], "navbar_end": [], "navbar_persistent": [],
                      "article_header_end": ["article-header-buttons"]}}  # the sidebar has the search field
html_css_files = ["house.css"]
html_static_path = ["static"]
html_favicon = "icon.svg"
html_context = {{"default_mode": "auto"}}
nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3
myst_heading_slug_func = "docs.anchor"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
suppress_warnings = ["myst.xref_missing", "myst.header", "mystnb.unknown_mime_type", "misc.highlighting_failure"]
'''
CSS = ".bd-header { display: none }\n"  # it would hold a second search field; the sidebar has one


FRAME = '<iframe src="paint/index.html?embed=1" title="a painter at work" style="{}" loading="lazy"></iframe>'
TRY_IT = f"""# Try it

A painter that was trained with this package paints here, in your browser.
<a href="paint/index.html">On a page of its own</a> you can reach in: switch strokes off, choose another rule, exchange
keys between two pictures, or paint your own photograph.

{FRAME.format("width: 100%; height: 34rem; border: 0")}
"""
RESULTS = """# Results

<a href="report/index.html">The report</a> has all tables and learning curves on one page, and paintings to scrub
through. [The tables](results_in_words.md) alone can be read here, and these are the pages of single runs:

"""


def moved(target: str) -> str:
    """Where a link between the repository's files leads in the documentation; "" for a file that is no page of it."""
    path, hash_, place = target.partition("#")
    known = {"../CONTRIBUTING.md": "contributing.md", "../reports/tables.md": "results_in_words.md"}
    if path in known:
        return known[path] + hash_ + place
    found = re.fullmatch(r"(\.\./nbs/|\.\./reports/|)(\w+)\.ipynb", path)
    if found:
        return f"{'results_' if 'reports' in found[1] else ''}{found[2]}.ipynb{hash_}{place}"
    return "" if path.startswith("../") else target


def relinked(text: str) -> str:
    """Markdown whose links lead to pages of the documentation; one to another file of the repository becomes text."""
    text = re.sub(r"\[([^\]]*)\]\(\.\./reports/index\.html\)", r'<a href="report/index.html">\1</a>', text)

    def new(link: re.Match) -> str:
        target = moved(link[2])
        return f"[{link[1]}]({target})" if target else link[1]

    text = re.sub(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)", new, text)
    return re.sub(r"^(\[\w+\]: )(\S+)$", lambda m: m[1] + moved(m[2]), text, flags=re.M)


def page(path: Path) -> nbformat.NotebookNode:
    """A notebook as it is to be read: without hidden cells, directives, and front matter for nbdev."""
    notebook, cells = nbformat.read(path, as_version=4), []
    for cell in notebook.cells:
        directives = re.findall(r"^#\|\s*(\w+)", cell.source, re.M) if cell.cell_type == "code" else []
        if cell.cell_type == "code":
            cell.source = re.sub(r"^#\|.*\n?", "", cell.source, flags=re.M).strip("\n")
        else:
            cell.source = relinked(re.sub(r"\n+- skip_exec: true", "", cell.source))
        if cell.cell_type != "raw" and "hide" not in directives and (cell.source or cell.get("outputs")):
            cells.append(cell)
    notebook.cells = cells
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    return notebook


def ways(index: nbformat.NotebookNode) -> dict[str, list[str]]:
    """The two ways to read the chapters: the tables of the index, by their headings."""
    text = "\n".join(cell.source for cell in index.cells)
    parts = re.split(r"^### (.+)$", text, flags=re.M)
    tables = zip(parts[1::2], parts[2::2])
    found = {title: re.findall(r"^\| \[[^\]]+\]\[(\w+)\]", part, re.M) for title, part in tables}
    files = dict(re.findall(r"^\[(\w+)\]: (\w+)\.ipynb$", text, re.M))
    return {title: [files[name] for name in names] for title, names in found.items() if names}


def anchor(heading: str) -> str:
    """The anchor of a heading, as Jupyter makes it."""
    return heading.replace(" ", "-")


def with_parameters(app, what, name, obj, options, lines):
    """Add to a docstring what the source says beside each parameter."""
    if what in ("function", "method", "class"):
        try:
            found = docments(obj, full=True)
        except (TypeError, ValueError, OSError, AttributeError):
            return
        named = {name: one for name, one in found.items() if name not in ("return", "self") and one.docment}
        lines += ["", *(f":param {name}: {one.docment}" for name, one in named.items())]
        if "return" in found and found["return"].docment and not inspect.isclass(obj):
            lines.append(f":returns: {found['return'].docment}")


def mathml(display: str):
    def visit(self, node: nodes.Element):
        tag = "div" if display == "block" else "span"
        text = re.sub(r"\\[lr]Vert", r"\\Vert", node.astext())
        self.body.append(f'<{tag} style="text-align: center">{convert(text, display=display)}</{tag}>')
        raise nodes.SkipNode

    return visit, None


def setup(app: Sphinx) -> dict:
    """What this file adds to Sphinx."""
    app.connect("autodoc-process-docstring", with_parameters)
    app.add_html_math_renderer("mathml", mathml("inline"), mathml("block"))
    return {"parallel_read_safe": True}


def write_sources(source: Path) -> None:
    """The pages from which Sphinx builds: notebooks, a page for each module, and the index with the navigation."""
    notebooks = {path.stem: page(path) for path in sorted((ROOT / "nbs").glob("*.ipynb"))}
    text = {name: (ROOT / "nbs" / f"{name}.ipynb").read_text() for name in notebooks}
    modules = [m[1] for name in notebooks if (m := re.search(r"#\| default_exp (\w+)", text[name]))]
    for module in modules:
        about = f"# fpa_nb.{module}\n\n```{{eval-rst}}\n.. automodule:: fpa_nb.{module}\n   :members:\n```\n"
        (source / f"api_{module}.md").write_text(about)
    to_run = [name for name in notebooks if not name[0].isdigit() and name != "index"]
    results = write_results(source)
    trees = {"Try it": ["try_it", "results"]} | ways(notebooks["index"])
    trees |= {"Notebooks to run": to_run, "Reference": [f"api_{module}" for module in modules]}
    trees |= {"Results": results, "Development": ["contributing"]}
    for title, pages in trees.items():
        tree = "\n".join(["```{toctree}", ":hidden:", f":caption: {title}", *pages, "```"])
        notebooks["index"].cells.append(nbformat.v4.new_markdown_cell(tree))
    for name in ("index", "0_watch"):
        embed_page(notebooks[name])
    for name, notebook in notebooks.items():
        nbformat.write(notebook, source / f"{name}.ipynb")
    (source / "conf.py").write_text(CONF)
    shutil.copy(ROOT / "web" / "icon.svg", source)
    (source / "static").mkdir()
    (source / "static" / "house.css").write_text(CSS)
    (source / "try_it.md").write_text(TRY_IT)
    (source / "contributing.md").write_text(relinked((ROOT / "CONTRIBUTING.md").read_text()))
    shutil.copytree(ROOT / "nbs" / "images", source / "images")


def embed_page(notebook: nbformat.NotebookNode) -> None:
    """Show the page that paints above the cell that speaks of it, and link the two: it is built beside the pages."""
    sentence, link = "**It paints in your browser**", '**<a href="paint/index.html">It paints in your browser</a>**'
    place = next(i for i, cell in enumerate(notebook.cells) if sentence in cell.source)
    notebook.cells[place].source = notebook.cells[place].source.replace(sentence, link)
    frame = FRAME.format("width: 100%; height: 30rem; border: 0")
    notebook.cells.insert(place, nbformat.v4.new_markdown_cell(frame))


def write_results(source: Path) -> list[str]:
    """The pages of runs and tables; returns their names."""
    runs = {path.stem: page(path) for path in sorted((ROOT / "reports").glob("*.ipynb"))}
    for name, notebook in runs.items():
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = re.sub(r"(!\[[^\]]*\]\()(?![./]|\w+:)", r"\1../reports/", cell.source)
        nbformat.write(notebook, source / f"results_{name}.ipynb")
    tables = (ROOT / "reports" / "tables.md").read_text().replace("](figures/", "](../reports/figures/")
    (source / "results_in_words.md").write_text(tables)
    listed = "\n".join(f"- [{name}](results_{name}.ipynb)" for name in runs)
    (source / "results.md").write_text(RESULTS + listed + "\n")
    return ["results_in_words", *(f"results_{name}" for name in runs)]


class Links(HTMLParser):
    """The links of a page, and the places in it to which links can lead."""

    def __init__(self, text: str):
        super().__init__()
        self.links, self.places = set(), {"", "top"}
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.places |= {given[name] for name in ("id", "name") if given.get(name)}
        self.links |= {given[name] for name in ("href", "src") if given.get(name)}


def dead_links(folder: Path) -> list[str]:
    """Links from the pages of a folder to files and places that are not there."""
    written = (path for path in folder.rglob("*.html") if "_static" not in path.parts)  # that has templates
    pages = {path: Links(path.read_text(errors="replace")) for path in written}
    found = []
    for path, page_links in pages.items():
        for link in sorted(page_links.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            places = pages[target].places if target in pages else {unquote(parts.fragment)}
            if not target.is_file() or unquote(parts.fragment) not in places:
                found.append(f"{path.relative_to(folder)}: {link}")
    return found


def build(folder: Path) -> int:
    """Build the site into a folder; returns the number of warnings, dead links among them."""
    with tempfile.TemporaryDirectory() as temporary:
        source, html = Path(temporary, "nbs"), Path(temporary, "html")
        source.mkdir()
        write_sources(source)
        left_out = shutil.ignore_patterns("runs", "*.ipynb", "*.safetensors")
        shutil.copytree(ROOT / "reports", Path(temporary, "reports"), ignore=left_out)
        app = Sphinx(source, source, html, Path(temporary, "doctrees"), "html", status=None, parallel=2)
        app.build()
        build_page(html / "paint")
        (html / "report").mkdir()
        shutil.copy(ROOT / "reports" / "index.html", html / "report" / "index.html")
        shutil.copytree(html, folder, dirs_exist_ok=True)  # built apart: myst-nb leaves a folder of its own beside it
        dead = dead_links(folder)
        print(*(f"dead link: {link}" for link in dead), sep="\n", end="\n" if dead else "")
        return app._warncount + len(dead)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "_docs").resolve()
    shutil.rmtree(target, ignore_errors=True)
    warnings = build(target)
    print(f"{target}/index.html, {warnings} warnings")
