"""What an hour of chaos came to: worked out of what was kept of it, so that it can be judged once more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.reliability.growth import growth
from tests.testbed.chaos import judge, targets
from tests.testbed.chaos.befallen import Outage
from tests.testbed.chaos.replicas import Replica

SPAN = 150
"""Rounds, five minutes: on a busy machine a refit takes two, and there is one in ten."""


@dataclass(frozen=True)
class Hour:
    """What befell, and what was seen of the replica that is never killed."""

    switched_off: float
    """Unix seconds."""
    restored: float
    """Seconds after it all was as its owners had it."""
    outages: Sequence[Outage]
    killed: int
    """Leaders."""
    frozen: int
    ticks: Sequence[int]
    mib: Sequence[float]
    counts: Sequence[tuple[int, int, int]]
    """Descriptors, threads, children."""

    def least(self, quarter: int) -> tuple[int, ...]:
        """Of each count in this quarter of the time watched: what is open for a while, in a fault, is none of it."""
        size = len(self.counts) // 4
        return tuple(map(min, zip(*self.counts[quarter * size : (quarter + 1) * size], strict=True)))


@dataclass(frozen=True)
class Verdict:
    """Of the writes."""

    broken: Sequence[str]
    both_led: float
    raised: int
    lowered: int
    reigns: int
    fenced: int


def verdict_on(hour: Hour, replicas: Sequence[Replica], events: Callable[[], Iterable[Any]]) -> Verdict:
    """`events`: of the API server's log, from its beginning."""
    found, led = judge.writes(events()), judge.reigns(events())
    taken = [write for write in found if write.status == 200]
    before = [write for write in taken if write.at < hour.switched_off]
    blind = [each for each in hour.outages if each.name == "prometheus"]
    seen = judge.rounds(replicas)
    broken = [
        said
        for write in before
        if write.new != write.old
        for said in judge.broken(write, seen.get((write.pod, write.key), []), blind)
    ]
    return Verdict(
        broken,
        judge.two_leaders(taken, led),
        sum(write.new > write.old for write in before),
        sum(write.new < write.old for write in before),
        len(led),
        sum(write.status == 422 for write in found),
    )


def slope(hour: Hour) -> float:
    """MiB in a thousand rounds."""
    return growth(hour.ticks, hour.mib, SPAN)


def said(hour: Hour, verdict: Verdict) -> str:
    """In words."""
    return (
        f"{verdict.raised} raises and {verdict.lowered} lowerings in {verdict.reigns} reigns, "
        f"{len(verdict.broken)} of them on data that were not trusted or against another promise; two-leader time "
        f"{verdict.both_led:.2f} s, {verdict.fenced} late writes refused; {hour.killed} leaders killed, {hour.frozen} "
        f"frozen; all {len(targets.ALL)} targets given back {hour.restored:.0f} s after they were switched off, the "
        f"leader killed meanwhile; the replica that is never killed: {slope(hour):.2f} MiB in 1,000 rounds "
        f"(from round {hour.ticks[0]} to {hour.ticks[-1]}, {hour.mib[-1]:.0f} MiB), descriptors, threads and "
        f"children {hour.least(0)} in the first quarter of that and {hour.least(3)} in the last"
    )
