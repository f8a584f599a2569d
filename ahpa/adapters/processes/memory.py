"""Memory given back: a refit needs some 130 MiB for seconds, and a small controller should be small again after it."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import time
from collections.abc import Callable
from pathlib import Path

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
_BYTES = 262_144
_SWEEP_SHARE = 0.005
"""Of the time, that sweeps take at most."""


def give_freed_arrays_back(heaps: int = 1) -> None:
    """Let glibc map arrays of 256 KiB and more one by one, so that freeing them returns their memory to the system; and
    let threads, of whom one runs Python at a time, share so many heaps instead of having one each: what one thread has
    freed in its own, no other can use.

    By default the threshold grows with what is freed (up to 32 MiB), and the heap then keeps what a refit used: 129 MiB
    resident after learning three services, 69 MiB with 64 KiB. But a network's steps use arrays of 128 KiB by the ten
    thousand, and to map each anew was a fifth of a refit (28 CPU s, 23 with 256 KiB, 21 with 1 MiB).
    Does nothing on other C libraries. Source: mallopt(3), M_MMAP_THRESHOLD and M_ARENA_MAX.
    """
    _call("mallopt", _M_MMAP_THRESHOLD, _BYTES)
    _call("mallopt", _M_ARENA_MAX, heaps)


def give_holes_back() -> None:
    """Return the free pages within glibc's heaps too: by itself it returns those at their ends, and one small object
    that stays behind after a busy moment keeps all below it. Takes milliseconds; where 300 MiB go, a fifth of a second.
    Does nothing on other C libraries. Source: malloc_trim(3).

    Before that a full collection, which Python itself makes every ten minutes in a small controller: it also empties
    the lists of free tuples, up to 2,000 of each length to 20, over a MiB that lay wherever a round had been busy.
    Source: CPython 3.11, Modules/gcmodule.c (clear_freelists).

    What has lived through it is not looked at again before the next one: of ten thousand services a collection between
    took 1.2 s of every second round, with all threads waiting, and found nothing.
    """
    gc.unfreeze()
    _swept()
    gc.freeze()


class Sweeper:
    """Called after each job: what that left behind goes at once, lest what comes next takes new pages beside it. From
    refit to refit a small controller gathered ten thousand free tuples, and what a refit brings lay down around them.

    What has lived through `give_holes_back` is not looked at, so of twenty services a sweep takes milliseconds. After
    one that took long the next comes late.
    """

    def __init__(self, stopwatch: Callable[[], float] = time.monotonic) -> None:
        self._stopwatch = stopwatch
        self._not_before = stopwatch()

    def __call__(self) -> None:
        began = self._stopwatch()
        if began < self._not_before:
            return
        _swept()
        ended = self._stopwatch()
        self._not_before = ended + (ended - began) * (1 / _SWEEP_SHARE - 1)


def _swept() -> None:
    gc.collect()
    _call("malloc_trim", 0)


def _call(name: str, *arguments: int) -> None:
    """A function of the C library, where that has it."""
    known = getattr(ctypes.CDLL(None), name, None)
    if known is not None:
        known(*arguments)


def give_way_to_the_parent() -> None:
    """Let the kernel end this process, and not the one that it works for, where memory runs out: that is larger, as it
    holds what both see. Source: proc_pid_oom_score_adj(5); raising it needs no right."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
