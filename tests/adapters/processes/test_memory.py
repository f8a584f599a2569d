"""What a busy moment left behind in the heap goes back to the system when work apart is over."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import subprocess
import sys
import weakref

import pytest

from ahpa.adapters.processes.apart import Apart
from ahpa.adapters.processes.memory import Sweeper, give_freed_arrays_back, give_holes_back
from benchmarks.fleet.processes import resident_mib


def main() -> None:
    """In a process of its own: 60 MiB are freed but for each fiftieth piece, and then something is worked out apart."""
    give_freed_arrays_back()
    pieces = [bytearray(20_000) for _ in range(3000)]
    full = resident_mib(os.getpid())
    pieces = pieces[::50]
    freed = resident_mib(os.getpid())
    apart = Apart()
    assert apart.submit(len, pieces[0]).result() == 20_000
    print(json.dumps([full, freed, resident_mib(os.getpid())]))
    apart.stop()


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="not glibc")
def test_holes_in_the_heap_are_given_back_when_work_apart_is_done() -> None:
    done = subprocess.run([sys.executable, "-m", __name__], capture_output=True, text=True, check=True)
    full, freed, after = json.loads(done.stdout)
    assert freed > full - 10, "else nothing was held, and this shows nothing"
    assert after < full - 30


class Link:
    """A ring of one."""

    def __init__(self) -> None:
        self.to = self


def test_rings_that_nobody_holds_go_too() -> None:
    gc.disable()  # by itself nothing goes
    try:
        ring = Link()
        seen = weakref.ref(ring)
        del ring
        assert seen() is not None
        give_holes_back()
        assert seen() is None
    finally:
        gc.enable()


def test_what_lived_through_it_is_looked_at_by_the_next_one_and_by_no_other() -> None:
    """A full collection is a second where ten thousand services are held, and they are there the next time too."""
    ring = Link()
    seen = weakref.ref(ring)
    give_holes_back()
    del ring
    gc.collect()
    assert seen() is not None
    give_holes_back()
    assert seen() is None


def test_a_sweep_takes_what_is_new_and_does_not_look_at_what_lived_through_work_apart() -> None:
    old = Link()
    give_holes_back()
    new = Link()
    seen, young = weakref.ref(old), weakref.ref(new)
    gc.disable()
    try:
        del old, new
        assert young() is not None
        Sweeper()()
    finally:
        gc.enable()
    assert (seen() is None, young() is None) == (False, True)
    give_holes_back()
    assert seen() is None


@pytest.mark.parametrize(("took", "next_after"), [(0.003, 0.6), (0.5, 99.5)])
def test_sweeps_take_a_two_hundredth_of_the_time(took: float, next_after: float) -> None:
    reads: list[float] = []
    times = iter([0.0, 10.0, 10.0 + took, 10 + took + 0.99 * next_after, 10 + took + next_after, 200.0])

    def stopwatch() -> float:
        reads.append(next(times))
        return reads[-1]

    sweep = Sweeper(stopwatch)
    sweep()
    sweep()
    assert len(reads) == 4, "too early: it only looks"
    sweep()
    assert len(reads) == 6


if __name__ == "__main__":
    main()
