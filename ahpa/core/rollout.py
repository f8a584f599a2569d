"""A service of several Revisions while its traffic moves: what each wants of the floor, and what each gets.

Two rules beside those for a floor as a whole (controller.py):
- who is to take traffic has its share before it takes any: Knative holds the traffic back until a new Revision has
  reached its min-scale (serving `pkg/reconciler/autoscaling/kpa/kpa.go`, `activeThreshold`);
- whom traffic leaves is lowered as slowly, and on no more doubt, than any floor is.

For a while both are there, so a rollout costs up to twice the floor. Where that is more than is allowed, those with
traffic come first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ahpa.core.capacity import Part, apportion


def step_down(floor: int, ratio: float) -> int:
    """As far as one round lowers a floor: by a share of it, and at least by one."""
    return floor - max(1, math.ceil(ratio * floor))


@dataclass(frozen=True)
class Rollout:
    """The parts of a service in one round."""

    parts: tuple[Part, ...]
    release: float | None
    """Share of its floor that a part may lose; None: nothing."""
    late: tuple[str, ...] = ()
    """Names of those that did not come in time."""

    @staticmethod
    def at(now: float, parts: Sequence[Part], release: float | None) -> Rollout:
        """One that did not come in time is planned for with what is ready of it: a cluster without room for all would
        else end a rollout that a few replicas could have."""

        def late(part: Part) -> bool:
            return part.coming_until is not None and now > part.coming_until

        prepared = tuple(replace(p, most=max(p.least, p.ready)) if late(p) else p for p in parts)
        return Rollout(prepared, release, tuple(p.name for p in parts if late(p)))

    @property
    def comes(self) -> bool:
        """Whether one is about to take traffic that it has not."""
        return any(part.coming_until is not None for part in self.parts)

    @property
    def given_up(self) -> int:
        """Of the floor in force, what one that did not come in time may not keep; nobody is served by it."""
        return sum(
            p.floor - p.bounded(p.floor) for p in self.parts if p.coming_until is not None and p.most is not None
        )

    @property
    def held(self) -> int:
        """What all parts need for the demand that those with traffic hold replicas for, where no plan says more."""
        demands = [p.floor * p.per_replica / p.share for p in self.parts if p.coming_until is None and p.share > 0]
        return sum(part.needs(max(demands)) for part in self.parts) if demands else 0

    def claims(self, needed: int) -> tuple[int, ...]:
        """What each part should have where `needed` are needed in all: its own need, and no less than the ramp leaves
        of what it has. Where traffic moved from 90 and 10 % to halves, 18 and 2 replicas become 16 and 10 by a release
        of a tenth."""
        own = apportion(needed, self.parts)
        return tuple(max(count, left) for count, left in zip(own, self._left, strict=True))

    def split(self, floor: int, needed: int) -> tuple[int, ...]:
        """What each gets of a floor: what it claims if there is enough for all; else those with traffic come first."""
        claims = self.claims(needed)
        serving = [i for i, part in enumerate(self.parts) if part.coming_until is None]
        coming = [i for i, part in enumerate(self.parts) if part.coming_until is not None]
        # What one that comes holds already is not taken from it for a raise of the others.
        reserved = self._left if sum(self._left) <= floor else [part.least for part in self.parts]
        first = floor - sum(reserved[i] for i in coming)
        if coming:
            first = min(first, sum(claims[i] for i in serving))
        given = self._share(first, serving, claims)
        given |= self._share(floor - sum(given.values()), coming, claims)
        return tuple(given[i] for i in range(len(self.parts)))

    def _share(self, floor: int, group: Sequence[int], claims: Sequence[int]) -> dict[int, int]:
        """By part, as demand is split, above the most of these that fits: its claim, what the ramp leaves of it, its
        owner's minimum."""
        parts = [self.parts[i] for i in group]
        for least in (claims, self._left):
            if sum(least[i] for i in group) <= floor:
                parts = [replace(self.parts[i], least=least[i]) for i in group]
                break
        return dict(zip(group, apportion(floor, parts), strict=True))

    @property
    def _left(self) -> tuple[int, ...]:
        """What this round leaves of each part's floor, within its bounds."""
        ratio = self.release
        return tuple(p.bounded(p.floor if ratio is None else step_down(p.floor, ratio)) for p in self.parts)
