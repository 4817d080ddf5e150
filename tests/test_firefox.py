"""The page that paints, in Firefox: it loads, paints what Python paints, plays, and reports no error."""

import base64
import os
from pathlib import Path

import pytest
import torch

from fpa_nb.browser import PAINTERS, build_page
from fpa_nb.models import load_painter
from fpa_nb.painter import sample_latents
from lab import served

firefox = pytest.importorskip("firefox", reason="pip install -e '.[dev]' brings websocket-client")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not firefox.find_firefox(), reason="no Firefox on this machine (Debian: firefox-esr)"),
]


BUTTON, STEP = (f"document.getElementById('{name}').textContent" for name in ("play", "step-text"))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Firefox with the page of digits, once it is complete."""
    folder = tmp_path_factory.mktemp("site")
    build_page(folder, {"digits": PAINTERS["digits"]}, half=False)
    browser = firefox.Firefox(tmp_path_factory.mktemp("profile"))
    try:
        with served(folder) as address:
            browser.goto(f"{address}#seed=3")
            browser.wait_for("globalThis.fpa?.shown()?.painter.complete && document.getElementById('progress').hidden")
            browser.wait_for(f"{BUTTON} === 'play' && {STEP} === '16 of 16'")  # it has played by itself, once
            yield browser
    finally:
        browser.close()


def picture(page) -> torch.Tensor:
    return torch.tensor(page.evaluate("[...fpa.shown().pictures.changed]"))


def test_paints_what_python_paints(page):
    painter = load_painter("reports/digits/fpa")
    for seed in (3, 11):
        page.evaluate(f"fpa.go('#pixels=1&seed={seed}')")
        assert (picture(page) - painter(sample_latents(painter, 1, seed)).flatten()).abs().max() < 1 / 255
    drawn = page.evaluate("""(() => { const e = document.getElementById('picture');
        return [...e.getContext('2d').getImageData(0, 0, e.width, e.height).data] })()""")
    shown = torch.tensor(drawn).reshape(-1, 4)[:, 0] / 255
    assert (shown - picture(page).clamp(0, 1)).abs().max() < 1 / 255
    assert page.errors == []


def test_plays_and_is_changed(page):
    page.evaluate("document.getElementById('play').click()")
    page.wait_for(f"{BUTTON} === 'pause' && parseInt({STEP}) < 10")
    page.wait_for(f"{BUTTON} === 'play' && {STEP} === '16 of 16'")
    before = picture(page)
    page.evaluate("""(() => { const off = document.querySelector('[name=off]'); off.value = '3-5';
        off.dispatchEvent(new Event('input', { bubbles: true })) })()""")
    page.wait_for("fpa.shown().edited && fpa.shown().edit.off.length === 3")
    assert (picture(page) - before).abs().max() > 0.01
    page.wait_for("document.querySelectorAll('#strip canvas').length === 12")
    assert page.errors == []
    if folder := os.environ.get("FPA_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        shot = page.ask("browsingContext.captureScreenshot", context=page.page, origin="document")
        Path(folder, "firefox.png").write_bytes(base64.b64decode(shot["data"]))
