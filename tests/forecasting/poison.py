"""Strategies that misbehave on marked rows, as libraries do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forecasting.libraries.strategies import LastValue
from forecasting.panel import Floats


def spin() -> None:
    """Loops, and swallows what a signal handler raises but for its own kind, as cmdstanpy does."""
    while True:
        try:
            time.sleep(0.01)
        except OSError:
            continue


def deaf() -> None:
    """C code that looks at no signal."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    time.sleep(60)


def stop() -> None:
    """Hangs in a way that it cannot notice itself."""
    os.kill(os.getpid(), signal.SIGSTOP)


def bomb() -> None:
    """Wants more memory than there is."""
    bytearray(8 * 2**30)


def die() -> None:
    """As the kernel does when memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)


def crash() -> None:
    """A fault in C code."""
    os.kill(os.getpid(), signal.SIGSEGV)


def leave() -> None:
    """A library that thinks it is a program."""
    sys.exit(3)


def hung_child() -> None:
    """A library's own process (CmdStan) that never ends, and that the library forgets when it is interrupted."""
    child = subprocess.Popen(["sleep", "600"])
    try:
        child.wait()
    finally:
        raise RuntimeError(f"gave up on {child.pid}")


DEEDS: dict[str, Callable[[], None]] = {
    deed.__name__: deed for deed in (spin, deaf, stop, bomb, die, crash, leave, hung_child)
}


@dataclass(frozen=True)
class Poison(LastValue):
    """Behaves as `LastValue` but for rows that begin with `mark`."""

    deed: str = "spin"
    name: str = "poison"
    mark: float = -1.0
    diary: Path | None = None
    """A folder: each poisonous fit leaves a file there, whose name begins with the row's last value."""

    def fit(self, values: Floats, step: float) -> LastValue:
        if len(values) and values[0] == self.mark:
            if self.diary is not None:
                (self.diary / f"{values[-1]:g} {os.getpid()}").touch()
            DEEDS[self.deed]()
        return LastValue()


@dataclass(frozen=True)
class Litter(LastValue):
    """Leaves a file, as CmdStan does, and tells where it worked and with how many threads."""

    name: str = "litter"

    def fit(self, values: Floats, step: float) -> LastValue:
        handle, path = tempfile.mkstemp()
        os.close(handle)
        big = np.ones((300, 300))
        assert (big @ big).all()
        return LastValue(f"{path} {len(os.listdir('/proc/self/task'))} {os.getpid()}")


@dataclass(frozen=True)
class Unsendable(LastValue):
    """Returns what cannot leave its process."""

    name: str = "unsendable"

    def fit(self, values: Floats, step: float) -> LastValue:
        return Kept()


class Kept(LastValue):
    def __reduce__(self) -> str:
        raise TypeError("it is not to leave this process")
