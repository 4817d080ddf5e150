"""The page that paints: its modules against fpa_nb with node, and the built page in a real browser."""

import json
import re
import shutil
import subprocess
import warnings
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlencode

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_image

from fpa_nb.browser import OPENING_SEED, PAINTERS, build_page, export_onnx, opening, page_weights
from fpa_nb.gallery import interpolate, slerp
from fpa_nb.interventions import Edit, apply_edit, parse_steps, step_order
from fpa_nb.inversion import Encoder, load_encoder, save_encoder
from fpa_nb.models import find_official, load_painter
from fpa_nb.official import save_official
from fpa_nb.painter import Painter, PainterConfig, sample_latents, write_program
from fpa_nb.recipe import make_recipe
from fpa_nb.refiner import RefinedPainter, RefinerConfig
from fpa_nb.rules import RULES
from fpa_nb.run import build_gan
from lab import served

ROOT = Path(__file__).resolve().parent.parent
SMALL = {"image_size": 12, "latent_dim": 16, "steps": 7, "mini_latent_dim": 4, "mini_input_size": 8, "hidden_size": 24}


def small_painter(**settings) -> Painter:
    torch.manual_seed(0)
    return Painter(PainterConfig(**SMALL | {"head_init": 4} | settings)).eval().requires_grad_(False)


def settings_of(painter: Painter) -> dict:
    initial = None if painter.canvas is None else painter.canvas.flatten().tolist()
    names = ("rule", "plain_first", "softmax_keys", "tanh_output")
    return {name: getattr(painter.config, name) for name in names} | {"initial": initial}


def program_of(painting) -> dict:
    """The program of a batch of one, flat."""
    channels, steps, width = painting.keys.shape[1:]
    shape = {"channels": channels, "steps": steps, "height": painting.values.shape[-1], "width": width}
    flat = {name: getattr(painting, name).flatten().tolist() for name in ("keys", "values", "betas")}
    return flat | {"shape": shape, "gates": {name: x.flatten().tolist() for name, x in painting.gates.items()}}


def canvases_of(painting) -> list[float]:
    return painting.canvases.flatten().tolist()  # (steps, channels, height, width)


def rule_cases() -> list[dict]:
    changes = [{"rule": name} for name in RULES]
    changes += [{"channels": 1}, {"vector_betas": True}, {"plain_first": False}, {"learned_canvas": True}]
    changes += [{"rule": "oja", "softmax_keys": False}]
    found = []
    for change in changes:
        painter = small_painter(**change)
        painting = painter.paint(sample_latents(painter, 1))
        case = {"program": program_of(painting), "painter": settings_of(painter), "canvases": canvases_of(painting)}
        found.append({"name": str(change)} | case)
    return found


EDITS = [
    {"off": (1, 4)}, {"beta_scale": 1.5}, {"borrow": ("keys",)}, {"borrow": ("values", "betas"), "off": (2,)},
    {"order": "reversed"}, {"order": "shuffled", "off": (3,)}, *({"rule": name} for name in RULES),
]  # fmt: skip


def edit_cases() -> list[dict]:
    found = []
    for rule in ("delta", "gated_delta"):
        painter = small_painter(rule=rule)
        first, other = (painter.paint(sample_latents(painter, 1, seed)) for seed in (3, 5))
        for given in EDITS:
            order = given.get("order", "as painted")
            edit = Edit(**given | {"order": step_order(order, painter.config.steps, seed=4)})
            page = {"off": given.get("off", ()), "scale": edit.beta_scale, "borrow": edit.borrow, "order": order}
            changed = apply_edit(painter, first, edit, other)
            found.append({
                "name": f"{rule}: {given}", "program": program_of(first), "other": program_of(other),
                "painter": settings_of(painter), "edit": page | {"shuffle": 4, "rule": edit.rule},
                "canvases": canvases_of(changed),
            })  # fmt: skip
    return found


def random_cases() -> dict:
    draw = lambda count, seed: torch.randn(count, generator=torch.Generator().manual_seed(seed))
    order = lambda count, seed: torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    first, second = draw(16, 1).tolist(), draw(16, 2).tolist()
    a, b = torch.tensor([first]), torch.tensor([second])
    walks = {"spherical": slerp(0.3, a, b), "linear": 0.7 * a + 0.3 * b}
    return {
        "randn": [
            {"count": n, "seed": s, "numbers": draw(n, s).tolist()} for n in (16, 64, 100) for s in (0, 2**31 - 1)
        ],
        "randperm": [{"count": n, "seed": s, "order": order(n, s).tolist()} for n in (1, 16, 64) for s in (0, 9)],
        "walks": [
            {"path": name, "fraction": 0.3, "first": first, "second": second, "between": x[0].tolist()}
            for name, x in walks.items()
        ],
    }


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js on this machine")
def test_modules_compute_what_fpa_nb_computes(tmp_path, monkeypatch):
    cases = {"rules": rule_cases(), "edits": edit_cases(), "resampled": resampled_cases()} | random_cases()
    cases |= {"networks": network_cases(tmp_path), "trained": trained_cases(tmp_path), "matrices": matrix_cases()}
    cases |= {"sizes": size_cases(tmp_path), "encoders": encoder_cases(tmp_path)}
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    monkeypatch.setenv("FPA_WEB_CASES", str(tmp_path / "cases.json"))
    done = subprocess.run(["node", "--test"], cwd=ROOT / "web", capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# fail 0" in done.stdout and "# skipped 0" in done.stdout


NETWORKS = [
    {}, {"inputs": "v1"}, {"inputs": "split", "latent_dim": 28}, {"positional": True}, {"tanh_mini_latents": False},
    {"inputs": "v1", "positional": True}, {"num_layers": 2}, {"latent_to_state": False}, {"wide_dim": 20},
    {"tanh_values": True}, {"sigmoid_betas": False}, {"vector_betas": True}, {"learned_canvas": True},
    {"tanh_output": False}, {"channels": 1}, {"colours": "opponent"}, {"colours": "opponent", "tanh_output": False},
    {"slow": "transformer", "latent_to_state": False, "mini_input_size": 24},
    {"rule": "oja", "softmax_keys": False, "head_init": 1}, *({"rule": name} for name in RULES),
]  # fmt: skip


def network_cases(folder: Path) -> list[dict]:
    found = []
    for number, change in enumerate(NETWORKS):
        painter = small_painter(**change)
        file = folder / f"{number}.safetensors"
        file.write_bytes(page_weights(painter, half=False))
        latents = sample_latents(painter, 1, seed=number)
        painting = painter.paint(latents)
        case = {"name": str(change), "file": str(file), "latents": latents[0].tolist(), "program": program_of(painting)}
        found.append(case | {"picture": painting.images.flatten().tolist()})
    return found


def trained_cases(folder: Path) -> list[dict]:
    found = []
    for name in ("digits", "smiles"):
        painter = load_painter(PAINTERS[name][1])
        files = {"file": page_weights(painter), "opening": opening(painter)}
        for kind, content in files.items():
            (folder / f"{name}.{kind}").write_bytes(content)
        latents = sample_latents(painter, 1, OPENING_SEED)
        export_onnx(painter, folder / f"{name}.onnx")
        session = onnxruntime.InferenceSession(folder / f"{name}.onnx", providers=["CPUExecutionProvider"])
        names = ["keys", "values", "betas"]
        made = session.run(names, {"latents": latents.numpy()})
        program = {name: torch.from_numpy(x) for name, x in zip(names, made)}
        outside = write_program(painter.config, program).canvas.tanh()
        case = {"name": name, "seed": OPENING_SEED} | {kind: str(folder / f"{name}.{kind}") for kind in files}
        given = painter(sample_latents(painter, 1, seed=8)).clamp(0, 1)
        nearest = painter(load_encoder(PAINTERS[name][2])(given))
        case |= {"encoder": str(ROOT / PAINTERS[name][2]), "given": given.flatten().tolist()}
        case["nearest"] = nearest.flatten().tolist()
        found.append(case | {"picture": painter(latents).flatten().tolist(), "onnx": outside.flatten().tolist()})
    return found


PHOTOGRAPHS = {  # shapes of painters and photographs
    "grey": ((1, 12, 12), (1, 30, 40)), "in colour": ((3, 12, 9), (3, 41, 20)), "made grey": ((1, 16, 16), (3, 50, 33)),
    "grey for a painter in colour": ((3, 12, 12), (1, 24, 24)), "small": ((1, 16, 16), (1, 5, 7)),
    "of the painter's size": ((1, 13, 10), (1, 13, 10)),
}  # fmt: skip


def encoder_cases(folder: Path) -> list[dict]:
    """What painters see of photographs, and the latents that untrained encoders find."""
    found = []
    for number, (name, (shape, given)) in enumerate(PHOTOGRAPHS.items()):
        torch.manual_seed(number)
        photograph = torch.rand(given)
        file = folder / f"{number}.encoder.safetensors"
        save_encoder(Encoder(shape, 8, (4, 6)[: number % 3 + 1]), file)
        seen = seen_by(shape, photograph)
        case = {"name": name, "shape": shape_of(shape), "encoder": str(file), "seen": seen.flatten().tolist()}
        case["photograph"] = {"image": photograph.flatten().tolist()} | shape_of(given)
        found.append(case | {"latents": load_encoder(file)(seen).flatten().tolist()})
    return found


def shape_of(shape: tuple[int, int, int]) -> dict[str, int]:
    return dict(zip(("channels", "height", "width"), shape))


def seen_by(shape: tuple[int, int, int], photograph: torch.Tensor) -> torch.Tensor:  # (1, *shape)
    """The middle of a photograph, with a painter's channels and size."""
    channels, height, width = shape
    if len(photograph) > channels:
        photograph = torch.einsum("c,chw->hw", torch.tensor([0.299, 0.587, 0.114]), photograph)[None]
    high, wide = photograph.shape[1:]
    scale = min(high / height, wide / width)
    cut = [round(scale * height), round(scale * width)]
    top, left = (high - cut[0]) // 2, (wide - cut[1]) // 2
    middle = photograph[:, top : top + cut[0], left : left + cut[1]]
    return torch.nn.functional.adaptive_avg_pool2d(middle, (height, width)).expand(shape)[None]


def resampled_cases() -> list[dict]:
    curves = [torch.randn(n, generator=torch.Generator().manual_seed(n)) for n in (1, 2, 12, 16)]
    longer = lambda curve, size: torch.nn.functional.interpolate(curve[None, None], size=size, mode="linear")[0, 0]
    pairs = [(curve, size) for curve in curves for size in (len(curve), 17, 48, 101)]
    return [{"curve": c.tolist(), "size": size, "wanted": longer(c, size).tolist()} for c, size in pairs]


SIZES = [
    *({"rule": name} for name in RULES), {"rule": "oja", "softmax_keys": False}, {"softmax_keys": False},
    {"tanh_values": True}, {"learned_canvas": True}, {"vector_betas": True}, {"colours": "opponent"},
]  # fmt: skip


def size_cases(folder: Path) -> list[dict]:
    """Pictures in another size than the painter's own, and painters that were made so."""
    found = []
    for number, change in enumerate(SIZES):
        painter = small_painter(**change)
        latents = sample_latents(painter, 1, seed=number)
        for kind, written in {"own": painter, "resized": painter.resized((30, 24))}.items():
            file = folder / f"size_{number}_{kind}.safetensors"
            file.write_bytes(page_weights(written, half=False))
            image = written.paint(latents, (60, 48)).images
            case = {"name": f"{change}, {kind}", "file": str(file), "latents": latents[0].tolist()}
            found.append(case | {"height": 60, "width": 48, "picture": image.flatten().tolist()})
    return found


def matrix_cases() -> list[dict]:
    draw = lambda *shape: torch.randn(*shape, generator=torch.Generator().manual_seed(3))
    given = {"square": draw(9, 9), "high": draw(12, 5), "wide": draw(5, 12), "of rank 2": draw(8, 2) @ draw(2, 6)}
    given["two equal sizes"] = torch.diag(torch.tensor([2.0, 1, 1, 0]))
    return [
        {"name": name, "rows": len(x), "columns": len(x[0]), "matrix": x.flatten().tolist(),
         "sizes": torch.linalg.svdvals(x).tolist()} for name, x in given.items()
    ]  # fmt: skip


ODD_NAMES = ("my painter", "#1: 100 %", "a+b&c=d?")
REFINED = "refined"
TWIN = "twin"


def refined_painter() -> RefinedPainter:
    torch.manual_seed(0)
    config = PainterConfig(**SMALL | {"image_size": 16, "channels": 1, "head_init": 4})
    return RefinedPainter(config, RefinerConfig(widths=(2,))).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of the built page: digits, painters of odd names, a refined one, and one of the authors."""
    if shutil.which("npm") is None:
        pytest.skip("no npm on this machine")
    folder = tmp_path_factory.mktemp("site")
    painters = {name: (f"the painter {name}", small_painter(channels=1)) for name in ODD_NAMES}
    painters = {"digits": PAINTERS["digits"]} | painters | {REFINED: ("refined", refined_painter())}
    painters[TWIN] = ("digits without an encoder", PAINTERS["digits"][1])
    small = {f"painter.{name}": value for name, value in SMALL.items() if name != "image_size"}
    gan = build_gan(make_recipe("folder", image_size=32, overrides=small | {"discriminator.fmap_max": 8}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its discriminator is a small one
        save_official(folder / "archive" / "cats" / "model_1.pt", gan)
    with patch("fpa_nb.models.pretrained", lambda where: find_official(folder / "archive")):
        build_page(folder / "paint", painters | {"cats": ("cats", "official:model_1")}, half=False)
    return folder


@pytest.fixture(scope="module")
def site(built):
    """The built page, served from this machine: its address."""
    with served(built) as address:
        yield f"{address}paint/"


@pytest.fixture
def opened(browser, site):
    """Pages that note what goes wrong: `opened("#seed=3", has_touch=True)` waits until that is painted."""
    pages = []

    def open_page(address="", wait=True, **options):
        options = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"} | options
        page = browser.new_page(**options)
        pages.append(page)
        page.wrong, page.asked = [], []
        page.on("console", lambda m: page.wrong.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: page.wrong.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(site + address)
        if wait:
            wait_for(page, "fpa.shown()?.painter.complete && document.querySelector('#progress').hidden")
        return page

    yield open_page
    for page in pages:
        assert [url for url in page.asked if not url.startswith((site, "blob:", "data:"))] == []
        page.close()


def wait_for(page, what: str) -> None:
    page.wait_for_function(what, timeout=60_000)


def picture(page, row: str = "changed") -> torch.Tensor:
    """The picture as painted, or with the changes: (channels * height * width) numbers."""
    return torch.tensor(page.evaluate("row => [...fpa.shown().pictures[row]]", row))


def drawn(page) -> torch.Tensor:
    """What the large canvas element shows, from 0 to 1: (height * width, 3)."""
    script = """() => { const e = document.getElementById('picture');
        return [...e.getContext('2d').getImageData(0, 0, e.width, e.height).data] }"""
    return torch.tensor(page.evaluate(script)).reshape(-1, 4)[:, :3] / 255


def wanted(painter, seed=OPENING_SEED, second=5, toward=0.0, **given) -> torch.Tensor:
    first, other = (sample_latents(painter, 1, s) for s in (seed, second))
    painting = painter.paint(interpolate(toward, first, other, "spherical"))
    order = step_order(given.pop("order", "as painted"), painter.config.steps, given.pop("shuffle", 0))
    off = parse_steps(given.pop("off", ""), painter.config.steps)
    return apply_edit(painter, painting, Edit(off=off, order=order, **given), painter.paint(other)).images[0]


VISITS = {
    "": {}, "seed=11": {"seed": 11}, "toward=0.4&second=9": {"toward": 0.4, "second": 9}, "off=5-8": {"off": "5-8"},
    "scale=1.5": {"beta_scale": 1.5}, "borrow=keys": {"borrow": ("keys",)}, "rule=hebbian": {"rule": "hebbian"},
    "borrow=values+betas": {"borrow": ("values", "betas")}, "rule=oja": {"rule": "oja"},
    "order=reversed": {"order": "reversed"}, "order=shuffled&shuffle=4": {"order": "shuffled", "shuffle": 4},
}  # fmt: skip


@pytest.mark.browser
def test_paints_what_python_paints(opened):
    painter = load_painter("reports/digits/fpa")
    page = opened()
    for address, given in VISITS.items():
        page.evaluate("address => fpa.go(address)", f"#pixels=1&{address}")
        image = wanted(painter, **given)
        assert (picture(page) - image.flatten()).abs().max() < 1 / 255, address
        shown = image.clamp(0, 1).expand(3, -1, -1).flatten(1).T
        assert (drawn(page) - shown).abs().max() < 1 / 255, address
    assert not page.wrong and not [url for url in page.asked if "onnx" in url or "vendor" in url]


@pytest.mark.browser
@pytest.mark.parametrize("name", [*ODD_NAMES, "cats"])
def test_a_painter_of_any_name_is_found(opened, name):
    page = opened("#" + urlencode({"model": name, "seed": 4}))
    assert page.input_value("[name=model]") == name and not page.wrong
    if name in ODD_NAMES:
        assert (picture(page) - wanted(small_painter(channels=1), seed=4).flatten()).abs().max() < 1 / 255


@pytest.mark.browser
def test_a_refined_painter_brings_its_runtime(opened):
    page = opened(f"#model={REFINED}&seed=6")
    painter = refined_painter()
    with torch.no_grad():
        image = painter(sample_latents(painter, 1, 6))[0]
    assert (picture(page) - image.flatten()).abs().max() < 1e-3 and not page.wrong
    assert [url for url in page.asked if url.endswith(".wasm")]


@pytest.mark.browser
def test_without_webassembly(browser, site):
    page = browser.new_page()
    page.add_init_script("delete globalThis.WebAssembly")
    page.goto(site)
    wait_for(page, "globalThis.fpa?.shown()?.painter.complete")  # a plain painter does without
    page.select_option("[name=model]", REFINED)
    wait_for(page, "document.getElementById('status').textContent.includes('needs WebAssembly')")
    page.select_option("[name=model]", "digits")
    wait_for(page, "fpa.shown().model === 'digits' && document.getElementById('status').textContent === ''")
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize("mjs", ["text/plain", "application/octet-stream", "text/html"])
def test_modules_of_another_type_are_told(browser, built, mjs):
    page = browser.new_page()
    with served(built, mjs=mjs) as address:
        page.goto(f"{address}paint/")
        wait_for(page, "document.getElementById('status').textContent.includes('the type text/javascript')")
        assert page.get_attribute("#status", "class") == "error"
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize("address", ["paint/index.html", "paint/index.html#seed=3", "copy of paint/index.html"])
def test_a_page_from_a_file_says_how_to_serve_it(browser, built, address):
    if not (built / "copy of paint").exists():
        (built / "copy of paint").symlink_to(built / "paint")
    page = browser.new_page()
    page.goto(f"{built.as_uri()}/{address}")
    wait_for(page, "document.getElementById('status').textContent.includes('run python -m http.server in')")
    assert page.is_visible("#ready")
    page.close()


@pytest.mark.browser
def test_without_javascript_there_is_a_picture_and_a_sentence(browser, site):
    page = browser.new_page(java_script_enabled=False)
    page.goto(site)
    assert page.is_visible("#ready") and "This page needs JavaScript" in page.inner_text("noscript")
    page.close()


@pytest.mark.browser
def test_what_is_missing_is_told(browser, built, tmp_path):
    for lost in ("main.mjs", "painters.json", "models/digits.opening.safetensors", "models/digits.safetensors"):
        copy = shutil.copytree(built / "paint", tmp_path / lost.replace("/", "-"))
        (copy / lost).unlink()
        page = browser.new_page()
        with served(copy) as address:
            page.goto(address)
            wait_for(page, "document.getElementById('status').className === 'error'")
            assert "loading" not in page.inner_text("#status") and not page.is_visible("#progress")
            if lost == "models/digits.safetensors":  # its first picture can be changed nevertheless
                page.fill("[name=off]", "3")
                wait_for(page, "fpa.shown().edited")
                assert page.is_disabled("#another")
        page.close()


@pytest.mark.browser
def test_opens_before_its_weights_are_there(browser, site):
    page = browser.new_page()
    held = []
    page.route("**/digits.safetensors", lambda route: held.append(route))
    page.goto(site)
    assert page.is_visible("#ready") or page.is_visible("#picture")
    wait_for(page, "globalThis.fpa?.shown()")
    assert (picture(page) - wanted(load_painter("reports/digits/fpa")).flatten()).abs().max() < 1 / 255
    wait_for(page, "document.getElementById('play').textContent === 'pause'")  # it plays by itself
    assert page.is_visible("#progress") and page.is_disabled("#another") and page.is_disabled("[name=seed]")
    wait_for(page, "document.getElementById('play').textContent === 'play'")  # once
    page.fill("[name=off]", "2-4")
    wait_for(page, "fpa.shown().edited && fpa.shown().edit.off.length === 3")
    held[0].continue_()
    wait_for(page, "fpa.shown().painter.complete && !document.getElementById('another').disabled")
    assert not page.is_visible("#progress")
    wait_for(page, "document.querySelectorAll('#strip canvas').length === 12")
    page.close()


@pytest.mark.browser
def test_keyboard_address_and_messages(opened):
    page = opened("#seed=4")
    page.focus("[name=seed]")
    page.keyboard.press("ArrowUp")
    wait_for(page, "document.documentElement.dataset.shown.includes('seed=5')")
    page.focus("#step")
    page.keyboard.press("Home")
    assert page.inner_text("#step-text") == "1 of 16"
    wait_for(page, "location.hash.includes('step=1')")
    page.focus("#toggle")
    page.keyboard.press("Enter")
    wait_for(page, "document.documentElement.dataset.shown.includes('off=1')")
    assert (picture(page) - picture(page, "painted")).abs().max() > 0.01
    wait_for(page, "location.hash.includes('off=1')")
    address = page.evaluate("location.hash")
    before = picture(page)
    again = opened(address)
    assert torch.equal(picture(again), before) and again.inner_text("#step-text") == "1 of 16"
    page.click("#reset")
    wait_for(page, "!fpa.shown().edited")
    assert torch.equal(picture(page), picture(page, "painted")) and not page.wrong


@pytest.mark.browser
def test_steps_that_make_no_sense_keep_the_picture(opened):
    page = opened("#off=99")
    assert "steps 1 to 16" in page.inner_text("#off-message") and not page.evaluate("fpa.shown().edited")
    page.fill("[name=off]", "3, 5")
    wait_for(page, "fpa.shown().edit.off.length === 2 && document.getElementById('off-message').textContent === ''")
    before = picture(page)
    page.fill("[name=off]", "3, 5, x")
    wait_for(page, "document.getElementById('off-message').textContent.includes('is no step')")
    assert torch.equal(picture(page), before) and page.get_attribute("[name=off]", "aria-invalid") == "true"
    page.fill("[name=seed]", "8")  # and everything else goes on
    wait_for(page, "document.documentElement.dataset.shown.includes('seed=8')")
    assert page.inner_text("#status") == "" and not page.wrong


@pytest.mark.browser
def test_another_painter_and_an_unknown_one(opened):
    page = opened("#off=6-9, 12&step=14")
    page.select_option("[name=model]", ODD_NAMES[0])
    wait_for(page, f"fpa.shown().model === '{ODD_NAMES[0]}'")
    assert page.input_value("[name=off]") == "6-7" and page.inner_text("#step-text") == "7 of 7"
    page.evaluate("location.hash = 'model=lost&seed=2'")
    wait_for(page, "fpa.shown().model === 'digits'")
    assert 'no painter "lost"' in page.inner_text("#status") and not page.wrong


@pytest.mark.browser
def test_presets_bars_and_strip(opened):
    page = opened()
    names = page.locator("#presets button").all_inner_texts()
    assert 4 <= len(names) <= 6 and names[0] == "as painted"
    seen = []
    for name in names:
        page.locator("#presets").get_by_text(name, exact=True).click()
        wait_for(page, f"fpa.shown().edited === {json.dumps(name != names[0])}")
        wait_for(page, "!fpa.shown().edit.borrow.length || document.getElementById('second').width > 0")
        seen.append(picture(page))
    assert all((a - b).abs().max() > 0.01 for i, a in enumerate(seen) for b in seen[:i])
    page.locator("#presets").get_by_text("as painted", exact=True).click()
    wait_for(page, "!fpa.shown().edited")
    box = page.locator("#painted-rates").bounding_box()
    bar = {"x": box["width"] * 4.5 / 16, "y": 20}
    page.locator("#painted-rates").click(position=bar)
    assert page.inner_text("#step-text") == "5 of 16"
    page.locator("#painted-rates").click(position=bar)
    wait_for(page, "fpa.shown().edit.off.join() === '5'")
    assert "0.00 now" in page.inner_text("#rate-text") and page.is_visible("#changed-rates")
    wait_for(page, "document.querySelectorAll('#strip canvas').length === 12")
    page.get_by_role("button", name="picture of seed 9").click()
    wait_for(page, "document.documentElement.dataset.shown.includes('seed=9')")
    assert page.get_attribute("#strip [data-seed='9']", "aria-pressed") == "true" and not page.wrong


@pytest.mark.browser
def test_play_and_save(opened, tmp_path):
    page = opened("#step=16", reduced_motion="no-preference")
    page.click("#play")
    pause = "parseInt(document.getElementById('step-text').textContent) in {3: 1, 4: 1, 5: 1, 6: 1, 7: 1}"
    wait_for(page, f"{pause} && (document.getElementById('play').click(), true)")
    assert page.get_attribute("#play", "aria-pressed") == "false"
    wait_for(page, "/step=[3-9]/.test(location.hash)")  # the address has followed
    page.fill("[name=off]", "2")
    wait_for(page, "fpa.shown().edited")
    kinds = {".png": b"\x89PNG", ".webm": b"\x1a\x45\xdf\xa3", ".mp4": b"\0\0\0"}
    for button, endings in {"#save-picture": [".png"], "#save-film": [".webm", ".mp4"]}.items():
        with page.expect_download(timeout=60_000) as download:
            page.click(button)
            assert button == "#save-picture" or page.is_disabled("#save-film")  # no second one meanwhile
        file = tmp_path / download.value.suggested_filename
        download.value.save_as(file)
        assert file.stem == f"digits-seed{OPENING_SEED}-edited" and file.suffix in endings
        assert file.read_bytes().startswith(kinds[file.suffix])
    with Image.open(tmp_path / f"digits-seed{OPENING_SEED}-edited.png") as image:
        assert image.size == (1024, 1024)
    assert not page.wrong


@pytest.mark.browser
def test_motion_that_is_reduced(opened):
    page = opened("#step=4")
    assert page.inner_text("#play") == "next"
    page.click("#play")
    assert page.inner_text("#step-text") == "5 of 16"


@pytest.mark.browser
def test_a_photograph_is_painted_and_stays_here(opened, tmp_path):
    photograph = load_sample_image("china.jpg")
    Image.fromarray(photograph).save(tmp_path / "china.png")
    page = opened()
    asked = len(page.asked)
    page.set_input_files("#choose", tmp_path / "china.png")
    wait_for(page, "fpa.shown().model === 'photograph' && fpa.shown().painter.steps === 64")
    height, width = page.evaluate("[fpa.shown().painter.height, fpa.shown().painter.width]")
    assert (height, width) == (171, 256)
    small = Image.fromarray(photograph).resize((width, height), Image.Resampling.BOX)
    given = torch.tensor(np.asarray(small)).movedim(-1, 0) / 255
    best = [u[:, :64] * s[:64] @ v[:64] for u, s, v in (torch.linalg.svd(channel) for channel in given)]
    assert (picture(page) - torch.stack(best).flatten()).abs().mean() < 0.02  # browsers make pictures smaller otherwise
    left = {}
    for strokes in (64, 8):
        page.fill("[name=strokes]", str(strokes))
        wait_for(page, f"fpa.shown().painter.steps === {strokes}")
        left[strokes] = float(re.search(r"leave over ([\d.]+)", page.inner_text("#left-over"))[1])
    assert 2 * left[64] < left[8]
    page.select_option("[name=order]", "reversed")
    wait_for(page, "fpa.shown().edited")
    assert torch.allclose(picture(page), picture(page, "painted"), atol=1e-4)
    (tmp_path / "none.png").write_text("no picture")
    page.set_input_files("#choose", tmp_path / "none.png")
    wait_for(page, "document.getElementById('status').textContent.includes('no picture that this browser can read')")
    later = [url for url in page.asked[asked:] if not url.endswith("icon.svg")]  # asked for with every new address
    assert later == [] and not page.wrong


SCREENS = {
    "desktop": {}, "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}  # fmt: skip


@pytest.mark.browser
@pytest.mark.parametrize("screen", SCREENS)
def test_the_nearest_picture_of_a_painter_is_found_and_changed(opened, tmp_path, screen):
    painter, encoder = load_painter("reports/digits/fpa"), load_encoder("reports/digits/encoder.safetensors")
    given = (255 * painter(sample_latents(painter, 1, seed=8)).clamp(0, 1)).byte()
    Image.fromarray(given[0, 0].numpy()).save(tmp_path / "digit.png")
    page = opened("#pixels=1", **SCREENS[screen])
    assert not page.is_visible("#ways")
    page.set_input_files("#choose", tmp_path / "digit.png")
    wait_for(page, "fpa.shown().model === 'photograph'")
    ways = page.locator("#ways button")
    assert ways.all_inner_texts() == ["its best strokes", "nearest of the handwritten digits, 16 x 16"]
    ways.nth(1).click()
    wait_for(page, "fpa.state().nearest && fpa.shown().model === 'digits'")
    painting = painter.paint(encoder(given / 255))
    assert (picture(page) - painting.images.flatten()).abs().max() < 1 / 255
    assert [way.get_attribute("aria-pressed") for way in ways.all()] == ["false", "true"] and page.is_visible("#given")
    left = 255 * (painting.images.clamp(0, 1) - given / 255).square().mean().sqrt()
    assert f"leaves over {left:.1f} of 255" in page.inner_text("#left-over")
    page.fill("[name=off]", "3, 5-8")
    wait_for(page, "fpa.shown().edited")
    changed = apply_edit(painter, painting, Edit(off=(3, 5, 6, 7, 8)))
    assert (picture(page) - changed.images.flatten()).abs().max() < 1 / 255
    ways.nth(0).click()
    wait_for(page, "fpa.shown().model === 'photograph' && !fpa.state().nearest")
    ways.nth(1).click()
    wait_for(page, "fpa.shown().model === 'digits'")
    page.click("#another")  # a painting of a seed again
    wait_for(page, "!fpa.state().nearest && document.getElementById('given').hidden")
    seed = page.evaluate("fpa.state().seed")
    assert (picture(page) - wanted(painter, seed=seed).flatten()).abs().max() < 1 / 255
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth") and not page.wrong


def beside(page) -> torch.Tensor:
    return torch.tensor(page.evaluate("[...fpa.shown().beside.image]"))


@pytest.mark.browser
@pytest.mark.parametrize("screen", SCREENS)
def test_another_painter_beside(opened, tmp_path, screen):
    page = opened("#pixels=1&toward=0.4", **SCREENS[screen])
    assert not page.is_visible("#beside-figure")
    for name, painter in {ODD_NAMES[0]: small_painter(channels=1), TWIN: load_painter("reports/digits/fpa")}.items():
        page.select_option("[name=beside]", name)
        wait_for(page, f"fpa.state().beside === {json.dumps(name)} && fpa.shown().beside")
        wait_for(page, f"document.documentElement.dataset.shown.includes('{urlencode({'beside': name})}')")
        assert (beside(page) - wanted(painter, toward=0.4).flatten()).abs().max() < 1 / 255
        wide = [page.locator(f"#{name}").bounding_box()["width"] for name in ("picture", "beside")]
        assert wide[1] < 0.6 * wide[0]  # however long its caption is
    Image.fromarray(np.eye(16, dtype=np.uint8) * 255).save(tmp_path / "line.png")
    page.set_input_files("#choose", tmp_path / "line.png")
    wait_for(page, "fpa.shown().model === 'photograph' && !fpa.shown().beside")
    page.locator("#ways button").nth(1).click()
    wait_for(page, "fpa.shown().model === 'digits' && fpa.shown().beside")
    assert torch.equal(beside(page), picture(page))  # the same latents
    page.select_option("[name=model]", TWIN)
    wait_for(page, f"fpa.shown().model === '{TWIN}' && !fpa.shown().beside")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth") and not page.wrong


@pytest.mark.browser
def test_a_link_to_a_nearest_picture_has_no_photograph(opened):
    page = opened("#nearest=1&seed=6")
    assert "which no link holds" in page.inner_text("#status") and not page.evaluate("fpa.state().nearest")
    assert (picture(page) - wanted(load_painter("reports/digits/fpa"), seed=6).flatten()).abs().max() < 1 / 255


@pytest.mark.browser
def test_embedded_and_copied(opened, site):
    page = opened("?embed=1#seed=5")
    assert page.is_visible("#picture") and page.is_visible("#play") and page.is_visible("#step")
    assert not page.is_visible("#controls") and not page.is_visible("h1") and page.is_visible("#whole")
    page = opened("#seed=5")
    page.evaluate("() => { navigator.clipboard.writeText = async (text) => { globalThis.copied = text } }")
    page.click("#copy-frame")
    wait_for(page, "globalThis.copied")
    assert f'<iframe src="{site}?embed=1#model=digits&seed=5"' in page.evaluate("copied")
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')) }")
    page.click("#copy-link")
    wait_for(page, "document.getElementById('status').textContent.includes('copy it from the address bar')")


@pytest.mark.browser
def test_phone(opened):
    page = opened(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, device_scale_factor=2)
    for name in ("#picture", "#play", "#another"):
        box = page.locator(name).bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= 844, name
    sides = """() => [...document.querySelectorAll('button, select, input:not([type=checkbox]):not([type=file])')]
        .filter(e => e.checkVisibility()).map(e => [e.id || e.name || 'strip', e.getBoundingClientRect().height])"""
    assert [name for name, height in page.evaluate(sides) if height < 44] == []
    page.locator("#copy-frame").scroll_into_view_if_needed()
    box = page.locator("#picture").bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] < 500  # it has stayed
    assert page.locator("#save-film").bounding_box()["y"] > box["y"] + box["height"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth") and not page.wrong


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 640, 1280])
def test_accessible_and_narrow(opened, width):
    page = opened("#off=3&borrow=keys", viewport={"width": width, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    unnamed = """() => [...document.querySelectorAll(
        'input:not([type=hidden]), select, button, canvas, svg, progress')].filter(
        e => !(e.labels?.length || e.textContent.trim() || e.getAttribute('aria-label') ||
               e.getAttribute('aria-hidden'))).map(e => e.outerHTML)"""
    assert page.evaluate(unnamed) == []
    text = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        text[scheme] = page.evaluate("getComputedStyle(document.body).color")
    assert text == {"light": "rgb(0, 0, 0)", "dark": "rgb(255, 255, 255)"}  # and the browser's own background
    assert not page.wrong


@pytest.mark.parametrize("name, limit", [("digits", 1_000_000), ("smiles", 3_500_000)])
def test_the_page_of_a_painter_is_small(tmp_path, name, limit):
    build_page(tmp_path, {name: PAINTERS[name]})
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert tmp_path / "models" / f"{name}.encoder.safetensors" in files
    assert sum(file.stat().st_size for file in files) < limit


def test_an_encoder_of_another_painter_is_refused(tmp_path):
    title, painter, encoder = PAINTERS["digits"]
    for wrong, about in {
        PAINTERS["smiles"][2]: "the encoder of a painter of other sizes", "README.md": "holds no encoder",
        "reports/digits/fpa/model.safetensors": "holds no encoder", "lost.safetensors": "holds no encoder",
    }.items():  # fmt: skip
        with pytest.raises(ValueError, match=about):
            build_page(tmp_path, {"digits": (title, painter, wrong)})
    assert list(tmp_path.iterdir()) == []


def test_one_seed_opens_the_page():
    assert f"OPENING_SEED = {OPENING_SEED};" in (ROOT / "web" / "state.mjs").read_text()
