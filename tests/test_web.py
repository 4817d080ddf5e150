"""The page that paints: its modules against fpa_nb with node, and the built page in a real browser."""

import json
import shutil
import subprocess
import threading
import warnings
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlencode

import onnxruntime
import pytest
import torch

from fpa_nb.browser import OPENING_SEED, PAINTERS, build_page, export_onnx, opening, page_weights
from fpa_nb.gallery import interpolate
from fpa_nb.interventions import Edit, apply_edit, parse_steps, step_order
from fpa_nb.models import find_official, load_painter
from fpa_nb.official import save_official
from fpa_nb.painter import Painter, PainterConfig, sample_latents, slerp, write_program
from fpa_nb.recipe import make_recipe
from fpa_nb.rules import RULES
from fpa_nb.run import build_gan

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
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    monkeypatch.setenv("FPA_WEB_CASES", str(tmp_path / "cases.json"))
    done = subprocess.run(["node", "--test"], cwd=ROOT / "web", capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# fail 0" in done.stdout and "# skipped 0" in done.stdout


NETWORKS = [
    {}, {"inputs": "v1"}, {"inputs": "split", "latent_dim": 28}, {"positional": True}, {"tanh_mini_latents": False},
    {"inputs": "v1", "positional": True}, {"num_layers": 2}, {"latent_to_state": False}, {"wide_dim": 20},
    {"tanh_values": True}, {"sigmoid_betas": False}, {"vector_betas": True}, {"learned_canvas": True},
    {"tanh_output": False}, {"channels": 1}, {"slow": "transformer", "latent_to_state": False, "mini_input_size": 24},
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
        keys, values, betas = map(torch.from_numpy, session.run(["keys", "values", "betas"], {"latents": latents.numpy()}))
        program = {"keys": keys, "values": values, "betas": betas}
        outside = write_program(painter.config, program).canvas.tanh()
        case = {"name": name, "seed": OPENING_SEED} | {kind: str(folder / f"{name}.{kind}") for kind in files}
        found.append(case | {"picture": painter(latents).flatten().tolist(), "onnx": outside.flatten().tolist()})
    return found


def resampled_cases() -> list[dict]:
    curves = [torch.randn(n, generator=torch.Generator().manual_seed(n)) for n in (1, 2, 12, 16)]
    longer = lambda curve, size: torch.nn.functional.interpolate(curve[None, None], size=size, mode="linear")[0, 0]
    pairs = [(curve, size) for curve in curves for size in (len(curve), 17, 48, 101)]
    return [{"curve": c.tolist(), "size": size, "wanted": longer(c, size).tolist()} for c, size in pairs]


def matrix_cases() -> list[dict]:
    draw = lambda *shape: torch.randn(*shape, generator=torch.Generator().manual_seed(3))
    given = {"square": draw(9, 9), "high": draw(12, 5), "wide": draw(5, 12), "of rank 2": draw(8, 2) @ draw(2, 6)}
    given["two equal sizes"] = torch.diag(torch.tensor([2.0, 1, 1, 0]))
    return [
        {"name": name, "rows": len(x), "columns": len(x[0]), "matrix": x.flatten().tolist(),
         "sizes": torch.linalg.svdvals(x).tolist()} for name, x in given.items()
    ]  # fmt: skip


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextmanager
def served(folder, **types):
    """A folder served from this machine, some endings with other types: its address."""
    extensions = Quiet.extensions_map | {f".{ending}": kind for ending, kind in types.items()}
    handler = type("Handler", (Quiet,), {"extensions_map": extensions})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


ODD_NAMES = ("my painter", "#1: 100 %", "a+b&c=d?")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of the built page: with the digits' painter, with some of odd names, and with one of the authors."""
    if shutil.which("npm") is None:
        pytest.skip("no npm on this machine")
    folder = tmp_path_factory.mktemp("site")
    painters = {name: (f"the painter {name}", small_painter(channels=1)) for name in ODD_NAMES}
    painters = {"digits": PAINTERS["digits"]} | painters
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
def page(browser, site):
    """A page that notes what goes wrong; `page.open("#seed=3")` waits until that is painted."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.wrong = []
    page.on("console", lambda m: page.wrong.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(site) else page.wrong.append(request.url))

    def open_address(address=""):
        page.goto("about:blank")
        page.wrong.clear()
        page.goto(site + address)
        page.wait_for_function("globalThis.fpa?.shown()", timeout=60_000)

    page.open = open_address
    yield page
    page.close()


def picture(page, row: str = "changed") -> torch.Tensor:
    """What a canvas element shows, from 0 to 1."""
    script = """row => { const e = document.getElementById(row + '-picture');
        return [...e.getContext('2d').getImageData(0, 0, e.width, e.height).data] }"""
    pixels = torch.tensor(page.evaluate(script, row)).reshape(-1, 4)[:, :3]
    return pixels / 255


def wanted(painter, seed=3, second=5, toward=0.0, **given) -> torch.Tensor:
    first, other = (sample_latents(painter, 1, s) for s in (seed, second))
    painting = painter.paint(interpolate(toward, first, other, "spherical"))
    order = step_order(given.pop("order", "as painted"), painter.config.steps, given.pop("shuffle", 0))
    off = parse_steps(given.pop("off", ""), painter.config.steps)
    image = apply_edit(painter, painting, Edit(off=off, order=order, **given), painter.paint(other)).images[0]
    return image.clamp(0, 1).expand(3, -1, -1).flatten(1).T


VISITS = {
    "": {}, "#seed=11": {"seed": 11}, "#toward=0.4&second=9": {"toward": 0.4, "second": 9}, "#off=5-8": {"off": "5-8"},
    "#scale=1.5": {"beta_scale": 1.5}, "#borrow=keys": {"borrow": ("keys",)}, "#rule=hebbian": {"rule": "hebbian"},
    "#borrow=values+betas": {"borrow": ("values", "betas")}, "#rule=oja": {"rule": "oja"},
    "#order=reversed": {"order": "reversed"}, "#order=shuffled&shuffle=4": {"order": "shuffled", "shuffle": 4},
}  # fmt: skip


@pytest.mark.browser
def test_paints_what_python_paints(page):
    painter = load_painter("reports/digits/fpa")
    for address, given in VISITS.items():
        page.open(address)
        assert (picture(page) - wanted(painter, **given)).abs().mean() < 1 / 255, address
        assert not page.wrong, (address, page.wrong)


@pytest.mark.browser
@pytest.mark.parametrize("name", [*ODD_NAMES, "cats"])
def test_a_painter_of_any_name_is_found(page, name):
    page.open("#" + urlencode({"model": name, "seed": 4}))
    assert page.input_value("[name=model]") == name and not page.wrong
    if name in ODD_NAMES:
        assert (picture(page) - wanted(small_painter(channels=1), seed=4)).abs().mean() < 1 / 255


@pytest.mark.browser
@pytest.mark.parametrize("mjs", ["text/plain", "application/octet-stream", "text/html"])
def test_modules_of_another_type_are_told(browser, built, mjs):
    page = browser.new_page()
    with served(built, mjs=mjs) as address:
        page.goto(f"{address}paint/")
        page.wait_for_function("document.getElementById('status').textContent.includes('the type text/javascript')")
        assert page.get_attribute("#status", "class") == "error"
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize("address", ["paint/index.html", "paint/index.html#seed=3", "copy of paint/index.html"])
def test_a_page_from_a_file_says_how_to_serve_it(browser, built, address):
    if not (built / "copy of paint").exists():
        (built / "copy of paint").symlink_to(built / "paint")
    page = browser.new_page()
    page.goto(f"{built.as_uri()}/{address}")
    page.wait_for_function("document.getElementById('status').textContent.includes('run python -m http.server in')")
    page.close()


@pytest.mark.browser
def test_what_else_is_missing_is_told(browser, built, tmp_path):
    for lost in ("vendor/ort.wasm.min.mjs", "painters.json", "models/digits.onnx"):
        copy = shutil.copytree(built / "paint", tmp_path / lost.replace("/", "-"))
        (copy / lost).unlink()
        page = browser.new_page()
        with served(copy) as address:
            page.goto(address)
            page.wait_for_function("document.getElementById('status').className === 'error'")
            assert "loading" not in page.inner_text("#status")
        page.close()


@pytest.mark.browser
def test_keyboard_address_and_messages(page):
    page.open("#seed=4")
    page.focus("[name=seed]")
    page.keyboard.press("ArrowUp")
    page.wait_for_function("document.documentElement.dataset.shown?.includes('seed=5')")
    page.focus("#step")
    page.keyboard.press("Home")
    assert page.inner_text("#step-text") == "step 1 of 16" and "step=1" in page.url
    page.focus("#toggle")
    page.keyboard.press("Enter")
    page.wait_for_function("document.documentElement.dataset.shown?.includes('off=1')")
    assert (picture(page) - picture(page, "painted")).abs().max() > 0.01
    address = page.evaluate("location.hash")
    before = picture(page)
    page.open(address)
    assert torch.equal(picture(page), before) and page.inner_text("#step-text") == "step 1 of 16"
    page.fill("[name=off]", "99")
    page.wait_for_function("document.getElementById('status').textContent.includes('steps 1 to 16')")
    page.click("#reset")
    page.wait_for_function("!document.documentElement.dataset.shown.includes('off')")
    assert torch.equal(picture(page), picture(page, "painted")) and not page.wrong


@pytest.mark.browser
def test_play_and_save(page, tmp_path):
    page.open()
    page.click("#play")
    page.wait_for_function("document.getElementById('step-text').textContent === 'step 3 of 16'")
    page.click("#play")
    assert page.get_attribute("#play", "aria-pressed") == "false"
    for button, ending, begins in (("#save-picture", ".png", b"\x89PNG"), ("#save-film", ".webm", b"\x1a\x45\xdf\xa3")):
        with page.expect_download(timeout=30_000) as download:
            page.click(button)
        file = tmp_path / download.value.suggested_filename
        download.value.save_as(file)
        assert file.suffix == ending and file.read_bytes().startswith(begins)
    assert not page.wrong


@pytest.mark.browser
def test_accessible_and_narrow(page):
    page.set_viewport_size({"width": 360, "height": 740})
    page.open()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    unnamed = """() => [...document.querySelectorAll('input, select, button, canvas, svg')].filter(
        e => !(e.labels?.length || e.textContent.trim() || e.getAttribute('aria-label'))).map(e => e.outerHTML)"""
    assert page.evaluate(unnamed) == []
    text = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        text[scheme] = page.evaluate("getComputedStyle(document.body).color")
    assert text == {"light": "rgb(0, 0, 0)", "dark": "rgb(255, 255, 255)"}  # and the browser's own background
    assert not page.wrong
