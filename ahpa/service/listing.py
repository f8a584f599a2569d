"""What was listed: the targets of a round, and what the owner of each asks of us."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from ahpa.core.known.knowledge import NOTHING, Known
from ahpa.core.policy.values import Parsed
from ahpa.core.served import Reaction
from ahpa.core.units import Fit
from ahpa.ports import ClusterError
from ahpa.targets import Target
from forecasting.fleet.calendar import Calendar

SAID = 3
"""So many targets and reasons are named where many have the same trouble."""


@dataclass(frozen=True, eq=False)
class Asked:
    """One target and what its owner asks of us."""

    target: Target
    parsed: Parsed
    query: str | None
    """The filled query; None: no plan is wanted, or what is wanted cannot be served."""
    fits: tuple[Fit, ...] = ()
    """What one replica serves in the unit of that query: one, or one for each part of the target."""
    late: str | None = None
    """The filled query for the share of its requests that was late; None: nobody measures it."""
    words: str = ""
    """By what its demand is measured, and what one replica serves of that."""
    assumed: tuple[str, ...] = ()
    """What was taken for granted in that, in words."""
    calendar: Calendar | None = None
    """Of the people who make its load, where they live elsewhere than the operator says."""
    read_of: Target | None = None
    """The target as it was listed, of which all this was read; `target` may say more."""

    @cached_property
    def series(self) -> str:
        """What is measured: whatever is learned or remembered of a demand belongs to the target *and* its query. One
        that is measured in another way is another series, of which nothing is known yet."""
        return f"{self.target.key} {self.query}"

    def refused(self, why: str) -> Asked:
        """Nothing is planned for it, and nothing written to it."""
        refusal = (self.target.refusal or why)[:300]
        return Asked(replace(self.target, refusal=refusal, parts=(), selector=""), self.parsed, None)


@dataclass(frozen=True, eq=False)
class Listing:
    """All targets at one moment."""

    asked: tuple[Asked, ...]
    unlisted: Mapping[str, ClusterError]
    """Kinds that did not answer, and what was said: their targets are not gone, only not seen."""
    admitted: frozenset[str] = frozenset()
    """The keys of those that are within their namespace's share."""
    changed: frozenset[str] = frozenset()
    """Series whose events are others than the model has learned with."""
    read: Mapping[str, Asked] = field(default_factory=dict)
    """By target's key: what its owner asks, before anything is said of it here."""

    def still(self, target: Target) -> Asked | None:
        """What was read of the very same target; None: it is new, or another now."""
        asked = self.read.get(target.key)
        return asked if asked is not None and asked.read_of is target else None

    def until_learned(self, learned: Mapping[str, Known], known: Collection[str], now: float) -> Listing:
        """What may be acted on of events that changed since the `known` series were learned, by series with `learned`
        ones."""
        here, changed = list(self.asked), set()
        for at, asked in enumerate(here):
            policy, series = asked.parsed.policy, asked.series if asked.query is not None else ""
            if series in known and (policy.events or series in learned):
                said, before = policy.known, learned.get(series, NOTHING)
                if (said.events, said.clock) != (before.events, before.clock):
                    changed.add(series)
                    events = said.until_learned(before, now).events or None
                    here[at] = replace(asked, parsed=replace(asked.parsed, policy=replace(policy, events=events)))
        return replace(self, asked=tuple(here), changed=frozenset(changed)) if changed else self

    @cached_property
    def queries(self) -> Mapping[str, str]:
        """By series, of those that want a plan."""
        return {a.series: a.query for a in self.asked if a.query is not None}

    @cached_property
    def calendars(self) -> Mapping[str, Calendar]:
        """By series, of those who have their own."""
        return {a.series: a.calendar for a in self.asked if a.calendar is not None}

    @cached_property
    def planned(self) -> Mapping[str, Known]:
        """By series, of those with events: what is known of them."""
        return {a.series: a.parsed.policy.known for a in self.asked if a.parsed.policy.events}

    @cached_property
    def late(self) -> Mapping[str, str]:
        """By series, of those whose late requests somebody measures: the query."""
        return {a.series: a.late for a in self.asked if a.late is not None}

    @cached_property
    def keys(self) -> Mapping[str, str]:
        """By series: the key of its target."""
        return {a.series: a.target.key for a in self.asked}

    @cached_property
    def reactions(self) -> Mapping[str, Reaction]:
        """By the target's key: how its scaler follows the load."""
        return {a.target.key: a.target.reaction for a in self.asked}

    @cached_property
    def series(self) -> Mapping[str, str]:
        """By the target's key: its series."""
        return {a.target.key: a.series for a in self.asked}


NOBODY = Listing((), {})
"""Before the first round."""


def summary(problems: Mapping[str, str]) -> dict[str, object]:
    """Many targets' problems as the fields of one log line: how many, the first few, and each reason once."""
    return {
        "targets": len(problems),
        "first": list(problems)[:SAID],
        "problem": "; ".join(list(dict.fromkeys(problems.values()))[:SAID]),
    }
