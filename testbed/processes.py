"""Child processes that end with us, and waiting for them."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 120.0
"""How long to wait for what a working testbed does in seconds: only a fault takes so long, a busy machine does not."""


class TestbedError(Exception):
    """The testbed cannot be built, started or used; the message says why and what to do."""

    __test__ = False  # pytest: not a test class


class Processes:
    """The processes of one testbed: one process group, one log file each under `directory`/logs.

    A guardian (see guardian.py) kills the group and removes `directory` unless `keep`, when `close` is called
    or when this process dies, even by SIGKILL. Nothing in a testbed outlives it, so no process is asked nicely.
    """

    def __init__(self, directory: Path, keep: bool) -> None:
        self.directory = directory
        self.logs = directory / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        guardian = [sys.executable, "-I", "-S", str(Path(__file__).with_name("guardian.py"))]
        self._guardian = subprocess.Popen(
            [*guardian, str(directory), "keep" if keep else "remove"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,
        )
        assert self._guardian.stdout is not None
        self._group = int(self._guardian.stdout.readline())

    def start(self, name: str, command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> None:
        """Start `command`; what it prints is appended to logs/NAME.log. It gets only the environment given."""
        home = {"HOME": str(self.directory), "PATH": os.environ.get("PATH", "")}
        with (self.logs / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [str(word) for word in command],
                env=home | dict(environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                process_group=self._group,
            )

    def stop(self, name: str, timeout_seconds: float = PATIENCE_SECONDS) -> None:
        """End one process with SIGTERM and wait for it; for the parts a test may stop and start again."""
        process = self._running.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def finish(self, name: str, timeout_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait for a process that ends by itself when its work is done; `TestbedError` if it failed or goes on."""
        process = self._running[name]
        wait_until(lambda: process.poll() is not None, f"{name} ends", timeout_seconds)
        if process.returncode:
            self.check()
        del self._running[name]

    def pids(self) -> dict[str, int]:
        return {name: process.pid for name, process in self._running.items()}

    def check(self) -> None:
        """Raise `TestbedError` with the end of its log if a process has ended by itself."""
        for name, process in list(self._running.items()):
            if process.poll() is not None:
                raise TestbedError(f"{name} ended with code {process.returncode}:\n{self.log_tail(name)}")

    def log_tail(self, name: str, lines: int = 15) -> str:
        text = (self.logs / f"{name}.log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def close(self) -> None:
        self._guardian.communicate()  # closes its input, reads to its end and waits
        for process in self._running.values():
            process.wait()
        self._running.clear()


def wait_until(
    probe: Callable[[], T | None],
    what: str,
    timeout_seconds: float = PATIENCE_SECONDS,
    every_seconds: float = 0.05,
    check: Callable[[], None] = lambda: None,
) -> T:
    """Call `probe` until it returns something true, and return that; `TestbedError` after the timeout.

    `check` is called between the probes and may raise, so that a dead process ends the wait at once.
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        if found := probe():
            return found
        check()
        if time.monotonic() > deadline:
            raise TestbedError(f"not within {timeout_seconds:g} s: {what}")
        time.sleep(every_seconds)


_PORTS = range(20_000, 32_000)
"""Below the range from which the kernel takes the source ports of connections: a port from there may be in use by
one of our own processes as a client a moment later, and Knative's autoscaler then stops leading without a word."""
_given: set[int] = set()


def free_ports(count: int) -> list[int]:
    """`count` loopback ports nobody listens on now, none of them given out before by this process."""
    candidates = random.SystemRandom().sample(_PORTS, len(_PORTS))
    found = [port for port in candidates[: 50 * count] if port not in _given and can_listen(port)][:count]
    if len(found) < count:
        raise TestbedError(f"no {count} free ports between {_PORTS.start} and {_PORTS.stop}")
    _given.update(found)
    return found


def can_listen(port: int) -> bool:
    """True if a server may take `port` on all interfaces."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
