"""The explorer in a real JupyterLab, and the pages that need no kernel from file://, all in a real Chromium."""

import re
import subprocess
import sys

import pytest

from fpa_nb.explorer import export_html
from fpa_nb.interventions import Edit, apply_edit
from fpa_nb.models import load_painter
from fpa_nb.painter import sample_latents
from lab import ROOT, screenshot, served, watch

pytestmark = pytest.mark.browser

EXPLORER_PICTURES = """async () => Promise.all([...document.querySelectorAll('.widget-image')].map(async image =>
    [...new Uint8Array(await (await fetch(image.src)).arrayBuffer())].join()))"""
NAMES = [f"{row} {view}" for row in ("painted", "changed") for view in ("update", "canvas", "picture")]


def control(panel, kind, label):
    """A widget by the label that stands beside it."""
    return panel.locator(kind).filter(has=panel.page.get_by_text(label, exact=True))


def drag(page, slider, fraction):
    """Drag a slider's knob to a fraction of its way, as a hand would."""
    slider.scroll_into_view_if_needed()
    knob, track = slider.locator(".noUi-handle").bounding_box(), slider.locator(".noUi-base").bounding_box()
    y = knob["y"] + knob["height"] / 2
    page.mouse.move(knob["x"] + knob["width"] / 2, y)
    page.mouse.down()
    page.mouse.move(track["x"] + track["width"] * fraction, y, steps=8)
    page.mouse.up()


class Shown:
    """The pictures that the explorer shows: their bytes, and which of them changed since one looked last."""

    def __init__(self, page):
        self.page = page
        self.seen = self.look()

    def look(self):
        return dict(zip(NAMES, self.page.evaluate(EXPLORER_PICTURES), strict=True))

    def changed(self, *expected):
        """Wait until the pictures are at rest and just the expected ones have changed; returns what is shown now."""
        now = None
        for _ in range(30):
            before, now = now, self.look()
            found = [name for name in NAMES if now[name] != self.seen[name]]
            if now == before and sorted(found) == sorted(expected):
                self.seen = now
                return now
            self.page.wait_for_timeout(400)
        raise AssertionError(f"changed: {', '.join(found) or 'nothing'}; expected: {', '.join(expected) or 'nothing'}")


def same_rows(pictures):
    return all(pictures[f"painted {view}"] == pictures[f"changed {view}"] for view in ("update", "canvas", "picture"))


STEP = ["painted update", "painted canvas", "changed update", "changed canvas"]


def test_explorer(lab):
    with lab.open("09_explorer.ipynb") as page:
        panel = page.locator(".jp-OutputArea-output > .widget-vbox")
        panel.scroll_into_view_if_needed()
        button = lambda text: panel.locator("button").filter(has_text=text)
        step = control(panel, ".widget-slider", "step")
        readout = step.locator(".widget-readout")
        panel.locator(".widget-image").nth(5).wait_for()
        shown = Shown(page)  # as the chapter leaves it: some steps off
        assert not same_rows(shown.seen)
        screenshot(panel, "explorer.png")
        button("undo all").click()
        assert same_rows(shown.changed("changed update", "changed canvas", "changed picture"))

        drag(page, step, 0.0)  # the step slider changes what belongs to a step, and not the picture
        assert same_rows(shown.changed(*STEP))
        assert readout.inner_text() == "1"
        drag(page, step, 0.5)
        shown.changed(*STEP)
        assert 7 <= int(readout.inner_text()) <= 10

        button("this step off").click()  # a step switched off changes the lower row alone
        after = shown.changed("changed update", "changed canvas", "changed picture")
        assert control(panel, ".widget-text", "steps off").locator("input").input_value() == readout.inner_text()

        panel.locator(".widget-play button").first.click()  # play goes on to the last step
        step.get_by_text("16", exact=True).wait_for()
        end = shown.changed(*STEP)
        assert end["painted canvas"] == end["painted picture"] != end["changed picture"] == after["changed picture"]

        button("undo all").click()
        assert same_rows(shown.changed("changed update", "changed canvas", "changed picture"))
        button("keys").click()  # from the second painting
        shown.changed("changed update", "changed canvas", "changed picture")
        button("keys").click()
        assert same_rows(shown.changed("changed update", "changed canvas", "changed picture"))
        control(panel, ".widget-dropdown", "rule").locator("select").select_option("Hebbian")
        shown.changed("changed update", "changed canvas", "changed picture")
        drag(page, control(panel, ".widget-slider", "towards it"), 1.0)  # another latent changes everything
        shown.changed(*NAMES)

        # what makes no sense is answered, and changes nothing
        off = control(panel, ".widget-text", "steps off").locator("input")
        off.fill("three")
        off.press("Enter")
        error = panel.get_by_text("'three' is no step")
        error.wait_for()
        shown.changed()
        drag(page, step, 0.3)  # the error stays as long as the field is wrong, just below it
        shown.changed(*STEP)
        field, said = off.bounding_box(), error.bounding_box()
        assert 0 <= said["y"] - field["y"] - field["height"] < 10 and said["x"] < field["x"] + field["width"]
        screenshot(panel, "explorer_error.png")
        off.fill("3")
        off.press("Enter")
        error.wait_for(state="detached")
        shown.changed("changed canvas", "changed picture")  # a Hebbian update does not depend on those before it
        assert page.errors == []


def test_page_without_a_kernel(browser, tmp_path):
    painter = load_painter(ROOT / "reports" / "digits" / "fpa")
    painting = painter.paint(sample_latents(painter, 1, 3))
    title = "Digits <& more>"
    changed = apply_edit(painter, painting, Edit(off=(5, 6, 7, 8)))
    path = export_html({"as painted": painting, "steps 5-8 off": changed}, tmp_path / "page.html", title=title)
    page = browser.new_page(viewport={"width": 1280, "height": 700})
    errors, requests = watch(page)
    page.goto(path.as_uri())
    films, slider, output = page.locator(".film"), page.get_by_role("slider"), page.locator("output")
    look = lambda: [films.nth(i).screenshot() for i in range(4)]
    assert page.title() == page.locator("h1").inner_text() == title
    assert films.count() == 4 and output.inner_text() == "step 16 of 16"
    last = look()
    box = slider.bounding_box()
    page.mouse.move(box["x"] + box["width"] - 8, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] / 2, steps=8)
    page.mouse.up()
    assert 5 <= int(re.findall(r"\d+", output.inner_text())[0]) <= 9
    middle = look()
    assert all(a != b for a, b in zip(last, middle))
    screenshot(page, "explorer_page.png")
    page.get_by_role("button", name="play").click()
    page.wait_for_function("document.querySelector('output').textContent === 'step 16 of 16'")
    page.get_by_role("button", name="play").wait_for()  # it has stopped
    assert look() == last
    assert errors == [] and {r for r in requests if not r.startswith("data:")} == {path.as_uri()}
    page.close()


def test_report_page(browser):
    path = ROOT / "reports" / "index.html"
    page = browser.new_page(viewport={"width": 1100, "height": 1400})
    errors, requests = watch(page)
    page.goto(path.as_uri())
    assert page.locator("h1").inner_text() == "Results" and page.locator("table").count() > 1
    assert all(page.locator("figure img").evaluate_all("images => images.map(i => i.naturalWidth > 0)"))
    steps = page.frame_locator("iframe")
    before = steps.locator(".film").first.screenshot()
    slider = steps.get_by_role("slider")
    slider.fill("3")
    assert steps.locator("output").inner_text() == f"step 3 of {slider.get_attribute('max')}"
    assert steps.locator(".film").first.screenshot() != before
    steps.get_by_role("slider").fill("12")
    page.set_viewport_size({"width": 1100, "height": 1700})
    page.evaluate("scrollTo(0, 0)")
    screenshot(page, "report.png")
    assert errors == [] and {r for r in requests if not r.startswith("data:")} <= {path.as_uri(), "about:srcdoc"}
    page.close()


LAYOUT = """() => {
    const frame = document.querySelector('iframe'), inside = frame.contentDocument.documentElement;
    const tops = [...document.body.children].map(part => part.getBoundingClientRect());
    return {
        wide: document.documentElement.scrollWidth,
        wideInside: inside.scrollWidth - inside.clientWidth,
        emptyInside: frame.clientHeight - inside.offsetHeight,
        gap: Math.max(...tops.slice(1).map((part, i) => part.top - tops[i].bottom)),
        boxes: [...document.querySelectorAll('.box')].filter(box => box.scrollWidth > box.clientWidth).length,
        ground: getComputedStyle(inside.querySelector('.bar')).backgroundColor,
        ink: getComputedStyle(document.querySelector('h1')).color,
        paper: getComputedStyle(document.querySelector('figure img')).backgroundColor,
    };
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_report_page_on_small_and_dark_screens(browser, scheme):
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
    errors, _ = watch(page)
    page.goto((ROOT / "reports" / "index.html").as_uri())
    light = ("rgb(255, 255, 255)", "rgb(0, 0, 0)")
    for width, height in ((1280, 900), (390, 844), (320, 700)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_function(f"({LAYOUT})().emptyInside === 0")  # the page measures the film again in its own time
        seen = page.evaluate(LAYOUT)
        assert (seen["wide"], seen["wideInside"]) == (width, 0), f"the page scrolls sideways at {width}: {seen}"
        assert seen["boxes"] == page.locator(".box").count() or width == 1280, "a table or figure is squeezed"
        assert seen["emptyInside"] == 0 and seen["gap"] < 100
        assert seen["paper"] == light[0]  # figures are drawn on white
        assert ((seen["ground"], seen["ink"]) == light) == (scheme == "light")
        screenshot(page, f"report_{scheme}_{width}.png")
    assert not re.search(r"\b(gan|painter|discriminator|lightgan|refiner)\.\w", page.locator("body").inner_text())
    assert errors == []
    page.close()


def test_documentation(browser, tmp_path):
    pytest.importorskip("myst_nb", reason="the documentation needs packages: pip install -e '.[dev]'")
    command = [sys.executable, ROOT / ".ci" / "docs.py", tmp_path]
    built = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0 and ", 0 warnings" in built.stdout, built.stdout + built.stderr
    assert "torch.onnx" not in built.stdout + built.stderr
    page = browser.new_page()
    errors, requests = watch(page)
    with served(tmp_path) as address:
        page.goto(f"{address}index.html")
        page.frame_locator("iframe").locator("#picture").wait_for()  # the painter itself, at the top
        page.get_by_role("link", name="Results", exact=True).first.click()
        page.get_by_role("link", name="The report", exact=True).click()
        assert page.locator("h1").inner_text() == "Results" and page.url == f"{address}report/index.html"
        assert all(url.startswith((address, "data:", "blob:", "about:")) for url in requests)
    requests.clear()
    page.goto((tmp_path / "00_rules.html").as_uri())
    page.wait_for_load_state()
    assert page.title().startswith("Programming rules")
    assert page.locator("math").count() > 10 and page.locator(".cell_output img").count() > 2
    page.goto((tmp_path / "api_rules.html").as_uri())
    assert "one key a step" in page.locator("#fpa_nb\\.rules\\.delta_rule + dd").inner_text()
    assert errors == [] and all(r.startswith(("file:", "data:")) for r in requests)
    page.close()
