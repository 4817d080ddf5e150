"""The interactive chapters in a real JupyterLab and a real Chromium, and the pages without a kernel from file://."""

import pytest
from playwright.sync_api import expect

from lab import screenshot

pytestmark = pytest.mark.browser


def pictures(page):
    """What the explorer shows, as the addresses of its images: their bytes cannot be compared by those, so they are read."""
    return page.evaluate("""async () => {
        const images = [...document.querySelectorAll('.widget-image')];
        return Promise.all(images.map(async i => [...new Uint8Array(await (await fetch(i.src)).arrayBuffer())].join()));
    }""")


def test_tmp(lab):
    with lab.open("09a_explorer.ipynb", height=1000) as page:
        box = page.locator(".jp-OutputArea-output .widget-vbox").first
        box.scroll_into_view_if_needed()
        page.wait_for_timeout(1500)
        screenshot(page, "page.png")
        screenshot(box, "explorer.png")
        print(page.errors)
