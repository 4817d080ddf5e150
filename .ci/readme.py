"""Make README.md from nbs/index.ipynb (nbdev_readme would need Quarto)."""

from configparser import ConfigParser
from pathlib import Path

import nbformat

root = Path(__file__).resolve().parent.parent
settings = ConfigParser(delimiters=["="])
settings.read(root / "settings.ini", encoding="utf-8")
home = settings["DEFAULT"]
cells = nbformat.read(root / "nbs" / "index.ipynb", as_version=4).cells
text = "\n\n".join(cell.source.strip() for cell in cells if cell.cell_type == "markdown")
text = text.replace("](../", "](")  # links from nbs/ become links from the root
for notebook in (root / "nbs").glob("*.ipynb"):
    for before in ("](", "]: "):  # inline links, and the list of links at the end
        text = text.replace(f"{before}{notebook.name}", f"{before}nbs/{notebook.name}")
if home["doc_host"]:
    page = f"{home['doc_host']}{home['doc_baseurl']}/paint/"
    text = text.replace("**It paints in your browser**", f"**[It paints in your browser]({page})**")
note = "<!-- made from nbs/index.ipynb by .ci/readme.py: edit that -->"
(root / "README.md").write_text(f"{note}\n\n{text}\n", encoding="utf-8")
