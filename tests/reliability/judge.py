"""The independent reader: who led when, by the API server's log of writes alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise

from tests.fakes.lease_server import Write


def reigns(writes: Sequence[Write]) -> list[str]:
    """Whose writes were let through, one after the other; two leaders would take turns."""
    return [who for who, _ in groupby(write.writer for write in writes if write.accepted)]


def two_leaders(writes: Sequence[Write]) -> float:
    """Seconds from the first write of a new leader to the last one, let through or not, of any that led before it."""
    begun: dict[str, float] = {}
    for write in writes:
        if write.accepted:
            begun.setdefault(write.writer, write.at)
    order = sorted(begun, key=lambda who: begun[who])
    last = {who: max(write.at for write in writes if write.writer == who) for who in order}
    return max([0.0, *(last[old] - begun[new] for old, new in pairwise(order))])


def refused(writes: Sequence[Write]) -> list[Write]:
    """What the fence stopped."""
    return [write for write in writes if not write.accepted]
