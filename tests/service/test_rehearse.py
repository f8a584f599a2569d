"""After a start, and for a newcomer, settings are tried on the days before: nobody waits a day for a record."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from ahpa.core.setting import DEFAULT_SETTING, Rule
from ahpa.service.rehearse import affordable
from forecasting.forecast import Forecast
from forecasting.levels import LEVELS
from forecasting.model import Model
from forecasting.panel import Panel
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.fakes.models import SameAsYesterday, Yesterday
from tests.service.stage import DAY, NOW, SETTINGS, add_knative, staged
from tests.service.test_choose import HOURS, LAX, STRICT, bursts, lived, two

LONG = replace(SETTINGS, history_seconds=4 * DAY)


class OnlyToday(SameAsYesterday):
    """Breaks where it is to learn from the past alone."""

    def fit(self, history: Panel) -> Yesterday:
        if history.end < NOW - DAY:
            raise MemoryError("7 GiB")
        return super().fit(history)


def test_a_restart_finds_the_setting_again_in_the_days_before() -> None:
    """The record is kept nowhere else. The first round after a restart plans with the default; it wishes for a refit,
    which tries the settings on the days before, and the next round has what was chosen then. It took a day."""
    at = two()
    before = lived(at, range(HOURS * 60))
    again = staged(at.kube, at.prometheus, replace(at.service.settings, history_seconds=3 * DAY))
    later = NOW + HOURS * 3600.0
    again.service.refit(later)
    first = again.tick(later)
    assert {decision.plan.setting for decision in first.values() if decision.plan} == {DEFAULT_SETTING}
    again.tick(later + 60)
    assert again.service.take_wish("refit")
    again.service.refit(later + 61)
    then = again.tick(later + 120)
    for key in (STRICT, LAX):
        plan, known = then[key].plan, before[key].plan
        assert plan is not None
        assert known is not None
        assert plan.setting == known.setting
    again.tick(later + 180)
    assert not again.service.take_wish("refit"), "once is enough"


def test_a_newcomer_with_a_past_need_not_wait_a_day() -> None:
    """A service that was annotated today; its bursts were the same on every day, and yesterday's foresee them."""
    kube = FakeKube()
    add_knative(kube, "strict", mode="apply", **{"late-target": "0.1%"})
    at = staged(kube, FakePrometheus({"strict": lambda now: bursts(now + 4 * DAY)}), LONG)
    at.service.refit(NOW)
    at.tick(NOW)
    at.service.refit(NOW + 1)
    plan = at.tick(NOW + 60)[STRICT].plan
    assert plan is not None
    assert plan.setting != DEFAULT_SETTING
    assert plan.setting.record is not None
    assert plan.setting.record.late <= 0.001


@pytest.mark.parametrize("window", ["min=20", "max=2"])
def test_days_of_the_past_are_not_tried_under_the_window_of_this_moment(window: str) -> None:
    """A restart while a window lasts. With so many replicas at all times "no floor" did best, and with so few nothing
    was any better: the evening had none."""
    kube = FakeKube()
    add_knative(kube, "strict", mode="apply", **{"late-target": "0.1%"})
    add_knative(kube, "open", mode="apply", windows=f"* 8-16 * * * {window}", **{"late-target": "0.1%"})
    demand = {name: lambda now: bursts(now + 4 * DAY) for name in ("strict", "open")}
    at = staged(kube, FakePrometheus(demand), LONG)
    at.service.refit(NOW)
    at.tick(NOW)
    at.service.refit(NOW + 1)
    then = at.tick(NOW + 60)
    always, within = then[STRICT].plan, then["knative/shop/open"].plan
    assert always is not None
    assert within is not None
    assert within.setting == always.setting
    assert within.setting != DEFAULT_SETTING


def test_a_model_that_breaks_in_a_rehearsal_costs_nothing_else() -> None:
    """What was learned is there; the settings are those that they were."""
    kube = FakeKube()
    add_knative(kube, "strict", mode="apply")
    at = staged(kube, FakePrometheus({"strict": bursts}), LONG, models={"fleet": OnlyToday()})
    at.service.refit(NOW)
    at.tick(NOW)
    at.service.refit(NOW + 1)
    decision = at.tick(NOW + 60)[STRICT]
    assert decision.plan is not None
    assert decision.plan.setting == DEFAULT_SETTING


def test_what_was_learned_is_in_force_while_settings_are_still_tried() -> None:
    """Of ten thousand services the trying takes another minute."""
    tries, let_go = threading.Event(), threading.Event()

    class Waits(SameAsYesterday):
        def fit(self, history: Panel) -> Yesterday:
            if history.end < NOW - DAY / 2:  # to learn from the past alone
                tries.set()
                assert let_go.wait(120)
            return super().fit(history)

    kube, prometheus = FakeKube(), FakePrometheus({"strict": bursts})
    add_knative(kube, "strict", mode="apply")
    at = staged(kube, prometheus, LONG, models={"fleet": Waits()})
    at.service.refit(NOW)
    at.tick(NOW)
    add_knative(kube, "new", mode="apply")
    prometheus.demands["new"] = bursts
    again = threading.Thread(target=at.service.refit, args=(NOW + 60,))
    again.start()
    assert tries.wait(120)
    meanwhile = at.tick(NOW + 60)
    let_go.set()
    again.join()
    assert meanwhile["knative/shop/new"].plan is not None, "the second refit has learned it"
    then = at.tick(NOW + 120)[STRICT].plan
    assert then is not None
    assert then.setting.record is not None


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_rehearsal_has_what_it_needs_where_it_is_told_to_lay_it(dtype: type[np.floating]) -> None:
    values = np.arange(12, dtype=dtype).reshape(4, 3)
    panel = Panel(0.0, 60.0, values, ("a", "b", "c", "d"))
    given = np.empty((2, 1024), np.float32)
    copied = panel.copied(["d", "b"], lambda shape: given.reshape(shape))
    assert copied.keys == ("d", "b")
    assert np.array_equal(copied.values, values[[3, 1]])
    assert np.shares_memory(copied.values, given)
    assert not copied.values.flags.writeable


@pytest.mark.parametrize(
    ("windows", "taken"),
    [
        ([300.0] * 5, 5),
        ([300.0] * 5000, 666),
        ([300.0] * 100 + [600.0] * 50, 150),
        ([300.0] * 300 + [600.0] * 200, 300),  # two windows of 500: a day of each would be more than there is time for
        ([*range(60, 660, 60)] * 10, 80),  # ten windows of ten services each: 80 services under eight
        ([86_400.0], 1),
        ([], 0),
    ],
)
def test_no_more_is_rehearsed_than_there_is_time_for(windows: list[float], taken: int) -> None:
    """A million minutes of services and windows, a day of each at least."""
    assert len(affordable(np.array(windows))) == taken


@dataclass(frozen=True, eq=False)
class Boastful(Yesterday):
    """Yesterday, ten times as much."""

    def observe(self, panel: Panel) -> Boastful:
        return Boastful(super().observe(panel).history)

    def forecast(self, horizon: int, windows: Sequence[float], levels: Sequence[float] = LEVELS) -> Forecast:
        said = super().forecast(horizon, windows, levels)
        return replace(said, peaks=10 * said.peaks)


class TenTimes(SameAsYesterday):
    def fit(self, history: Panel) -> Boastful:
        return Boastful(history)


@pytest.mark.parametrize(("model", "has_a_say"), [(SameAsYesterday(), True), (TenTimes(), False)])
def test_a_forecast_that_is_worse_than_none_loses_its_say(model: Model, has_a_say: bool) -> None:
    """A load that comes every hour. One model knows when; the other would pay ten times for it."""
    kube = FakeKube()
    add_knative(kube, "strict", mode="apply", **{"late-target": "0.1%"})
    at = staged(kube, FakePrometheus({"strict": lambda now: bursts(now + 4 * DAY)}), LONG, models={"fleet": model})
    at.service.refit(NOW)
    at.tick(NOW)
    at.service.refit(NOW + 1)
    plan = at.tick(NOW + 60)[STRICT].plan
    assert plan is not None
    assert (plan.setting.rule is not Rule.CONSTANT) == has_a_say
