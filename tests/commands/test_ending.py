"""A process ends in time, whatever still runs in it."""

from __future__ import annotations

import subprocess
import sys

import pytest

LEARNS_ON = """
import sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from ahpa.commands.ending import ended

pool = ThreadPoolExecutor(1)
for _ in range(100):
    pool.submit(time.sleep, 30)
print("said", end="")
ended(3, patience=0.2)
"""
LEARNS_ON_UNSEEN = """
import sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from ahpa.commands.ending import ended

pool = ThreadPoolExecutor(1)
thread = threading.Thread(target=lambda: [pool.submit(time.sleep, 30) for _ in range(100)], daemon=True)
thread.start()
thread.join()
print("said", end="")
ended(3, patience=0.2)
"""
"""What a daemon begins is one too, and Python waits for a pool all the same."""
DONE = """
import atexit
from ahpa.commands.ending import ended

atexit.register(print, "left well", end="")
ended(3)
"""


@pytest.mark.parametrize(
    ("program", "says"),
    [(LEARNS_ON, "said"), (LEARNS_ON_UNSEEN, "said"), (DONE, "left well")],
    ids=["learns on", "learns on unseen", "done"],
)
def test_who_is_told_to_go_goes_with_all_that_was_said(program: str, says: str) -> None:
    """Python itself would wait for the pool, and for all that was handed in to it: fifty minutes."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, says, "")
