"""Follow: of those whose data are lost, what was foreseen of these hours while there were some."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ahpa.core.foreseen import Foreseen
from ahpa.core.observation import Observation, Workload
from ahpa.core.round import lost
from ahpa.service.learn import Learned
from ahpa.service.memory import Memory
from ahpa.service.settings import FURTHEST_SECONDS
from forecasting.forecast import Outlook
from forecasting.windows import PEAK_SECONDS


def following(
    seen: Observation, series: Mapping[str, str], learned: Learned, memory: Memory, step: float
) -> Observation:
    """The round with what was foreseen in place of forecasts that are too old, or that a model no longer gives as it
    sees nothing; `series` by workload's key, `step` in seconds.

    What was foreseen is put down once the data have been lost for a while, as a server that flaps would make it anew
    each round, and forgotten once they are there again. It takes a fleet's forecast of some hours: so those that are
    lost one after the other wait for one another, and of whom nothing is foreseen it is not made again before a refit.
    """
    here = {series[w.key] for w in seen.workloads if lost(w, seen)}
    memory.foreseen = {name: plan for name, plan in memory.foreseen.items() if name in here}
    for_long = [w for w in seen.workloads if lost(w, seen) and _lasts(w, seen)]
    _put_down({series[w.key] for w in for_long} - memory.foreseen.keys(), learned, memory, seen, step)
    plans = {w.key: plan for w in for_long if (plan := memory.foreseen.get(series[w.key])) is not None}
    outlooks = {key: plan.from_now(seen.now) for key, plan in plans.items() if _too_old(seen.outlook(key), seen.now)}
    known = {key: outlook for key, outlook in outlooks.items() if outlook is not None}
    return replace(seen, outlooks={**seen.outlooks, **known}) if known else seen


def _lasts(workload: Workload, seen: Observation) -> bool:
    since = workload.doubted_since
    return since is not None and seen.now - since >= seen.limits.stale_seconds


def _put_down(new: set[str], learned: Learned, memory: Memory, seen: Observation, step: float) -> None:
    reach = min(seen.limits.follow_seconds, FURTHEST_SECONDS)
    lately = 0 <= seen.now - memory.foresaw_at < seen.limits.stale_seconds
    forecast = learned.steps(reach, step) if new and reach > 0 and not lately else None
    if forecast is not None:
        memory.foresaw_at = seen.now
        memory.foreseen |= {**dict.fromkeys(new), **Foreseen.of(forecast, new)}


def _too_old(outlook: Outlook | None, now: float) -> bool:
    """Whether it says less of this time than what was foreseen of its single steps: windows that reach further than
    those that are learned hold too seldom. A model that failed is no such: that holds without end."""
    if outlook is None or outlook.reason is not None:
        return outlook is None or not outlook.failed
    return now - outlook.origin > PEAK_SECONDS[-1]
