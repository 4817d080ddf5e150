"""Build the documentation from the notebooks, without network: python .ci/docs.py [FOLDER]

It needs what `pip install -e '.[dev]'` brings, and npm for the page that paints.

Every notebook becomes a page as it stands, pictures included, but for hidden cells and directives; every module gets a
page of its public names. Equations become MathML, which browsers draw by themselves, so that no page asks the network
for anything.
"""

import inspect
import re
import shutil
import sys
import tempfile
from pathlib import Path

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


def page(path: Path) -> nbformat.NotebookNode:
    """A notebook as it is to be read: without hidden cells, directives, and front matter for nbdev."""
    notebook, cells = nbformat.read(path, as_version=4), []
    for cell in notebook.cells:
        directives = re.findall(r"^#\|\s*(\w+)", cell.source, re.M) if cell.cell_type == "code" else []
        if cell.cell_type == "code":
            cell.source = re.sub(r"^#\|.*\n?", "", cell.source, flags=re.M).strip("\n")
        else:
            cell.source = re.sub(r"\n+- skip_exec: true", "", cell.source)
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
    trees = ways(notebooks["index"])
    trees |= {"Notebooks to run": to_run, "Reference": [f"api_{module}" for module in modules]}
    for title, pages in trees.items():
        tree = "\n".join(["```{toctree}", ":hidden:", f":caption: {title}", *pages, "```"])
        notebooks["index"].cells.append(nbformat.v4.new_markdown_cell(tree))
    for cell in notebooks["index"].cells:
        link = '**<a href="paint/index.html">It paints in your browser</a>**'  # built beside the pages
        cell.source = cell.source.replace("**It paints in your browser**", link)
    for name, notebook in notebooks.items():
        nbformat.write(notebook, source / f"{name}.ipynb")
    (source / "conf.py").write_text(CONF)
    (source / "static").mkdir()
    (source / "static" / "house.css").write_text(CSS)
    shutil.copytree(ROOT / "nbs" / "images", source / "images")


def build(folder: Path) -> int:
    """Build the site into a folder; returns the number of warnings."""
    with tempfile.TemporaryDirectory() as temporary:
        source, html = Path(temporary, "nbs"), Path(temporary, "html")
        source.mkdir()
        write_sources(source)
        left_out = shutil.ignore_patterns("runs", "*.ipynb", "*.safetensors")
        shutil.copytree(ROOT / "reports", Path(temporary, "reports"), ignore=left_out)
        app = Sphinx(source, source, html, Path(temporary, "doctrees"), "html", status=None, parallel=2)
        app.build()
        build_page(html / "paint")
        shutil.copytree(html, folder, dirs_exist_ok=True)  # built apart: myst-nb leaves a folder of its own beside it
        return app._warncount


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "_docs").resolve()
    shutil.rmtree(target, ignore_errors=True)
    warnings = build(target)
    print(f"{target}/index.html, {warnings} warnings")
