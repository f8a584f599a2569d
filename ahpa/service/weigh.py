"""Weigh: what each workload's data and forecasts are worth in this round, by what earlier rounds remember."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ahpa.core.observation import Observation, Workload
from ahpa.core.round import nothing_to_go_by
from ahpa.core.trust import distrusted
from ahpa.service.follow import following
from ahpa.service.judge import judged
from ahpa.service.learn import Learned
from ahpa.service.memory import Memory
from forecasting.panel import Panel


def weighed(
    seen: Observation, series: Mapping[str, str], recent: Panel, learned: Learned, memory: Memory
) -> Observation:
    """The round with how forecasts did lately, with the count of holds, and with what was foreseen of those whose data
    are lost. `series` by workload's key; `recent` is the last hour's demand by series."""
    seen = judged(seen, series, recent, memory)
    seen = replace(seen, workloads=tuple(_counted(w, series[w.key], seen, memory) for w in seen.workloads))
    return following(seen, series, learned, memory, recent.step)


def _counted(workload: Workload, series: str, seen: Observation, memory: Memory) -> Workload:
    """The workload with the count of its hold; that its data could be trusted is remembered."""
    if distrusted(workload, seen) is None:
        memory.trusted.add(series)
    since = memory.doubted(series, nothing_to_go_by(workload, seen), seen.now)
    return workload if since is None else replace(workload, doubted_since=since)
