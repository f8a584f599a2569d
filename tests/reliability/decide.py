"""A program: a small service learns, decides, learns again and has its settings rehearsed, and decides; it prints a
digest of all that it decided, foresaw and wrote.

    python -m tests.reliability.decide serial|pool|dask://HOST:PORT [CA CERT KEY]
"""

from __future__ import annotations

import hashlib
import logging
import sys
from dataclasses import replace

import numpy as np

from ahpa.adapters.dask.executor import Dask
from ahpa.adapters.dask.scheduler import Scheduler
from ahpa.adapters.processes.executors import Processes
from forecasting.choice.elsewhere import Elsewhere
from forecasting.executor import Executor, Serial
from forecasting.fleet.model import FleetModel
from forecasting.fleet.network import Training
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.service.stage import DAY, NOW, SETTINGS, add_knative, morning, staged

SMALL = FleetModel(
    samples=4000,
    samples_per_service=1000,
    others=4,
    peaks=Training(members=2, epochs=1),
    steps=Training(members=2, epochs=1),
)
"""As the real one, and quick."""
THREE_DAYS = replace(SETTINGS, history_seconds=3 * DAY)
"""Enough of a past to try settings on."""


def executor_of(words: list[str]) -> Executor:
    if words[0] == "serial":
        return Serial()
    return Processes(1) if words[0] == "pool" else Dask(Scheduler.at(*words))


def decided(executor: Executor) -> str:
    """The digest of two refits and three ticks."""
    kube = FakeKube()
    loads = {"chat": morning, "double": lambda now: 2 * morning(now), "noisy": lambda now: 5 + 3 * np.sin(now * now)}
    for name in loads:
        add_knative(kube, name, mode="apply")
    at = staged(kube, FakePrometheus(loads), THREE_DAYS, models={"fleet": Elsewhere(SMALL, executor)})
    told = hashlib.sha256()
    for refit, minute in ((True, 0), (True, 1), (False, 2)):
        if refit:
            at.service.refit(NOW + 60 * minute)
        told.update(repr(at.service.tick(NOW + 60 * minute)).encode())
        foreseen = at.service.ahead(3600)
        assert foreseen is not None
        told.update(foreseen.steps.tobytes())
    told.update(repr(sorted((path, str(each)) for path, each in kube.objects.items())).encode())
    assert at.service._memory.tried is not None  # what was rehearsed is in the digest too
    told.update(at.service._memory.tried.tryouts.experience.shares().tobytes())
    return told.hexdigest()


if __name__ == "__main__":
    logging.disable()
    where = executor_of(sys.argv[1:])
    try:
        print(decided(where))
    finally:
        where.stop()
