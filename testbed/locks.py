"""A lock between processes, released by the kernel when its holder dies."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from testbed.processes import TestbedError


@contextmanager
def locked(path: Path, wait_seconds: float, what: str) -> Iterator[None]:
    """Hold the lock at `path`; waits up to `wait_seconds` for its holder (`what`), then `TestbedError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        # At least a second, since whoever only looks who holds it takes the lock for a moment (see `holder`).
        deadline = time.monotonic() + max(wait_seconds, 1)
        told = False
        while not _try_lock(file.fileno()):
            if time.monotonic() >= deadline:
                raise TestbedError(f"{what} is running: {path} is held by {holder(path) or 'somebody'}")
            if not told:
                print(f"testbed: waiting for {what} ({holder(path)})", file=sys.stderr, flush=True)
                told = True
            time.sleep(0.2)
        note(path, {"pid": os.getpid()})
        yield
        file.truncate(0)


def note(path: Path, about: dict[str, Any]) -> None:
    """Write into the lock we hold who we are, for others to read."""
    path.write_text(json.dumps(about))


def holder(path: Path) -> dict[str, Any]:
    """What the holder wrote about itself; empty if nobody holds the lock."""
    if not path.exists():
        return {}
    with path.open("r+") as file:
        if _try_lock(file.fileno()):
            return {}
        text = file.read()
    return json.loads(text) if text else {"pid": 0}


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
