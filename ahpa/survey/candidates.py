"""What of a cluster can be judged: each object as if it carried `ahpa.dev/mode: observe`, its demand, and why others
cannot be.

The service's own eyes look (service/observe.py), so what is inferred here is what the service would infer. Nothing is
written: the annotation is only thought of.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ahpa.core.observation import Workload
from ahpa.core.policy.values import PREFIX
from ahpa.ports import Actuator
from ahpa.service.doubts import NO_DOUBTS
from ahpa.service.listing import Asked
from ahpa.service.memory import Memory
from ahpa.service.rounds import Ports, observer_of
from ahpa.service.settings import Settings
from ahpa.targets import Target
from ahpa.transport import NEVER
from forecasting.panel import Floats

MODE = f"{PREFIX}mode"
UNANNOTATED = {MODE: "observe"}
PAUSED = f"{PREFIX}paused"


@dataclass(frozen=True)
class AsIfAnnotated:
    """An actuator whose objects all ask for us. It writes nothing, and notes down what their owners ask today."""

    actuator: Actuator
    modes: dict[str, str] = field(default_factory=dict)
    """By key."""
    makers: dict[str, str] = field(default_factory=dict)
    """By key of one that another target made: the key of that."""

    def targets(self, deadline: float = NEVER) -> list[Target]:
        """Raises ClusterError."""
        found = self.actuator.targets(deadline)
        self.modes.update({target.key: target.annotations.get(MODE, "") for target in found})
        self.makers.update({target.key: target.maker for target in found if target.maker})
        return [_asking(target) for target in found]

    def write(self, target: Target, floors: Sequence[int]) -> bool:
        raise TypeError("a survey writes nothing")

    def fill(self, target: Target, share: float | None) -> bool:
        raise TypeError("a survey writes nothing")

    def restore(self, target: Target) -> None:
        raise TypeError("a survey writes nothing")


def _asking(target: Target) -> Target:
    kept = {key: value for key, value in target.annotations.items() if key not in (MODE, PAUSED)}
    return replace(target, annotations={**kept, **UNANNOTATED})


@dataclass(frozen=True, eq=False)
class Candidate:
    """One object that can be judged."""

    asked: Asked
    workload: Workload
    """As the service would see it: what a replica serves, how long starts take."""
    demand: Floats
    """[t], in the unit of its query; NaN where nothing was observed."""
    mode: str
    """What its owner asks of us today; empty: nothing."""

    @property
    def target(self) -> Target:
        """As it was listed, but for the annotation that is only thought of."""
        return self.asked.target


@dataclass(frozen=True, eq=False)
class Candidates:
    """A cluster at one moment."""

    judged: tuple[Candidate, ...]
    left_out: Mapping[str, str]
    """By key, or by kind where none of it could be listed: why, and what to do."""
    start: float
    """Unix seconds: the first step of all demands."""
    step: float
    unread: str = ""
    """Why no demand at all could be read; empty: some could, or none was asked for."""


def candidates(actuators: Mapping[str, Actuator], ports: Ports, settings: Settings, now: float) -> Candidates:
    """All objects of these `actuators`, which list those too that carry no annotation of ours. One read for all. Raises
    ClusterError if nothing can be listed."""
    known = {kind: AsIfAnnotated(actuator) for kind, actuator in actuators.items()}
    unshared = replace(settings, most_targets=sys.maxsize, most_library_fits=sys.maxsize)  # nobody waits for anybody
    observer = observer_of(unshared, replace(ports, actuators=known))
    listing = observer.list()
    since = now - settings.history_seconds
    history = ports.demand.read(listing.queries, since, now, settings.step_seconds)
    workloads = observer.workloads(listing, history, NO_DOUBTS, Memory(), now, writes=False)
    rows = dict(zip(history.panel.keys, history.panel.values, strict=True))
    listed = {asked.target.key for asked in listing.asked}
    # A kind of which the cluster has no CRD has no objects.
    failed = {kind: error for kind, error in listing.unlisted.items() if error.status != 404}
    left_out = {kind: f"could not be listed: {error}" for kind, error in failed.items()}
    for kind in known.values():
        left_out |= {key: _spoken_for(maker) for key, maker in kind.makers.items() if key not in listed}
    modes = {key: mode for kind in known.values() for key, mode in kind.modes.items()}
    judged = []
    for asked, workload in zip(listing.asked, workloads, strict=True):
        demand = rows.get(asked.series)
        why = _why_not(asked, workload, history.problems.get(asked.series), demand)
        if why is not None or demand is None:
            left_out[asked.target.key] = why or "its demand was not read"
        else:
            judged.append(Candidate(asked, workload, np.asarray(demand, float), modes.get(asked.target.key, "")))
    problems = list(history.problems.values())
    unread = problems[0] if problems and len(problems) == len(listing.queries) else ""
    return Candidates(tuple(judged), left_out, history.panel.start, history.panel.step, unread)


def _spoken_for(maker: str) -> str:
    return f"{maker} made it and speaks for it: look there"


def _why_not(asked: Asked, workload: Workload, problem: str | None, demand: Floats | None) -> str | None:
    if workload.refusal is not None:
        return workload.refusal
    if workload.policy.problems:
        return "; ".join(workload.policy.problems)
    if workload.per_replica is None:
        return workload.no_capacity or f"nobody said what one replica serves: set {PREFIX}target-per-replica"
    if problem is not None:
        return f"its demand could not be read: {problem}; asked was {asked.query}"
    if demand is None or not np.isfinite(demand).any():
        return (
            f"its query gave no data: {asked.query}; see what it gives in Prometheus, or name another: {PREFIX}demand"
        )
    if not np.nansum(demand) > 0:
        return "nothing was asked of it in all that time"
    return None
