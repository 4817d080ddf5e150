"""The retouch widget in a real JupyterLab and a real Chromium: copy, paste, apply, undo."""

import pytest

from lab import screenshot

pytestmark = pytest.mark.browser

IMAGE = "img.retouch-{0}, .retouch-{0} img"  # a picture of ipywidgets, or of ours in which one can drag
NAMES = ("copy", "paste", "alike_before", "alike_after", "rest_before", "rest_after")
READ = """async images => Promise.all(images.map(async image =>
    [...new Uint8Array(await (await fetch(document.querySelector(image).src)).arrayBuffer())].join()))"""
LISTEN = """widget => { window.said = []; new MutationObserver(() => {
    const text = widget.innerText.includes('working …');
    if (text !== window.said.at(-1)) window.said.push(text);
}).observe(widget, { subtree: true, childList: true, characterData: true }); }"""  # when it says that it is working
LOST = """() => { const panel = document.querySelector('.jp-Notebook').getBoundingClientRect();
    const cells = [...document.querySelectorAll('.retouch-context')].map(box => box.parentElement);
    return cells.filter(cell => cell.getBoundingClientRect().right > panel.right ||
        cell.clientWidth < cell.querySelector('img').naturalWidth - 1).length; }"""  # contexts cut off, or squeezed


class Shown:
    """The pictures that the widget shows: their bytes, and which of them changed since one looked last."""

    def __init__(self, page):
        self.page = page
        self.seen = self.look()

    def look(self):
        return dict(zip(NAMES, self.page.evaluate(READ, [IMAGE.format(name) for name in NAMES]), strict=True))

    def changed(self, *expected):
        """Wait until just the expected pictures have changed, and change no more, and keep them."""
        now = {}
        for _ in range(150):
            before, now = now, self.look()
            found = {name for name in NAMES if now[name] != self.seen[name]}
            if found == set(expected) and now == before:
                break
            self.page.wait_for_timeout(500)
        assert found == set(expected)
        self.seen = now
        return now


def drag_in(page, picture, start, end):
    """Drag in a picture, from (row, column) to (row, column), pixels of 16."""
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    ends = [
        (box["x"] + (column + 0.5) * box["width"] / 16, box["y"] + (row + 0.5) * box["height"] / 16)
        for row, column in (start, end)
    ]
    page.mouse.move(*ends[0])
    page.mouse.down()
    page.mouse.move(*ends[1], steps=5)
    page.mouse.up()


def drag(page, handle, track, fraction):
    """Drag a slider's knob to a fraction of its way, as a hand would."""
    handle.scroll_into_view_if_needed()
    knob, way = handle.bounding_box(), track.bounding_box()
    y = knob["y"] + knob["height"] / 2
    page.mouse.move(knob["x"] + knob["width"] / 2, y)
    page.mouse.down()
    page.mouse.move(way["x"] + way["width"] * fraction, y, steps=8)
    page.mouse.up()


def test_copy_paste_apply_undo(lab):
    with lab.open("10a_retouch.ipynb", width=1400, height=1250) as page:
        widget = page.locator(".jp-OutputArea-output .widget-vbox").first
        widget.scroll_into_view_if_needed()
        page.wait_for_function(
            "names => names.every(name => document.querySelector(name)?.naturalWidth > 0)",
            arg=[IMAGE.format(name) for name in NAMES],
        )
        slider = lambda label: widget.locator(".widget-slider").filter(has=page.get_by_text(label, exact=True))
        button = lambda label: widget.locator("button", has_text=label)
        shown = Shown(page)
        assert (
            shown.seen["alike_before"] == shown.seen["alike_after"]
            and shown.seen["rest_before"] == shown.seen["rest_after"]
        )

        widget.evaluate(LISTEN)
        button("Apply").click()  # what the notebook has set up
        widget.get_by_text("edit 1: rank 2, from 16 pictures").wait_for()
        assert page.evaluate("said") == [True, False]
        page.wait_for_timeout(500)
        screenshot(widget, "rewriting.png")
        button("Undo").click()
        widget.get_by_text("taken back; 0 left").wait_for()
        shown.changed()

        rows = slider("rows")  # copy: one row more; the piece that is pasted grows with it
        drag(page, rows.locator(".noUi-handle-upper"), rows.locator(".noUi-base"), 9 / 15)
        shown.changed("copy", "paste")
        row = slider("row")  # paste: a row higher, without another copy
        drag(page, row.locator(".noUi-handle"), row.locator(".noUi-base"), 6 / 15)
        shown.changed("paste")

        picture = lambda name: page.locator(IMAGE.format(name))
        value = lambda label: slider(label).locator(".widget-readout").inner_text().replace(" ", "")
        drag_in(page, picture("copy"), (11, 4), (8, 9))  # from the lower left to the upper right
        shown.changed("copy", "paste")
        assert (value("rows"), value("columns")) == ("8–11", "4–9")
        drag_in(page, picture("paste"), (3, 3), (5, 8))  # the middle of the region comes along
        shown.changed("paste")
        assert (value("row"), value("column")) == ("3", "5")
        drag_in(page, picture("paste"), (8, 8), (60, -60))  # as far as the picture goes
        shown.changed("paste")
        assert (value("row"), value("column")) == ("13", "0")
        page.mouse.move(*(picture("copy").bounding_box()[name] + 9 for name in "xy"))  # nothing is pressed
        shown.changed()
        screenshot(widget, "dragged.png")

        assert page.evaluate(LOST) == 0
        page.set_viewport_size({"width": 700, "height": 1250})
        page.wait_for_timeout(500)
        assert page.evaluate(LOST) == 0  # in a narrow window, the contexts take more lines
        screenshot(widget, "rewriting_narrow.png")
        page.set_viewport_size({"width": 1400, "height": 1250})

        button("Untick").click()
        page.wait_for_function("() => !document.querySelector('.retouch-context input:checked')")
        ticks = page.locator(".retouch-context input")
        assert ticks.count() == 28
        for i in range(10):
            ticks.nth(i).check()
        unedited = shown.look()

        button("Apply").click()
        widget.get_by_text("edit 1: rank 2, from 11 pictures").wait_for()
        edited = shown.look()
        assert edited["alike_before"] != edited["alike_after"] and edited["rest_before"] != edited["rest_after"]

        button("Apply").click()  # the same rule once more, on top
        widget.get_by_text("edit 2: rank 2").wait_for()
        button("Undo").click()
        widget.get_by_text("taken back; 1 left").wait_for()
        shown.seen = edited
        shown.changed()
        button("Undo").click()
        widget.get_by_text("taken back; 0 left").wait_for()
        shown.seen = unedited
        shown.changed()
        button("Undo").click()
        widget.get_by_text("there is no edit to undo").wait_for()
        assert page.errors == []
