"""Firefox without a window, spoken to by WebDriver BiDi: a second engine for the pages."""

import contextlib
import json
import shutil
import socket
import subprocess
import time
from pathlib import Path

import websocket

from lab import end


def find_firefox() -> str | None:
    """The program, if there is one."""
    return next(filter(None, map(shutil.which, ("firefox", "firefox-esr"))), None)


class Firefox:
    """One page in Firefox: `errors` are those on its console."""

    def __init__(self, profile: Path):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [find_firefox(), "--headless", "--no-remote", "--profile", profile, f"--remote-debugging-port={port}"]
        quiet = {name: subprocess.DEVNULL for name in ("stdin", "stdout", "stderr")}
        self.program = subprocess.Popen([*map(str, command), "about:blank"], **quiet)
        self.errors, self.number = [], 0
        self.socket = self._connect(f"ws://127.0.0.1:{port}/session")
        self.ask("session.new", capabilities={})
        self.ask("session.subscribe", events=["log.entryAdded"])
        self.page = self.ask("browsingContext.getTree")["contexts"][0]["context"]

    def _connect(self, address: str) -> websocket.WebSocket:
        for _ in range(120):
            with contextlib.suppress(OSError, websocket.WebSocketException):
                return websocket.create_connection(address, timeout=60, suppress_origin=True)
            time.sleep(0.5)
        self.close()
        raise RuntimeError("Firefox did not start")

    def ask(self, method: str, **params) -> dict:
        """What Firefox answers. Raises `RuntimeError` if it refuses."""
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": params}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("method") == "log.entryAdded" and message["params"]["level"] == "error":
                self.errors.append(message["params"]["text"])
            if message.get("id") == self.number:
                if message["type"] == "error":
                    raise RuntimeError(f"{method}: {message['message']}")
                return message["result"]

    def goto(self, url: str) -> None:
        self.ask("browsingContext.navigate", context=self.page, url=url, wait="complete")

    def evaluate(self, script: str):
        """The value of an expression, which may be a promise, as JSON has it."""
        expression = f"(async () => JSON.stringify(await ({script})))()"
        target = {"context": self.page}
        answer = self.ask("script.evaluate", expression=expression, target=target, awaitPromise=True)
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"].get("value", "null"))

    def wait_for(self, condition: str, seconds: float = 60) -> None:
        """Wait until an expression is true. Raises `TimeoutError` otherwise."""
        end = time.monotonic() + seconds
        while not self.evaluate(condition):
            if time.monotonic() > end:
                raise TimeoutError(f"not in {seconds} s: {condition}; errors: {self.errors}")
            time.sleep(0.2)

    def close(self) -> None:
        end(self.program)
