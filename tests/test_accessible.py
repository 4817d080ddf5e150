"""axe-core over the page that paints and over the page of results: light and dark, and at a zoom of 200 %."""

import pytest

from fpa_nb.browser import PAINTERS, build_page
from lab import ROOT, screenshot, served

pytestmark = pytest.mark.browser
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install -e '.[dev]' brings axe-core")
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
WINDOWS = {  # 200 % make a window half as wide, and its pixels twice as large
    "whole": {"viewport": {"width": 1280, "height": 900}},
    "zoomed": {"viewport": {"width": 640, "height": 450}, "device_scale_factor": 2},
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The page that paints digits, served from this machine: its address."""
    folder = tmp_path_factory.mktemp("site")
    build_page(folder, {"digits": PAINTERS["digits"]})
    with served(folder) as address:
        yield address


def complaints(page) -> list[str]:
    """What axe-core finds wrong: the rule, and the first elements."""
    found = axe.Axe().run(page, options=RULES).response["violations"]
    return [f"{rule['id']}: {[node['html'][:200] for node in rule['nodes'][:3]]}" for rule in found]


def test_axe_finds_what_is_wrong(browser):
    page = browser.new_page()
    page.set_content('<html lang="en"><title>wrong</title><p style="color:#ccc">pale</p><img src="data:,"></html>')
    assert [line.split(":")[0] for line in complaints(page)] == ["color-contrast", "image-alt"]
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("window", WINDOWS)
def test_page_that_paints(browser, site, window, scheme):
    page = browser.new_page(color_scheme=scheme, reduced_motion="reduce", **WINDOWS[window])
    page.goto(f"{site}#off=3&borrow=keys&rule=hebbian")
    page.wait_for_function("document.querySelectorAll('#strip canvas').length === 12", timeout=60_000)
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    screenshot(page, f"paints_{window}_{scheme}.png", full_page=True)
    assert complaints(page) == []
    page.fill("[name=off]", "x")  # with a message, too
    page.wait_for_function("document.getElementById('off-message').textContent")
    assert complaints(page) == []
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("window", WINDOWS)
def test_page_of_results(browser, window, scheme):
    page = browser.new_page(color_scheme=scheme, **WINDOWS[window])
    page.goto((ROOT / "reports" / "index.html").as_uri())
    assert complaints(page) == []
    page.close()
