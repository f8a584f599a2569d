"""An outage before a peak that was foreseen: the floor rises along the last forecast, and is never lowered by it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import pytest

from ahpa.core.decision import Decision, Reason
from ahpa.core.observation import Limits
from ahpa.ports import Reading
from ahpa.service.learn import Learned
from forecasting.forecast import Forecast
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.reliability.reached import Reached
from tests.service.cluster import Cluster
from tests.service.peak import CHAT
from tests.service.stage import DAY, NOW, SETTINGS, Stage, add_knative, staged

FREE = Limits()
NINE = NOW
LOST = NINE - 5400.0
"""Half past seven."""


def office(now: float) -> float:
    """20 in flight in the night, 60 from nine to eleven."""
    return 60.0 if 9 * 3600 <= now % DAY < 11 * 3600 else 20.0


@dataclass
class Morning:
    """A floor each minute from seven on, and the share of late requests until half past nine."""

    floors: dict[int, int]
    """By minutes after seven."""
    late: float
    last: Decision


def without_prometheus_from_half_past_seven(follow_seconds: float) -> Morning:
    settings = replace(SETTINGS, history_seconds=4 * DAY, limits=Limits(follow_seconds=follow_seconds))
    at = Cluster({"quantile": "0.99"}, minutes=150, demand=office, start=NINE - 7200, settings=settings)
    floors = {}
    for minute in range(150):
        at.at.prometheus.down = minute >= 30
        last = at.live(1)
        floors[minute] = last.floor
    return Morning(floors, at.outcome().late_ratio, last)


def test_prometheus_is_away_from_half_past_seven_and_the_floor_of_nine_is_there_at_five_to(reached: Reached) -> None:
    """A simulated cluster under a real KPA, whose replicas take three to five minutes. Without the plan the floor has
    decayed to nothing by then, and the KPA begins when the requests are there."""
    followed, before = (without_prometheus_from_half_past_seven(seconds) for seconds in (21_600.0, 0.0))
    needed = math.ceil(60 / 7)
    assert followed.floors[115] >= needed
    assert before.floors[115] < needed
    assert followed.last.reason is Reason.FOLLOWS_PLAN
    assert "07:29 UTC" in followed.last.message or "07:30 UTC" in followed.last.message
    assert followed.late < before.late / 2
    kept, lost = followed.floors[115], before.floors[115]
    figure = (
        f"floor at 8:55 {kept} of {needed} needed, late {followed.late:.2%}; without the plan {lost}, {before.late:.2%}"
    )
    reached("T16", size="Prometheus gone from 7:30, peak at 9:00", figure=figure)


def in_an_outage(prometheus: FakePrometheus, limits: Limits = FREE) -> Stage:
    """From half past seven on, after half an hour of rounds; a floor of 3."""
    kube = FakeKube()
    add_knative(kube, "chat", mode="apply", quantile="0.99")
    at = staged(kube, prometheus, replace(SETTINGS, limits=limits))
    at.service.refit(LOST - 1800)
    for minute in range(-30, 0):
        at.tick(LOST + 60 * minute)
    prometheus.down = True
    return at


def floors(at: Stage, minutes: range) -> list[Decision]:
    return [at.tick(LOST + 60 * minute)[CHAT] for minute in minutes]


def test_it_stays_along_the_plan_and_decays_when_the_peak_is_over() -> None:
    """The floor of the two hours of the peak is not held into the night: it falls as slowly as in any outage."""
    at = in_an_outage(FakePrometheus({"chat": office}))
    said = [each.floor for each in floors(at, range(300))]
    assert said[:60] == [3] * 60
    assert said[100:200] == [9] * 100
    assert said[-1] == 3
    assert all(a - b <= 1 for a, b in itertools.pairwise(said))


@pytest.mark.parametrize(
    ("limits", "floor"),
    [(Limits(follow_seconds=3600.0), 0), (Limits(cap=5), 5), (FREE, 9)],
    ids=["an hour", "cap", "free"],
)
def test_no_longer_than_its_time_and_never_above_the_cap(limits: Limits, floor: int) -> None:
    at = in_an_outage(FakePrometheus({"chat": office}), limits)
    assert floors(at, range(120))[-1].floor == floor


class OneQueryFails(FakePrometheus):
    """Of two services one is answered."""

    fails = False

    def read(
        self, queries: Mapping[str, str], start: float, end: float, step: float, deadline: float = math.inf
    ) -> Reading:
        reading = super().read(queries, start, end, step, deadline)
        lost = [i for i, key in enumerate(queries) if self.fails and "chat" in key]
        for row in lost:
            reading.panel.values[row] = math.nan
        return replace(reading, problems={**reading.problems, **{list(queries)[row]: "broken" for row in lost}})


def test_one_service_alone_is_lost_and_its_model_forgets_it_while_the_others_go_on() -> None:
    """The fleet's forecast goes on without its data; what was foreseen while there were some still counts."""
    prometheus = OneQueryFails({"chat": office, "other": office})
    at = in_an_outage(prometheus)
    add_knative(at.kube, "other", mode="apply")
    prometheus.down, prometheus.fails = False, True
    assert floors(at, range(120))[-1].floor == 9


def test_while_the_clocks_differ_nobody_knows_which_hour_of_the_plan_it_is() -> None:
    prometheus = FakePrometheus({"chat": office})
    at = in_an_outage(prometheus)
    floors(at, range(30))
    prometheus.skew = 3600.0
    said = floors(at, range(30, 120))
    assert {each.reason for each in said} == {Reason.CLOCK_SKEW}
    assert {each.change for each in said} == {0}


def test_what_was_foreseen_is_forgotten_when_the_data_are_back_and_a_flapping_server_has_none() -> None:
    prometheus = FakePrometheus({"chat": office})
    at = in_an_outage(prometheus)
    for minute in range(30):
        prometheus.down = minute % 2 == 0
        at.tick(LOST + 60 * minute)
        assert not at.service._memory.foreseen
    prometheus.down = True
    floors(at, range(30, 40))
    assert len(at.service._memory.foreseen) == 1
    prometheus.down = False
    floors(at, range(40, 41))
    assert not at.service._memory.foreseen


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Of each forecast of the whole fleet, step by step, how far it was to reach."""
    asked = []
    steps = Learned.steps

    def counted(learned: Learned, seconds: float, step: float) -> Forecast | None:
        asked.append(seconds)
        return steps(learned, seconds, step)

    monkeypatch.setattr(Learned, "steps", counted)
    return asked


def test_those_that_are_lost_one_after_the_other_wait_for_one_another(asked: list[float]) -> None:
    """Of thousands one is lost in each minute; all are put down long before their hold is over."""
    names = [f"s{number:02}" for number in range(10)]
    ends = {name: LOST + 60 * number for number, name in enumerate(names)}

    def until(end: float, now: float) -> float:
        return office(now) if now < end else math.nan

    prometheus = FakePrometheus({name: partial(until, ends[name]) for name in names})
    kube = FakeKube()
    for name in names:
        add_knative(kube, name, mode="apply")
    at = staged(kube, prometheus)
    at.service.refit(LOST - 1800)
    since: dict[str, int] = {}
    for minute in range(-30, 30):
        at.tick(LOST + 60 * minute)
        since |= {key: minute for key, plan in at.service._memory.foreseen.items() if plan and key not in since}
    assert len(since) == 10
    assert max(minute - number for number, (_, minute) in enumerate(sorted(since.items()))) < 20
    assert len(asked) <= 4


def test_of_whom_nothing_is_foreseen_the_fleet_is_not_forecast_in_each_round(asked: list[float]) -> None:
    """Of thousands there is always one that never had data. It is asked about once, and again after a refit."""
    prometheus = FakePrometheus({"chat": office, "ghost": lambda now: math.nan})
    kube = FakeKube()
    for name in ("chat", "ghost"):
        add_knative(kube, name, mode="apply")
    at = staged(kube, prometheus)
    at.service.refit(LOST)
    for minute in range(30):
        at.tick(LOST + 60 * minute)
    assert len(asked) == 1
    at.service.refit(LOST + 1800)
    for minute in range(30, 40):
        at.tick(LOST + 60 * minute)
    assert len(asked) == 2
