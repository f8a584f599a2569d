"""Waiting for a state, not for seconds: a loaded machine is no failure."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(so: Callable[[], object], what: str, seconds: float = 10.0, pause: float = 0.01) -> None:
    """Look again and again, as long as a loaded machine may need."""
    end = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(pause)
