"""Judge: what was said of each service's next minutes is put down, and held against what came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ahpa.core.observation import Observation, Workload
from ahpa.core.planner import leads_of
from ahpa.core.quality import UNTRIED, Claim, Quality
from ahpa.core.trust import distrusted
from ahpa.service.choose import in_event
from ahpa.service.memory import Memory
from forecasting.forecast import Outlook
from forecasting.panel import Floats, Panel
from forecasting.windows import PEAK_SECONDS


def judged(seen: Observation, series: Mapping[str, str], recent: Panel, memory: Memory) -> Observation:
    """The round with how the forecasts of each workload did lately; `series` by workload's key, `recent` is the last
    hour's demand by series. One claim of a series waits at a time, about its next lead, and of half an hour at most:
    further no window is learned. Of what is doubted, and of events, nothing is put down and nothing learned."""
    rows = dict(zip(recent.keys, recent.values, strict=True))
    for workload in seen.workloads:
        name, outlook = series[workload.key], seen.outlook(workload.key)
        before = memory.quality.get(name, UNTRIED)
        if name not in rows or outlook is None:
            continue
        trusted = distrusted(workload, seen) is None and not in_event(workload, seen.now)
        memory.quality[name] = _after(before, workload, outlook, rows[name], recent, seen, trusted)
    return replace(seen, workloads=tuple(_known(w, memory.quality.get(series[w.key], UNTRIED)) for w in seen.workloads))


def _known(workload: Workload, quality: Quality) -> Workload:
    """The same one where nothing was learned of it in this round, as of most."""
    return workload if quality is workload.quality else replace(workload, quality=quality)


def _after(
    before: Quality, workload: Workload, outlook: Outlook, row: Floats, recent: Panel, seen: Observation, trusted: bool
) -> Quality:
    claim = before.claim
    if not trusted:
        return replace(before, claim=None)
    if claim is not None and claim.end > workload.observed_until + 1e-6:
        return before
    settled = before if claim is None else before.settled(_largest(row, recent, claim))
    return replace(settled, claim=_claim(workload, outlook, row, recent, seen))


def _claim(workload: Workload, outlook: Outlook, row: Floats, recent: Panel, seen: Observation) -> Claim | None:
    """About the steps from the forecast's origin to the end of the longest lead."""
    until = max(0, round((outlook.origin - recent.start) / recent.step))
    known = row[:until][np.isfinite(row[:until])]
    if not len(known):
        return None
    leads = leads_of(workload.readiness, workload.policy.policy.lead, seen.tick_seconds)
    reach = min(max(seconds for _, seconds in leads), PEAK_SECONDS[-1])
    length = recent.step * max(1, round(reach / recent.step))
    return Claim(outlook.origin, outlook.origin + length, outlook.peak(length, 0.5), float(known[-1]))


def _largest(row: Floats, recent: Panel, claim: Claim) -> float:
    """The largest demand of its steps; NaN where one of them was not observed."""
    first, last = (round((moment - recent.start) / recent.step) for moment in (claim.begin, claim.end))
    return float(row[max(0, first) : last].max()) if 0 <= first < last else float("nan")
