"""Whether a process that is not our child has ended."""

from __future__ import annotations

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
