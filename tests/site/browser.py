"""A headless Chromium, driven by its own protocol (Chrome DevTools Protocol): no more of it than our tests need.

Scripts that a test runs come in through the protocol, so the page's policy stands as it is.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from websocket import WebSocket, create_connection

from tests.waiting import until

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
"""Empty: there is none here."""
SECONDS = 120.0


class Tab:
    """One page, from one address to the next."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._asked = 0
        self.complaints: list[str] = []
        """What the browser wrote to its console: errors of scripts, and what a policy did not allow."""
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **given: object) -> Any:
        """A command of the protocol, and its answer."""
        self._asked += 1
        self._socket.send(json.dumps({"id": self._asked, "method": method, "params": given}))
        while True:
            said = json.loads(self._socket.recv())
            if said.get("method") == "Log.entryAdded" and said["params"]["entry"]["level"] == "error":
                self.complaints.append(said["params"]["entry"]["text"])
            if said.get("method") == "Runtime.exceptionThrown":
                self.complaints.append(said["params"]["exceptionDetails"]["text"])
            if said.get("id") == self._asked:
                assert "error" not in said, said
                return said["result"]

    def run(self, script: str) -> Any:
        """The value of an expression on the page; a promise is waited for."""
        said = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in said, said
        return said["result"].get("value")

    def open(self, address: str) -> None:
        """Until it is loaded."""
        self.run("window.left = true")
        self.ask("Page.navigate", url=address)
        self.arrived()

    def arrived(self) -> None:
        """A page that is another than the one that was left (`click`, `open`) is loaded."""
        until(lambda: self.run("!window.left && document.readyState === 'complete'"), "the page is loaded", SECONDS)

    def click(self, selector: str) -> None:
        """Follow a link, or press a button, that leads to another page."""
        self.run("window.left = true")
        self.run(f"document.querySelector({json.dumps(selector)}).click()")
        self.arrived()

    def press(self, key: str, text: str = "") -> None:
        """A key, as from a keyboard."""
        code = {"Enter": 13, "Tab": 9}.get(key, ord(key[0]))
        for kind in ("keyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, text=text if kind == "keyDown" else "",
                     windowsVirtualKeyCode=code)  # fmt: skip

    def type(self, text: str) -> None:
        """Into what has the focus."""
        self.ask("Input.insertText", text=text)

    def seems(self, *, dark: bool = False, width: int = 1280) -> None:
        """How the screen is, and what its owner prefers."""
        wish = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.ask("Emulation.setEmulatedMedia", features=wish)
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)

    def scripts(self, allowed: bool) -> None:
        """Whether the page may run its own."""
        self.ask("Emulation.setScriptExecutionDisabled", value=not allowed)

    def text(self, selector: str) -> str:
        """What is read there."""
        return str(self.run(f"document.querySelector({json.dumps(selector)}).innerText"))


@contextmanager
def browser(folder: Path) -> Iterator[Tab]:
    """A new one that keeps its things in `folder`."""
    command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
               "--disable-background-networking", "--disable-component-update", "--disable-extensions",
               "--remote-debugging-port=0", f"--user-data-dir={folder}", "about:blank"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        told = folder / "DevToolsActivePort"
        until(lambda: told.exists() and told.read_text().count("\n"), "the browser listens", SECONDS)
        port = told.read_text().splitlines()[0]
        tabs = requests.get(f"http://127.0.0.1:{port}/json", timeout=SECONDS).json()
        address = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
        socket = create_connection(address, timeout=SECONDS, suppress_origin=True)
        try:
            yield Tab(socket)
        finally:
            socket.close()
    finally:
        process.terminate()
        process.wait(30)
