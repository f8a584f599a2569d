"""Claims about a service whose refits are done by others: they decide nothing, and no fault of theirs blocks a tick."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar, TypeVarTuple

import numpy as np
import pytest

from ahpa.adapters.dask.crew import WorkerDied
from ahpa.adapters.processes.apart import Apart, Died
from ahpa.adapters.processes.executors import Threads
from ahpa.core.decision import Decision
from forecasting.choice.elsewhere import Elsewhere
from forecasting.executor import Executor, OrHere, Serial, Task, Unavailable
from forecasting.fleet.model import FleetModel
from forecasting.libraries.calibrated import CalibratedModel, fit_here
from forecasting.libraries.spread import Spread
from forecasting.libraries.strategies import SeasonalNaive
from forecasting.model import Model
from forecasting.panel import Panel
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.fakes.models import SameAsYesterday, Yesterday
from tests.service.stage import NOW, Stage, add_knative, morning, staged

Done = TypeVar("Done")
Args = TypeVarTuple("Args")


class Faulty(Serial):
    """What it is given fails with an error, as long as there is one."""

    error: Exception | None = None

    def submit(self, work: Callable[[*Args], Done], /, *args: *Args) -> Task[Done]:
        return super().submit(partial(self._tried, partial(work, *args)))

    def _tried(self, work: Callable[[], Done]) -> Done:
        if self.error is not None:
            raise self.error
        return work()


def chat(model: Model) -> Stage:
    kube, prometheus = FakeKube(), FakePrometheus({"chat": morning})
    add_knative(kube, "chat", mode="apply")
    return staged(kube, prometheus, models={"fleet": model})


def decided(at: Stage, now: float = NOW) -> Decision:
    at.service.refit(now)
    return at.tick(now)["knative/shop/chat"]


def test_where_it_was_fitted_nobody_sees() -> None:
    here = decided(chat(SameAsYesterday()))
    assert here.floor > 0
    with Threads(1) as threads, Apart() as apart:
        elsewhere: tuple[Executor, ...] = (Serial(), threads, apart)
        for executor in elsewhere:
            assert decided(chat(Elsewhere(SameAsYesterday(), executor))) == here


def test_workers_that_are_away_from_the_start_cost_no_decision_and_are_told_of_once() -> None:
    heard: list[Unavailable | None] = []
    there = Faulty()
    there.error = Unavailable("no scheduler")
    at = chat(Elsewhere(SameAsYesterday(), OrHere(there, heard.append)))
    assert decided(at) == decided(chat(SameAsYesterday()))
    for minute in (60, 120):
        decided(at, NOW + minute)
    assert heard == [there.error]
    there.error = None
    decided(at, NOW + 180)
    assert heard[1:] == [None]


@pytest.mark.parametrize("died", [WorkerDied("fit ended its worker twice"), Died("its process ended")])
def test_a_fit_that_ends_its_workers_is_not_tried_here_and_the_last_good_one_goes_on(died: Exception) -> None:
    """The controller would be the third."""
    heard: list[Unavailable | None] = []
    there = Faulty()
    at = chat(Elsewhere(SameAsYesterday(), OrHere(there, heard.append)))
    before = decided(at)
    there.error = died
    after = decided(at, NOW + 60)
    assert not heard
    assert after.plan is not None
    assert after.floor >= before.floor > 0
    assert after.model == before.model


def test_ticks_go_on_while_workers_keep_a_refit_waiting() -> None:
    hangs, let_go = threading.Event(), threading.Event()
    was_let_go: list[bool] = []

    class Slow(SameAsYesterday):
        def fit(self, history: Panel) -> Yesterday:
            hangs.set()
            was_let_go.append(let_go.wait(120))
            return super().fit(history)

    with Threads(1) as threads:
        at = chat(Elsewhere(Slow(), threads))
        at.tick_beside_a_refit(hangs, let_go)
    assert was_let_go == [True]
    assert at.tick(NOW + 600)["knative/shop/chat"].plan is not None


def test_libraries_are_fitted_in_parcels_with_the_same_results() -> None:
    here = decided(chat(CalibratedModel(SeasonalNaive())))
    for rows in (1, 64):
        assert decided(chat(CalibratedModel(SeasonalNaive(), Spread(fit_here, Serial(), rows)))) == here


def test_a_parcel_that_is_lost_is_its_rows_reason_alone() -> None:
    there = Faulty()
    spread = Spread(fit_here, there, rows=2)
    rows = [np.array([morning(60.0 * minute) for minute in range(2880)])] * 3
    assert [isinstance(fit, str) for fit in spread(SeasonalNaive(), rows, 60.0)] == [False] * 3
    there.error = WorkerDied("fit_here ended its worker twice")
    found = spread(SeasonalNaive(), rows, 60.0)
    assert found == ["seasonal-naive failed: WorkerDied: fit_here ended its worker twice"] * 3


def test_a_model_that_is_elsewhere_is_placed_there() -> None:
    model = Elsewhere(FleetModel(), Serial())
    assert model.placed({"a": None}) == replace(model, model=FleetModel(own={"a": None}))
    assert model.name == "fleet"
