"""The end of a process that may not take longer than it was given."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress

PATIENCE_SECONDS = 5.0
"""For threads to end what they are at: a write, a line of the journal."""


def ended(code: int, patience: float = PATIENCE_SECONDS) -> None:
    """Leave with this exit code. A refit may go on for minutes on threads that Python waits for, and all that it was
    handed; when all is given back and written that is nobody's gain, and a pod that stays is killed with an error."""
    end = time.monotonic() + patience
    others = [thread for thread in threading.enumerate() if thread is not threading.current_thread()]
    for thread in others:
        if not thread.daemon:
            with suppress(RuntimeError):
                thread.join(max(0.0, end - time.monotonic()))
    if any(thread.is_alive() for thread in others):  # also a daemon: Python waits for those of a pool
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
