"""Describe: what a decision depends on, target by target, by what was listed, read and remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ahpa.core.capacity import Part, apportion, mean_capacity
from ahpa.core.observation import Workload
from ahpa.core.quality import UNTRIED
from ahpa.core.readiness import Readiness
from ahpa.core.setting import DEFAULT_SETTING, Lever
from ahpa.core.starts import NO_STARTS
from ahpa.ports import Reading
from ahpa.service.doubts import Doubts, Zero, sudden_zeros
from ahpa.service.listing import Asked
from ahpa.service.memory import Memory
from ahpa.targets import Target


@dataclass(frozen=True, eq=False)
class Scene:
    """What one round sees of all targets. A workload is made of it in one piece: it has thirty fields, and of 10,000
    each copy costs a tenth of a second."""

    recent: Reading
    """The last hour."""
    doubts: Doubts
    """By series."""
    memory: Memory
    prior: Readiness
    """How long starts take, as the operator assumes."""
    now: float
    writes: bool
    """False: all floors are only thought of."""

    @cached_property
    def observed(self) -> Mapping[str, float]:
        """By series, unix seconds: the end of the newest observed step."""
        panel = self.recent.panel
        return dict(zip(panel.keys, panel.last_observed().tolist(), strict=True))

    @cached_property
    def coverage(self) -> Mapping[str, float]:
        """By series: the share of the hour's steps that were observed."""
        panel = self.recent.panel
        finite = np.isfinite(panel.values)
        return dict(zip(panel.keys, finite.mean(axis=1).tolist() if finite.size else (), strict=False))

    @cached_property
    def late(self) -> Mapping[str, float]:
        """By series: the share of late requests, where it is known."""
        return self.memory.tried.late() if self.memory.tried is not None else {}

    @cached_property
    def zeros(self) -> Mapping[str, Zero]:
        return sudden_zeros(self.recent.panel)

    def workload(self, asked: Asked, series: str) -> Workload:
        """One target, as the cluster shows it and the metrics of its series."""
        target, memory = asked.target, self.memory
        readiness = memory.starts.get(target.key, NO_STARTS).readiness(self.prior)
        floor, parts = self._floors(asked)
        return Workload(
            key=target.key,
            policy=asked.parsed,
            baseline=target.baseline,
            floor=floor,
            ready=target.ready,
            present=target.present,
            per_replica=_per_replica(asked),
            readiness=readiness,
            observed_until=memory.observed(series, self.observed.get(series, -np.inf), self.now),
            coverage=0.0 if series in self.recent.partial else self.coverage.get(series, 0.0),
            maximum=target.maximum,
            setting=memory.settings.get(series, DEFAULT_SETTING),
            late=self.late.get(series),
            utilization=max((one.utilization for one in asked.fits if one.utilization is not None), default=None),
            lever=_lever(target, memory, self.now),
            managed=target.managed,
            refusal=target.refusal,
            doubt=self.doubts.of(series, self.zeros.get(series), busy=target.ready > floor)
            or target.doubt
            or _unread_defaults(target),
            was_trusted=_was_trusted(target, series, memory),
            parts=parts,
            unit=next((one.unit.words for one in asked.fits if one.unit is not None), ""),
            assumed=_assumed(asked, readiness),
            no_capacity=next((one.problem for one in asked.fits if one.problem), ""),
            quality=memory.quality.get(series, UNTRIED),
            unread=self.recent.problems.get(series),
            never="" if series in memory.seen or asked.query is None else _never(asked),
        )

    def _floors(self, asked: Asked) -> tuple[int, tuple[Part, ...]]:
        """In force, as a whole and of its parts where it has more than one; or what was only thought of."""
        target = asked.target
        floor, parts = target.floor, target.parts if len(target.parts) > 1 else ()
        if self.writes and (asked.parsed.policy.mode != "observe" or target.managed):
            return floor, parts
        floor = max(self.memory.would_be.get(target.key, floor), target.baseline)
        return floor, tuple(replace(p, floor=n) for p, n in zip(parts, apportion(floor, parts), strict=True))


def _lever(target: Target, memory: Memory, now: float) -> Lever:
    """Its second lever; one that the API would not let us raise stays for a while."""
    refused = memory.fixed.get(target.key)
    if refused is None or now >= refused.until or not target.lever.free:
        return target.lever
    return replace(target.lever, fixed="raising it was refused, as an Event says")


def _per_replica(asked: Asked) -> float | None:
    values = [one.per_replica for one in asked.fits]
    if not values or None in values:
        return None
    return values[0] if len(values) == 1 else mean_capacity(asked.target.parts)


def _assumed(asked: Asked, readiness: Readiness) -> tuple[str, ...]:
    """What a plan takes for granted, each once."""
    lag = () if asked.parsed.policy.lead is not None or readiness.learned else ("lag assumed",)
    of_units = (one.assumed for one in asked.fits if one.assumed)
    return tuple(dict.fromkeys((*lag, *of_units, *asked.assumed, *asked.target.assumed)))


def _unread_defaults(target: Target) -> str | None:
    """What one replica serves, and what the owner's minimum is, may hang on what could not be read."""
    return "the cluster's defaults could not be read" if target.assumed else None


def _was_trusted(target: Target, series: str, memory: Memory) -> bool:
    """Defaults that cannot be read are the whole cluster's: no sign that this target's own data went bad."""
    return not target.assumed and (series in memory.trusted or (target.managed and target.floor > target.baseline))


def _never(asked: Asked) -> str:
    """What was asked, and what the hole in it was filled with: another name is the usual reason."""
    return f"{asked.query}; {{{{name}}}} is the {asked.target.title}'s name, {asked.target.name}"
