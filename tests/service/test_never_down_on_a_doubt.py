"""A healthy service is not lowered for a fault of ours: a fit that failed, half a history."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from ahpa.adapters.kubernetes.kept import MIN_SCALE
from ahpa.core.decision import Reason
from ahpa.ports import Reading
from ahpa.service.learn import Learned
from forecasting.libraries.calibrated import CalibratedModel
from forecasting.panel import Panel
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.fakes.models import SameAsYesterday, Yesterday
from tests.service.peak import HOLD, Flaky, Shards, at_its_peak, floors, run
from tests.service.stage import DAY, NOW, ROOT, SETTINGS, add_knative, morning, staged


@pytest.mark.parametrize("error", [MemoryError("worker killed"), RuntimeError("no convergence"), ValueError()])
def test_a_fit_that_fails_leaves_the_last_good_model_in_force(error: Exception) -> None:
    """Fresh data, floor 23; refits fail for an hour. It went 22, 19, ... 0 within 16 minutes."""
    flaky = Flaky()
    at = at_its_peak(flaky)
    flaky.faults.append(error)
    for minute in range(6, 66):
        if minute % 20 == 6:
            at.service.refit(NOW + 60 * minute)
        (decision,) = run(at, [minute])
        assert decision.plan is not None
        assert decision.floor == 23


def test_the_model_that_is_kept_still_follows_what_it_has_learned() -> None:
    """The day ends while refits fail: the floor goes down by what was learned of other days, not by the failure."""
    flaky = Flaky()
    at = at_its_peak(flaky, FakePrometheus({"chat": lambda t: 160.0 if t % DAY < 11 * 3600 else 13.0}))
    flaky.faults.append(MemoryError())
    at.service.refit(NOW + 360)
    decisions = run(at, range(6, 180))
    assert decisions[100].floor == 23
    assert decisions[-1].floor == 2
    assert {d.reason for d in decisions if d.change < 0} <= {Reason.RELEASED, Reason.SCALE_DOWN_STABILIZED}
    flaky.faults.clear()
    at.service.refit(NOW + 180 * 60)
    assert run(at, [181])[0].floor == 2


def test_a_failure_with_nothing_learned_before_it_lowers_nothing_however_long_it_lasts() -> None:
    """The service restarts into a library that fails: the floor that it finds stands."""
    flaky = Flaky()
    before = at_its_peak(flaky)
    flaky.faults.append(MemoryError())
    at = staged(before.kube, before.prometheus, SETTINGS, models={"fleet": CalibratedModel(flaky)})
    at.service.refit(NOW + 360)
    decisions = run(at, range(7, 67))
    assert floors(decisions) == [23] * 60
    assert "flaky failed: MemoryError" in decisions[-1].message


@dataclass(frozen=True)
class OutOfMemory(SameAsYesterday):
    """No series of it can be fitted: the worker is killed, and nothing catches that."""

    def fit(self, history: Panel) -> Yesterday:
        raise MemoryError


class OnlyLately(FakePrometheus):
    """Answers for an hour, and has no time for two weeks while `busy`."""

    busy = True

    def read(
        self, queries: Mapping[str, str], start: float, end: float, step: float, deadline: float = math.inf
    ) -> Reading:
        before, self.down = self.down, self.down or (self.busy and end - start > 7200)
        reading = super().read(queries, start, end, step, deadline)
        self.down = before
        return reading


def test_a_restart_after_which_every_refit_fails_as_a_whole_lowers_nothing() -> None:
    """Fresh data and no forecast at all, for two hours. It went 23 for 15 minutes, then 20, 18, 16 ... 0."""
    before = at_its_peak(Flaky())
    at = staged(before.kube, before.prometheus, SETTINGS, models={"fleet": OutOfMemory()})
    for minute in range(7, 127):
        if minute % 20 == 7:
            at.service.refit(NOW + 60 * minute)
        (decision,) = run(at, [minute])
        assert decision.floor == 23, decision.message
        assert decision.reason in (Reason.NO_FORECAST, Reason.SETTLING)


def test_a_restart_after_which_only_the_history_cannot_be_read_lowers_nothing() -> None:
    """The hour is read, the two weeks are not: the same decay, "no forecast was made yet". Then one hour fails too."""
    prometheus = OnlyLately({"chat": lambda t: 160.0})
    prometheus.busy = False
    before = at_its_peak(Flaky(), prometheus)
    prometheus.busy = True
    at = staged(before.kube, prometheus, SETTINGS, models={"fleet": CalibratedModel(Flaky())})
    at.service.refit(NOW + 360)
    assert floors(run(at, range(7, 67))) == [23] * 60
    prometheus.down = True
    assert floors(run(at, range(67, 67 + HOLD + 1))) == [23] * (HOLD + 1), "the hold begins when the data are lost"
    assert run(at, [67 + HOLD + 1])[0].floor < 23
    prometheus.down = prometheus.busy = False
    at.service.refit(NOW + 5000)
    assert run(at, [84, 85])[-1].floor == 23


def test_a_warned_history_is_not_learned_from_where_a_better_one_was() -> None:
    """One refit while three of four shards are gone and Prometheus warns. It went 23, 17, 12, 9, 6."""
    prometheus = Shards({"chat": lambda t: 160.0})
    at = at_its_peak(Flaky(), prometheus)
    prometheus.gone = 3
    at.service.refit(NOW + 400)
    prometheus.gone = 0
    decisions = run(at, range(7, 67))
    assert floors(decisions) == [23] * 60
    assert {d.plan.floor for d in decisions if d.plan is not None} == {23}, "what was learned before is still believed"
    assert {d.reason for d in decisions} == {Reason.DESIRED_WITHIN_RANGE}


def test_where_every_history_is_warned_about_the_newest_counts() -> None:
    prometheus = Shards({"chat": morning})
    prometheus.gone = 1
    kube = FakeKube()
    add_knative(kube, "chat", mode="apply")
    at = staged(kube, prometheus, models={"fleet": CalibratedModel(Flaky())})
    learned = at.learner.refit(at.observer.list(), Learned(), None, NOW).learned
    assert learned is not None
    again = at.learner.refit(at.observer.list(), learned, None, NOW + 3600).learned
    assert again is not None
    assert again.forecaster is not None
    assert again.forecaster.origin == NOW + 3600
    assert again.doubts.warned == again.known


def test_a_target_whose_history_cannot_be_read_once_keeps_its_forecast() -> None:
    """One of two histories fails in a refit; it must not take the other's hour, nor lose its own."""
    kube = FakeKube()
    for name in ("chat", "other"):
        add_knative(kube, name, mode="apply")
    at = staged(kube, FakePrometheus({"chat": lambda t: 160.0, "other": morning}))
    at.service.refit(NOW)
    run(at, range(6))
    gone = at.prometheus.demands.pop("chat")
    at.service.refit(NOW + 360)
    at.prometheus.demands["chat"] = gone
    decisions = run(at, range(7, 12))
    assert all(d.plan is not None for d in decisions)
    assert floors(decisions) == [23] * 5
    assert not at.service.take_wish("refit")


def test_a_warned_history_that_is_all_there_is_may_raise_and_not_lower() -> None:
    """A first refit, or Thanos that always warns: better than no forecast at all."""
    prometheus = Shards({"chat": morning})
    prometheus.gone = 1
    kube = FakeKube()
    add_knative(kube, "chat", mode="apply")
    at = staged(
        kube, prometheus, replace(SETTINGS, history_seconds=4 * DAY), models={"fleet": CalibratedModel(Flaky())}
    )
    at.service.refit(NOW)
    prometheus.gone = 0
    raised = run(at, range(10))
    assert raised[-1].floor > 1
    kube.edit(f"{ROOT}/revisions/chat-00001", {"metadata": {"annotations": {MIN_SCALE: "40"}}}, manager="ahpa")
    blocked = run(at, range(10, 14))
    assert floors(blocked) == [40] * 4
    assert "or that Prometheus warned about" in blocked[-1].message
    at.service.refit(NOW + 14 * 60)
    assert run(at, [15])[0].floor < 40
