"""Work that says in which process it runs, and whether a process that is not our child has ended."""

from __future__ import annotations

import os
import time
from pathlib import Path


def runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def ends(pid: int, seconds: float = 60.0) -> bool:
    """Whether it has ended, or does within so many seconds."""
    until = time.monotonic() + seconds
    while runs(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not runs(pid)


def runs_until(go: Path, mark: Path | None = None) -> Path:
    """Runs until `go` is there, ten minutes at most; says in `mark` where."""
    if mark is not None:
        mark.write_text(str(os.getpid()))
    until = time.monotonic() + 600
    while not go.exists() and time.monotonic() < until:
        time.sleep(0.01)
    return go


def pid_in(mark: Path) -> int:
    """What a worker wrote down, once it has."""
    while not (mark.exists() and mark.read_text()):
        time.sleep(0.02)
    return int(mark.read_text())
