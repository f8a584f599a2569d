"""The rules of a lease: who may write, and who takes over. State in, next step out; the thread around is the service's.

They are client-go's (k8s.io/client-go/tools/leaderelection), and stricter where that trusts a clock:

- Nobody's clock is believed but one's own stopwatch. Another's lease is over when *we* have seen it unchanged for its
  whole length; the time that stands in it is for people.
- The holder may write for `renew_seconds` after it *sent* its last renewal that succeeded. Whoever waits begins to
  count when it sees that renewal, so later, and counts for longer: a holder that is cut off, asleep or hanging has
  stopped by its own stopwatch before anybody else begins. Stopwatches may differ by a third (10 s against 15 s).
- Each write of a lease names the version that was seen, so of two that try only one succeeds.
- Each write changes the lease (`beat`), whatever the clock says that stamps it.

A write that was sent before the lease was lost may still arrive after it: that is the fence's, at the API server.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

JITTER = 1.2
"""client-go's JitterFactor: a try may come so much later than its period."""


@dataclass(frozen=True)
class Terms:
    """Seconds, all of them. Raises ValueError for those that client-go refuses too."""

    lease_seconds: float = 15.0
    """After so long without a sign of life a lease is over."""
    renew_seconds: float = 10.0
    """So long its holder may write after a renewal."""
    retry_seconds: float = 2.0
    """How often it is renewed, and at least how often it is looked at."""

    def __post_init__(self) -> None:
        if not self.lease_seconds > self.renew_seconds > JITTER * self.retry_seconds > 0:
            raise ValueError(
                f"a lease of {self.lease_seconds:g}s must be longer than its renew deadline ({self.renew_seconds:g}s), "
                f"and that longer than {JITTER} retry periods ({self.retry_seconds:g}s)"
            )


@dataclass(frozen=True)
class Record:
    """What stands in a lease; the default is what stands in one that nobody has made yet."""

    holder: str = ""
    beat: int = 0
    """Rises with each write."""
    transitions: int = 0
    """How often the holder changed."""
    seconds: float = 0.0
    """Its length, as its holder says."""
    digits: str = ""
    """The shard that it covers: with which hexadecimal digits a uid may begin."""
    asked_by: str = ""
    """Who would like to have it (`ahpa.core.shards`)."""
    version: str = ""
    """Of the object, as the API server counts; empty: there is none."""
    blind: bool = False
    """Its holder can read no demand, as it says (`ahpa.core.sight`)."""


@dataclass(frozen=True)
class View:
    """What one process knows of one lease; moments of its own stopwatch."""

    record: Record
    changed_at: float
    """When it saw a sign of life last."""
    renewed_at: float = -math.inf
    """When it sent its own last write that succeeded; -inf: the lease is not its own."""
    opens_at: float = math.inf
    """From when on it may write: a new holder waits until the fence knows of it."""


class Step(StrEnum):
    """What a process does about a lease now."""

    WAIT = "wait"
    RENEW = "renew"
    TAKE = "take"
    HAND_OVER = "hand over"
    RETIRE = "retire"
    """Nobody needs it any more: it covers nothing from now on."""


def saw(view: View | None, record: Record, me: str, at: float) -> View:
    """A lease was read, and the answer was there at `at`."""
    if view is None:
        return View(record, at)
    before = view.record
    alive = (record.holder, record.transitions, record.beat) != (before.holder, before.transitions, before.beat)
    kept = record.holder == me and record.transitions == before.transitions
    seen = replace(view, record=record, changed_at=at if alive else view.changed_at)
    return seen if kept else replace(seen, renewed_at=-math.inf, opens_at=math.inf)


def wrote(view: View, record: Record, sent: float, done: float, fence_seconds: float) -> View:
    """Our write of a lease succeeded: sent at `sent`, answered at `done`."""
    opens_at = view.opens_at if view.renewed_at > -math.inf else done + fence_seconds
    return View(record, done, sent, opens_at)


def over_at(view: View, terms: Terms) -> float:
    """From when on anybody may take it: given back, never made, or without a sign of life for its whole length."""
    return view.changed_at + max(terms.lease_seconds, view.record.seconds) if view.record.holder else -math.inf


def over(view: View, now: float, terms: Terms) -> bool:
    return now >= over_at(view, terms)


def open_until(view: View, terms: Terms) -> float:
    """The moment at which its holder must have stopped writing; -inf for everybody else."""
    return view.renewed_at + terms.renew_seconds


def may_write(view: View, now: float, terms: Terms) -> bool:
    return view.opens_at <= now < open_until(view, terms)


def next_step(name: str, views: Mapping[str, View], digits: str | None, me: str, now: float, terms: Terms) -> Step:
    """About the lease `name`, which should cover these `digits` (None: it is one too many), of all that were seen."""
    view = views[name]
    record = view.record
    if record.holder == me:
        if record.asked_by not in ("", me):
            return Step.HAND_OVER
        return Step.RENEW if now - view.renewed_at >= terms.retry_seconds else Step.WAIT
    if not over(view, now, terms):
        return Step.WAIT
    if digits is None:
        return Step.RETIRE if record.digits else Step.WAIT
    others = (other for key, other in views.items() if key != name and other.record.holder not in ("", me))
    taken = any(set(digits) & set(other.record.digits) and not over(other, now, terms) for other in others)
    return Step.WAIT if taken else Step.TAKE  # shards of another number of shards: they must be over first


def written(step: Step, record: Record, digits: str, me: str, terms: Terms, blind: bool = False) -> Record:
    """What a step makes of a lease, of which the next holder knows best whether it is `blind`; the answer brings its
    new version."""
    beat = replace(record, beat=record.beat + 1, seconds=terms.lease_seconds, blind=blind)
    if step is Step.RENEW:
        return beat
    moved = replace(beat, transitions=record.transitions + 1, asked_by="")
    if step is Step.TAKE:
        return replace(moved, holder=me, digits=digits)
    if step is Step.HAND_OVER:
        return replace(moved, holder=record.asked_by, blind=False)
    return replace(moved, holder="", digits="", blind=False)


def given_back(record: Record) -> Record:
    """Its holder stops: whoever looks next may take it."""
    return replace(record, holder="", beat=record.beat + 1, asked_by="", blind=False)
