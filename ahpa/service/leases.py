"""Whose targets are ours: what a round asks of the leases, and what follows for it.

The gate of `act` says whether this process writes at all (a dry run does not), the leases say whose turn it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from ahpa.core.decision import Decision
from ahpa.service.listing import Listing


class Leases(Protocol):
    """By the uid that the fence goes by (`Target.uid`)."""

    def gained(self) -> bool:
        """Whether this process has come to lead something since it was asked last."""
        ...

    @property
    def reigns(self) -> int:
        """How often this process has come to lead something; counted before it `holds` any of it."""
        ...

    @property
    def share(self) -> float:
        """Of the fleet, which this process plans."""
        ...

    def plans(self, uid: str) -> bool:
        """Whether this process looks at an object at all: as its leader, or to be warm for it."""
        ...

    def holds(self, uid: str) -> bool:
        """Whether this process may write to an object, now."""
        ...

    def writing(self, uid: str) -> AbstractContextManager[bool]:
        """Around one write to an object: whether it may be done. A lease that is given back waits for its end."""
        ...


class _Alone:
    reigns = 0
    share = 1.0

    def gained(self) -> bool:
        return False

    def plans(self, uid: str) -> bool:
        return True

    def holds(self, uid: str) -> bool:
        return True

    @contextmanager
    def writing(self, uid: str) -> Iterator[bool]:
        yield True


ALONE: Leases = _Alone()
"""No election: this process leads everything. Then there must be no second one."""


@dataclass(frozen=True)
class Turn:
    """Whose targets are ours in one round: what it may lower is settled at its beginning; each write asks again."""

    here: frozenset[str]
    """Keys of all targets that were seen."""
    held: frozenset[str]
    """Keys of those that we lead: we alone write to them, and tell of them."""
    writes: bool
    """The gate: whether anything is written at all."""
    reigns: int
    """Of this process, until the listing began."""
    share: float
    """Of the fleet, which is planned for here."""
    settled: bool
    """The first round after a start lowers nothing, nor does the first in which we may write to what we might not
    before: the former leader may have raised it further, and knew more."""

    def written(self, decisions: Sequence[Decision]) -> Sequence[Decision]:
        """Those that are carried out."""
        return [decision for decision in decisions if self.writes and decision.key in self.held]


def turn(before: Turn | None, listing: Listing, leases: Leases, writes: bool, reigns: int) -> Turn:
    """That of a round after the one before (None: it is the first), of whose listing `reigns` were known before it
    began: what comes to be ours while a round lists is new to the next one."""
    here = frozenset(asked.target.key for asked in listing.asked)
    held = frozenset(asked.target.key for asked in listing.asked if leases.holds(asked.target.uid))
    now = Turn(here, held, writes, reigns, leases.share, settled=False)
    if before is None:
        return now
    ours, were_ours = (each.held if each.writes else frozenset() for each in (now, before))
    return replace(now, settled=leases.reigns == before.reigns and not (ours & before.here) - were_ours)
