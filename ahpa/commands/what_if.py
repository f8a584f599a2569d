"""The what-if of `ahpa serve`, put together: its questions from the service's last round and the history in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from ahpa.adapters.kubernetes.kinds import KINDS
from ahpa.adapters.processes.executors import Processes
from ahpa.adapters.telemetry.memory import spare_bytes
from ahpa.core.policy.values import Policy
from ahpa.ports import TargetRound
from ahpa.service.listing import Asked
from ahpa.service.rounds import Ports, Service
from ahpa.site.ways import DAYS, Case, NoCaseError, notes_on
from ahpa.site.what_if import Question, WhatIf
from ahpa.survey.candidates import Candidate
from ahpa.survey.worlds import world_of
from forecasting.choice.elsewhere import Elsewhere
from forecasting.panel import Panel

OTHERS = 4
"""So many others the model learns from beside the service: with four a question takes 36 s of a processor, two thirds
of it for learning."""
_BEHIND = 10
"""Niceness: its process has a tenth of the processor where somebody else wants it too."""

_NEEDED_BYTES = 512 * 1024**2
"""Of the container's memory, to begin with: half of it for the process, and for a refit that begins meanwhile."""

Held = Callable[[Mapping[str, str], float, float], Panel]
"""What is in memory of these series (queries by key) between two moments, unix seconds."""


def what_if_of(service: Service, ports: Ports, held: Held, spare_bytes: Callable[[], float] = spare_bytes) -> WhatIf:
    """For this service; nothing is begun where so much memory is not to `spare`."""
    asking = _Asking(service, ports, held, spare_bytes)
    executor = Processes(1, _BEHIND)
    return WhatIf(asking.known, asking.question, executor, lambda: service.learning, ports.telemetry)


@contextmanager
def playing(what_if: WhatIf) -> Iterator[None]:
    """Meanwhile who is asked for is played; what is still played at the end is dropped."""
    stop = threading.Event()
    thread = threading.Thread(target=what_if.run, args=(stop,), name="what-if", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(5)


@dataclass(frozen=True)
class _Asking:
    service: Service
    ports: Ports
    held: Held
    spare_bytes: Callable[[], float]

    def known(self, key: str) -> bool:
        """Whether the last round had a target of this key."""
        return key in self.service.shown.listing.series

    def question(self, key: str) -> Question:
        """Raises NoCaseError."""
        if (spare := self.spare_bytes()) < _NEEDED_BYTES:
            raise NoCaseError(
                f"it needs {_NEEDED_BYTES >> 20} MiB of memory, and ahpa has {int(spare) >> 20} left below its limit"
            )
        shown, settings = self.service.shown, self.service.settings
        found = [both for both in zip(shown.listing.asked, shown.rounds, strict=True) if both[0].target.key == key]
        if not found:
            raise NoCaseError("it is gone")
        asked, last = found[0]
        if why := _why_not(asked, last):
            raise NoCaseError(why)
        beside = [series for series in shown.listing.queries if series != asked.series][:OTHERS]
        queries = {series: shown.listing.queries[series] for series in (asked.series, *beside)}
        panel = self.held(queries, shown.at - settings.history_seconds, shown.at)
        if asked.series not in panel.keys:
            raise NoCaseError("its demand is not in memory yet")
        row = panel.keys.index(asked.series)
        demand = np.asarray(panel.values[row], float)
        candidate = Candidate(asked, last.workload, demand, last.workload.policy.policy.mode)
        others = panel.select([name for name in panel.keys if name != asked.series])
        model = self.ports.models[Policy().model]
        model = model.model if isinstance(model, Elsewhere) else model
        scaler = KINDS[asked.target.kind].scaler(asked.target)
        case = Case.of(candidate, panel.start, panel.step, others, scaler, model)
        return Question(case, panel.end, DAYS, tuple(notes_on(candidate, world_of(candidate, scaler, DAYS))))


def _why_not(asked: Asked, last: TargetRound) -> str:
    workload = last.workload
    if workload.refusal is not None:
        return workload.refusal
    if workload.policy.problems:
        return "; ".join(workload.policy.problems)
    if asked.query is None:
        return "no plan is asked for, so its demand is not read"
    return workload.no_capacity if workload.per_replica is None else ""
