"""What the service remembers from round to round and nobody else keeps: all that a restart loses stands here.

The objects hold what their owners had and the floors in force, Prometheus holds the demand; both are read again after a
restart. What is in `Memory` is not. Only the tick touches it.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field

from ahpa.core.starts import StartLog


@dataclass(frozen=True)
class Backoff:
    """A target to which the API refused to write for good."""

    until: float
    """Unix seconds before which nothing is tried again."""
    pause: float
    """Seconds; the next one is twice as long."""


@dataclass
class Memory:
    """By target's key. Behind each: what its loss in a restart costs."""

    starts: dict[str, StartLog] = field(default_factory=dict)
    """How long replicas took to become ready. Lost: the operator's assumption counts again. Those that are there teach
    anew at once, as their API objects still say when they were asked for; those of the days before do not."""
    observed_until: dict[str, float] = field(default_factory=dict)
    """The newest moment of which data were seen, or when we began to look. Lost: the patience with a target of which
    there are no data begins anew."""
    seen: set[str] = field(default_factory=set)
    """Those of which any data were seen. Lost: known again from the history, as soon as one was read."""
    unread: frozenset[str] = frozenset()
    """Those whose demand the last round could not read. Lost: an outage is told of once more."""
    would_be: dict[str, int] = field(default_factory=dict)
    """Floors that nobody wrote (observe, dry run). Lost: they count from the owner's own minimum again."""
    backoff: dict[str, Backoff] = field(default_factory=dict)
    """Lost: a refused write is tried once more, an hour early at most."""

    def forget_all_but(self, here: Collection[str], unlisted: Collection[str]) -> None:
        """Targets that are gone; those of a kind that did not answer (`unlisted`) are not gone."""
        for memory in (self.starts, self.observed_until, self.would_be, self.backoff):
            for key in [k for k in memory if k not in here and k.partition("/")[0] not in unlisted]:
                del memory[key]
        self.seen = {k for k in self.seen if k in here or k.partition("/")[0] in unlisted}

    def observed(self, key: str, until: float, now: float) -> float:
        """Take note of how far data were observed (-inf: not at all); returns what is known now.

        A server that does not answer shows nothing, also not that there was nothing: what was seen stays seen, and a
        target that we never saw data of has the same patience from the moment we began to look.
        """
        if math.isfinite(until):
            self.seen.add(key)
        known = max(self.observed_until.get(key, -math.inf), until)
        self.observed_until[key] = known if math.isfinite(known) else now
        return self.observed_until[key]
