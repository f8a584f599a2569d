"""The worker processes of one pool: those that it started itself, so that ending them ends nobody else's."""

from __future__ import annotations

import contextlib
import os
import signal
from multiprocessing.context import BaseContext, ForkServerProcess, SpawnProcess
from multiprocessing.process import BaseProcess
from typing import Literal

_PROCESSES = {"spawn": SpawnProcess, "forkserver": ForkServerProcess}


class OwnWorkers(BaseContext):
    """A multiprocessing context for one pool, which remembers the processes that are started through it."""

    def __init__(self, method: Literal["spawn", "forkserver"]) -> None:
        self._name = method  # where BaseContext looks for it
        self._started: list[BaseProcess] = []

    def Process(self, **what: object) -> BaseProcess:  # noqa: N802  # as pools call it
        process: BaseProcess = _PROCESSES[self._name](**what)
        self._started.append(process)
        return process

    def terminate(self) -> None:
        """Ask every worker to end (SIGTERM)."""
        for process in self._started:
            with contextlib.suppress(OSError, ValueError, AttributeError):  # it has not begun, or is gone
                process.terminate()

    def kill_groups(self) -> None:
        """Kill every worker with its children, if it leads a group of its own."""
        for process in self._started:
            with contextlib.suppress(OSError):
                if process.pid:
                    os.killpg(process.pid, signal.SIGKILL)
            with contextlib.suppress(OSError, ValueError, AttributeError):
                process.kill()  # it had not come to make its own group
