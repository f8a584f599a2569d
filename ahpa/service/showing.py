"""What a round shows: each target with what was seen, foreseen and decided of it, and what is foreseen far ahead."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ahpa.core.decision import Decision
from ahpa.core.observation import Observation
from ahpa.core.starts import NO_STARTS
from ahpa.core.trust import distrusted
from ahpa.ports import AHEAD_LEVELS, HORIZONS, Reading, TargetRound, Telemetry
from ahpa.service.effect import ignored
from ahpa.service.learn import Learned
from ahpa.service.listing import NOBODY, Listing
from ahpa.service.memory import Memory
from ahpa.service.settings import Settings
from forecasting.forecast import Ahead
from forecasting.panel import Panel


@dataclass(frozen=True, eq=False)
class Shown:
    """The last round, for the page: swapped whole."""

    at: float = math.nan
    """Unix seconds at which it was decided."""
    rounds: tuple[TargetRound, ...] = ()
    listing: Listing = NOBODY
    """What its owners asked for."""


def rounds_of(
    listing: Listing, recent: Reading, seen: Observation, decisions: Sequence[Decision], memory: Memory
) -> tuple[TargetRound, ...]:
    """All targets of a round, in the order of the listing."""
    demand = newest(recent.panel, seen.limits.stale_seconds)
    return tuple(
        TargetRound(
            asked.target,
            workload,
            seen.outlook(workload.key),
            decision,
            ignored(asked.target, memory, seen.now),
            asked.words,
            distrusted(workload, seen),
            memory.starts.get(workload.key, NO_STARTS),
            demand.get(asked.series, math.nan),
        )
        for asked, workload, decision in zip(listing.asked, seen.workloads, decisions, strict=True)
    )


def newest(panel: Panel, seconds: float) -> dict[str, float]:
    """By key: the last value that was observed, if that is no older than so many seconds before the panel's end."""
    values = panel.values[:, -max(1, round(seconds / panel.step)) :]
    if not values.size:
        return {}
    seen = np.isfinite(values)
    last = values.shape[1] - 1 - np.argmax(seen[:, ::-1], axis=1)
    found = values[np.arange(len(values)), last]
    return {key: value for key, value in zip(panel.keys, found.tolist(), strict=True) if math.isfinite(value)}


def foretell(learned: Learned, listing: Listing, settings: Settings, now: float, telemetry: Telemetry) -> None:
    """Show what is foreseen of each target at a few horizons, of no more targets than the operator wants: the first by
    name, so that they are the same in each round. Raises nothing: it is for people, and the rounds go on."""
    most = settings.most_foretold
    try:
        said = learned.ahead(list(HORIZONS.values()), AHEAD_LEVELS, settings.step_seconds, most) if most else None
        fresh = said is not None and now - said.origin <= settings.limits.stale_seconds
        telemetry.foretold(_of_those_here(said, listing) if said is not None and fresh else None)
    except Exception:  # a fault of ours
        telemetry.foretold(None)
        telemetry.fault("predictions.failed")


def _of_those_here(said: Ahead, listing: Listing) -> Ahead:
    """Of the targets that are still there, under their keys."""
    rows = {listing.keys[series]: row for row, series in enumerate(said.keys) if series in listing.queries}
    return Ahead(tuple(rows), said.origin, said.values[list(rows.values())])
