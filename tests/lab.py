"""A real JupyterLab on this machine, in a real Chromium: what the tests of the interactive chapters share."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOKEN = "test"
RUN_ALL = """async () => {
    const app = window.jupyterapp;
    await app.restored;
    const panel = app.shell.currentWidget;
    await panel.context.ready;
    await panel.sessionContext.ready;
    for (let i = 0; i < 600 && !panel.sessionContext.session?.kernel; i++) await new Promise(r => setTimeout(r, 100));
    await panel.sessionContext.session.kernel.info;
    return await app.commands.execute('notebook:run-all-cells');
}"""


def find_chromium() -> str | None:
    """The program, if there is one."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextlib.contextmanager
def chromium():
    """A headless Chromium that sends no requests of its own."""
    from playwright.sync_api import sync_playwright

    quiet = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), headless=True, args=quiet)
        yield browser
        browser.close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextlib.contextmanager
def served(folder, **types):
    """A folder served from this machine, some endings with other types: its address."""
    extensions = Quiet.extensions_map | {f".{ending}": kind for ending, kind in types.items()}
    handler = type("Handler", (Quiet,), {"extensions_map": extensions})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


def watch(page) -> tuple[list[str], list[str]]:
    """Two lists that fill while a page lives: the errors on its console, and the addresses that it asked for."""
    errors, requests = [], []

    def note(message):
        if message.type == "error":
            errors.append(f"{message.text} ({message.location.get('url', '')})")

    page.on("console", note)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    return errors, requests


def screenshot(target, name: str, **options) -> None:
    """Save a picture of a page or element to the folder in the environment variable FPA_SCREENSHOTS, if it is set."""
    folder = os.environ.get("FPA_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        target.screenshot(path=Path(folder) / name, **options)


def end(program: subprocess.Popen) -> None:
    """Ask a program to end, and make it end if it does not."""
    program.terminate()
    try:
        program.wait(30)
    except subprocess.TimeoutExpired:
        program.kill()


class Lab:
    """A JupyterLab server over a folder that looks like the repository; notebooks are opened as copies."""

    def __init__(self, folder: Path, browser):
        self.folder, self.browser = folder, browser
        (folder / "nbs").mkdir()
        shutil.copy(ROOT / "settings.ini", folder)
        for painters in ("digits", "smiles"):
            shutil.copytree(ROOT / "reports" / painters, folder / "reports" / painters)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._start(port)
        for _ in range(240):
            with contextlib.suppress(OSError):
                self._ask("/api").close()
                return
            time.sleep(0.5)
        self.close()
        raise RuntimeError(f"JupyterLab did not start: {(folder / 'lab.log').read_text()[-2000:]}")

    def _start(self, port: int) -> None:
        command = [
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--allow-root",
            "--ip=127.0.0.1",
            f"--port={port}",
            f"--ServerApp.root_dir={self.folder}",
            f"--IdentityProvider.token={TOKEN}",
            "--LabApp.expose_app_in_browser=True",
            "--LabApp.news_url=None",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ]
        settings = self.folder / "settings"
        notification = settings / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
        notification.parent.mkdir(parents=True)
        notification.write_text('{"fetchNews": "false", "checkForUpdates": false}')  # or it asks whether it may
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
            "JUPYTERLAB_SETTINGS_DIR": str(settings),
            "JUPYTERLAB_WORKSPACES_DIR": str(self.folder / "workspaces"),
        }
        with open(self.folder / "lab.log", "w") as log:
            output = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
            self.server = subprocess.Popen(command, env=environment, **output)

    def _ask(self, place: str, method: str = "GET"):
        headers = {"Authorization": f"token {TOKEN}"}
        request = urllib.request.Request(f"{self.url}{place}", method=method, headers=headers)
        return urllib.request.urlopen(request, timeout=10)

    @contextlib.contextmanager
    def open(self, notebook: str, width: int = 1280, height: int = 1000):
        """Open a copy of `nbs/NOTEBOOK`, run its cells, and give the page, whose `errors` are those on its console."""
        shutil.copy(ROOT / "nbs" / notebook, self.folder / "nbs")
        page = self.browser.new_page(viewport={"width": width, "height": height})
        page.errors, page.requests = watch(page)
        try:
            page.goto(f"{self.url}/lab/tree/nbs/{notebook}?reset&token={TOKEN}", timeout=120_000)
            page.wait_for_selector(".jp-NotebookPanel .jp-Notebook .jp-Cell", timeout=120_000)
            page.set_default_timeout(60_000)
            ran = page.evaluate(RUN_ALL)
            failed = page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']")
            assert ran and failed.count() == 0, f"a cell of {notebook} failed: {failed.all_inner_texts()}"
            yield page
        finally:  # the kernel ends with the block
            page.close()
            for session in json.load(self._ask("/api/sessions")):
                self._ask(f"/api/sessions/{session['id']}", "DELETE").close()

    def close(self) -> None:
        end(self.server)
