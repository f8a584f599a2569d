"""Claims about the worker pool: whatever one fit does, the others are fitted and the caller lives (T9)."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ahpa.adapters.processes.fits import FitPool
from forecasting.libraries.calibrated import Fitted
from forecasting.libraries.strategies import LastValue
from tests.adapters.processes.pids import ends
from tests.forecasting.poison import DEEDS, Litter, Poison, Unsendable
from tests.reliability.reached import Reached

GOOD, BAD = np.array([1.0, 2.0]), np.array([-1.0, 2.0])
SAYS = {"spin": "Overrun", "hung_child": "gave up", "bomb": "MemoryError", "leave": "SystemExit"}
POOL = FitPool(deadline_seconds=3.0)  # of the clock, in which a busy machine may do little


def _poisoned(deed: str, rows: list[np.ndarray], pool: FitPool = POOL) -> list[Fitted]:
    results = pool(Poison(deed=deed), rows, 60.0)
    for row, result in zip(rows, results, strict=True):
        if row is BAD:
            assert isinstance(result, str)
            assert SAYS.get(deed, "broke its worker") in result
        else:
            assert not isinstance(result, str), result
    return results


@pytest.mark.parametrize("deed", DEEDS)
def test_a_poisonous_fit_is_left_out_with_a_reason_and_its_neighbours_are_fitted(deed: str) -> None:
    """None of them ends by itself within a minute."""
    began = time.monotonic()
    _poisoned(deed, [GOOD, BAD, GOOD, GOOD, GOOD])
    assert time.monotonic() - began < 60


FAULTS = ("bomb", "spin", "die", "crash", "hung_child")
"""T9's five: out of memory, a loop, SIGKILL, SIGSEGV, a CmdStan that hangs."""
CALLS, POISONOUS = 20, 5


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_hundred_poisonous_fits_of_each_kind(tmp_path: Path, reached: Reached) -> None:
    """T9 in full: five poisonous fits among twenty, twenty times. After each time an innocent is fitted at once, and
    nobody's poison was tried more than twice."""
    back: list[float] = []
    most = 0
    for deed in FAULTS:
        for call in range(CALLS):
            diary = tmp_path / f"{deed} {call}"
            diary.mkdir()
            poison = Poison(deed=deed, diary=diary)
            bad = [np.array([-1.0, float(number)]) for number in range(POISONOUS)]
            rows = [each for one in bad for each in (GOOD, one, GOOD, GOOD)]
            fits = POOL(poison, rows, 60.0)
            assert [isinstance(fit, str) for fit in fits] == [row is not GOOD for row in rows]
            tried = Counter(file.name.split()[0] for file in diary.iterdir())
            assert len(tried) == POISONOUS
            most = max(most, *tried.values())
            began = time.monotonic()
            assert not isinstance(POOL(poison, [GOOD], 60.0)[0], str)
            back.append(time.monotonic() - began)
    assert most <= 2
    assert statistics.median(back) <= 2
    reached(
        "T9",
        size=f"{CALLS * POISONOUS} each of {len(FAULTS)} kinds",
        figure=f"all {CALLS * POISONOUS * len(FAULTS) * 3} innocents fitted; a poison was tried at most {most} times; "
        f"the pool was back after {statistics.median(back):.2f} s (median), {max(back):.2f} s at worst",
    )


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("deed", sorted(DEEDS.keys() - set(FAULTS)))
def test_a_hundred_of_the_rarer_kinds(deed: str) -> None:
    for _ in range(20):
        _poisoned(deed, [GOOD, BAD, GOOD, GOOD] * 5, FitPool(deadline_seconds=3.0))


def test_a_child_that_a_library_left_hanging_does_not_outlive_the_fits() -> None:
    reason = _poisoned("hung_child", [BAD])[0]
    assert ends(int(str(reason).rpartition(" ")[2]))


def test_fits_share_nothing_with_the_caller_but_one_thread_each_and_no_files() -> None:
    before = dict(os.environ)
    result = FitPool(workers=1)(Litter(), [GOOD], 60.0)[0]
    assert isinstance(result, LastValue)
    path, threads, pid = result.name.split()
    assert not Path(path).parent.exists()
    assert int(pid) != os.getpid()
    assert int(threads) == 2  # the one that fits, and the one that waits for the caller's end
    assert dict(os.environ) == before


def test_what_cannot_be_sent_back_is_a_reason() -> None:
    result = FitPool(workers=1)(Unsendable(), [GOOD], 60.0)[0]
    assert isinstance(result, str)
    assert "unsendable failed" in result


def test_a_library_that_always_crashes_is_given_up() -> None:
    results = POOL(Poison(deed="die"), [BAD] * 40, 60.0)
    assert all(isinstance(result, str) for result in results)
    assert "as 10 others did before" in str(results[-1])


def test_no_series_is_no_work() -> None:
    assert FitPool()(LastValue(), [], 60.0) == []


def test_workers_end_with_a_caller_that_was_killed() -> None:
    """The fit goes on in its process when the caller is killed; it must not wait there for ever."""
    code = (
        "import numpy as np, threading, time, multiprocessing, os, signal\n"
        "from ahpa.adapters.processes.fits import FitPool\n"
        "from tests.forecasting.poison import Poison\n"
        "threading.Thread(target=lambda: FitPool(1, 120.0)(Poison(deed='deaf'), [np.array([-1.0])], 60.0)).start()\n"
        "while not (workers := multiprocessing.active_children()): time.sleep(0.01)\n"
        "def deaf():\n"
        "    with open(f'/proc/{workers[0].pid}/status') as lines:\n"
        "        blocked = next(line for line in lines if line.startswith('SigBlk'))\n"
        "    return int(blocked.split()[1], 16) >> (signal.SIGALRM - 1) & 1\n"
        "while not deaf(): time.sleep(0.01)\n"
        "print(workers[0].pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=240)
    assert ends(int(done.stdout))
