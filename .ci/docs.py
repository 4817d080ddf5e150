"""Build the documentation from the notebooks, without network: python .ci/docs.py [FOLDER]   (needs pip install -e '.[dev]')

Every notebook becomes a page as it stands, pictures included, but for hidden cells and directives; every module gets a page of its public names. Equations become
MathML, which browsers draw by themselves, so that no page asks the network for anything.
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

ROOT = Path(__file__).resolve().parent.parent
NOT_CHAPTERS = ("train", "evaluate", "tables", "benchmark")
CONF = f'''
import sys
sys.path.insert(0, {str(ROOT / ".ci")!r})
project = "fpa_nb"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "docs"]
html_theme = "sphinx_book_theme"
html_title = "fpa_nb"
html_math_renderer = "mathml"
html_theme_options = {{"home_page_in_toc": True, "use_download_button": False, "use_fullscreen_button": False}}
html_context = {{"default_mode": "auto"}}
nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "description"
suppress_warnings = ["myst.xref_missing", "myst.header", "mystnb.unknown_mime_type", "misc.highlighting_failure"]
'''


def page(path: Path) -> nbformat.NotebookNode:
    """A notebook as it is to be read: without hidden cells, directives, and front matter for nbdev."""
    notebook, cells = nbformat.read(path, as_version=4), []
    for cell in notebook.cells:
        directives = re.findall(r"^#\|\s*(\w+)", cell.source, re.M) if cell.cell_type == "code" else []
        cell.source = re.sub(r"^#\|.*\n?", "", cell.source, flags=re.M).strip("\n") if cell.cell_type == "code" else re.sub(r"\n+- skip_exec: true", "", cell.source)
        if cell.cell_type != "raw" and "hide" not in directives and (cell.source or cell.get("outputs")):
            cells.append(cell)
    notebook.cells = cells
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    return notebook


def with_parameters(app, what, name, obj, options, lines):
    """Add to a docstring what the source says beside each parameter."""
    if what in ("function", "method", "class"):
        try:
            found = docments(obj, full=True)
        except (TypeError, ValueError, OSError, AttributeError):
            return
        lines += [""] + [f":param {k}: {v.docment}" for k, v in found.items() if k not in ("return", "self") and v.docment]
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


def build(folder: Path) -> int:
    """Build the site into a folder; returns the number of warnings."""
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary, "nbs")
        source.mkdir()
        (source / "conf.py").write_text(CONF)
        names = sorted(p.stem for p in (ROOT / "nbs").glob("*.ipynb"))
        chapters = [n for n in names if n[0].isdigit()]
        for name in names:
            nbformat.write(page(ROOT / "nbs" / f"{name}.ipynb"), source / f"{name}.ipynb")
        shutil.copytree(ROOT / "reports", Path(temporary, "reports"), ignore=shutil.ignore_patterns("runs", "*.ipynb", "*.safetensors"))
        modules = [re.search(r"#\| default_exp (\w+)", (ROOT / "nbs" / f"{n}.ipynb").read_text()).group(1) for n in chapters]
        for module in modules:
            (source / f"api_{module}.md").write_text(f"# fpa_nb.{module}\n\n```{{eval-rst}}\n.. automodule:: fpa_nb.{module}\n   :members:\n```\n")
        index = page(ROOT / "nbs" / "index.ipynb")
        trees = {"Chapters": chapters, "Notebooks to run": [n for n in names if n in NOT_CHAPTERS], "Reference": [f"api_{m}" for m in modules]}
        index.cells += [nbformat.v4.new_markdown_cell("\n".join(["```{toctree}", ":hidden:", f":caption: {title}", *pages, "```"])) for title, pages in trees.items()]
        nbformat.write(index, source / "index.ipynb")
        app = Sphinx(source, source, Path(temporary, "html"), Path(temporary, "doctrees"), "html", status=None, parallel=2)
        app.build()
        shutil.copytree(Path(temporary, "html"), folder, dirs_exist_ok=True)  # (built there because myst-nb leaves a folder of its own beside it)
        return app._warncount


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "_docs").resolve()
    shutil.rmtree(target, ignore_errors=True)
    warnings = build(target)
    print(f"{target}/index.html, {warnings} warnings")
