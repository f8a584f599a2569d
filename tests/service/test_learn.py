"""What a refit learns, when one is wished for, and what an outage leaves of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from ahpa.core.decision import Reason
from ahpa.ports import Reading
from ahpa.service.learn import Learned
from ahpa.service.settings import FURTHEST_SECONDS
from forecasting.panel import Array
from forecasting.windows import windows_up_to
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.fakes.models import Moody, SameAsYesterday
from tests.service.stage import NOW, ROOT, SETTINGS, Stage, add_knative, morning, stage, staged


@pytest.mark.parametrize(("refit_seconds", "wish"), [(0.1, 2), (14.0, 4), (25.0, 6), (400.0, 6)])
def test_a_new_target_asks_for_a_refit_and_then_none_for_ten_times_as_long_as_it_took(
    refit_seconds: float, wish: int
) -> None:
    """But never sooner than the next round, nor later than after five minutes."""
    kube, prometheus = FakeKube(), FakePrometheus({"chat": morning, "other": morning, "third": morning})
    add_knative(kube, "chat", mode="apply")
    at = staged(kube, prometheus, stopwatch=itertools.count(0.0, refit_seconds).__next__)
    at.service.refit(NOW)
    at.tick(NOW + 30)
    assert not at.service.take_wish("refit")
    add_knative(kube, "other", mode="apply")
    at.tick(NOW + 60)
    assert at.service.take_wish("refit")
    at.service.refit(NOW + 61)
    add_knative(kube, "third", mode="apply")
    assert wished(at, range(2, 9))[:1] == [wish]


def test_what_was_learned_is_taken_at_once() -> None:
    """Until a round takes it, two fleets' fortnights are held; and who waited for it would wait on."""
    at = stage()
    at.tick(NOW + 60)
    assert not at.service.take_wish("tick")
    at.service.refit(NOW + 90)
    assert [at.service.take_wish("tick") for _ in range(2)] == [True, False]
    at.prometheus.down = True
    at.service.refit(NOW + 120)
    assert not at.service.take_wish("tick")
    at.prometheus.down = False
    at.service.refit(NOW + 150)
    at.tick(NOW + 180)
    assert not at.service.take_wish("tick")


def test_a_refit_in_an_outage_keeps_what_was_learned() -> None:
    """At 08:55 the history cannot be read; the rise of 09:05 was learned before and is still to come."""
    at = stage()
    at.prometheus.down = True
    at.service.refit(NOW + 30)
    decision = at.tick(NOW + 60)["knative/shop/chat"]
    assert decision.plan is not None
    assert decision.floor >= 4


def test_a_query_that_never_answers_does_not_make_the_fleet_learn_anew_again_and_again() -> None:
    at = stage()
    add_knative(at.kube, "mute", mode="apply")
    at.tick(NOW + 400)
    assert not at.service.take_wish("refit")
    at.prometheus.demands["mute"] = morning
    at.tick(NOW + 460)
    assert at.service.take_wish("refit")


class NoHistory(FakePrometheus):
    """Answers for an hour of everybody, and has no time for two days of `lost`."""

    lost = "other"

    def read(
        self, queries: Mapping[str, str], start: float, end: float, step: float, deadline: float = math.inf
    ) -> Reading:
        reading = super().read(queries, start, end, step, deadline)
        late = {key: "timed out" for key, query in queries.items() if end - start > 7200 and self.lost in query}
        return replace(reading, problems={**reading.problems, **late})


def wished(at: Stage, minutes: range) -> list[int]:
    """The minutes in which a refit was wished for; each wish is granted."""
    out = []
    for minute in minutes:
        at.tick(NOW + 60 * minute)
        if at.service.take_wish("refit"):
            out.append(minute)
            at.service.refit(NOW + 60 * minute + 1)
    return out


def test_a_history_that_cannot_be_read_makes_the_fleet_learn_anew_less_and_less_often() -> None:
    """Its hour can be read, so that nothing excused it: everybody was learned anew every five minutes for ever."""
    kube, prometheus = FakeKube(), NoHistory({"chat": morning, "other": morning, "third": morning})
    for name in ("chat", "other"):
        add_knative(kube, name, mode="apply")
    at = staged(kube, prometheus)
    at.service.refit(NOW)
    assert wished(at, range(1, 240)) == [5, 16, 37, 78, 159], "pauses of 5, 10, 20, 40, 80 minutes"
    add_knative(kube, "third", mode="apply")
    assert wished(at, range(240, 243)) == [240], "who is new is not kept waiting by it"
    prometheus.lost = "nobody"
    at.service.refit(NOW + 243 * 60)
    assert at.tick(NOW + 244 * 60)["knative/shop/other"].plan is not None


def test_an_outage_does_not_lengthen_the_pause() -> None:
    """A restart into an outage of an hour with many a refit in it: what comes back is learned within minutes."""
    kube = FakeKube()
    add_knative(kube, "chat", mode="apply")
    at = staged(kube, FakePrometheus({"chat": morning}))
    at.prometheus.down = True
    for minute in range(60):
        if minute % 10 == 0:
            at.service.refit(NOW + 60 * minute)
        at.tick(NOW + 60 * minute)
    at.prometheus.down = False
    assert wished(at, range(60, 70)) == [60]


@pytest.mark.parametrize(("seconds", "step"), [(30, 60), (60, 60), (361, 60), (3600, 60), (4000, 300)])
def test_windows_reach_as_far_as_they_must_and_no_window_is_left_out_by_much(seconds: float, step: float) -> None:
    windows = windows_up_to(seconds, step)
    assert windows[0] == step
    assert windows[-1] >= seconds
    assert all(a < b <= max(1.25 * a + step, a + step) for a, b in itertools.pairwise(windows))


def test_a_refit_is_taken_whole_by_the_next_tick() -> None:
    """A refit that ends while a tick runs changes nothing in that tick."""
    at = stage()
    at.tick()
    add_knative(at.kube, "other", mode="apply")
    at.prometheus.meanwhile = lambda: at.service.refit(NOW + 60)
    assert at.tick(NOW + 60)["knative/shop/other"].reason is Reason.NO_FORECAST
    assert at.tick(NOW + 120)["knative/shop/other"].plan is not None


def test_a_refit_knows_whom_it_learned_of_and_until_when() -> None:
    at = stage("chat", "other")
    listing = at.observer.list()
    done = at.learner.refit(listing, Learned(), None, NOW)
    assert done.learned is not None
    assert done.learned.forecaster is not None
    assert done.learned.known == set(done.learned.forecaster.realised().keys) == set(listing.queries)
    assert sorted(listing.keys[series] for series in done.learned.known) == ["knative/shop/chat", "knative/shop/other"]
    assert done.learned.forecaster.origin == NOW


@pytest.mark.parametrize("why", ["none", "one cannot be read", "one has an event"])
def test_a_copy_of_the_history_is_laid_where_others_can_see_it(why: str) -> None:
    """Else whoever learns would be sent a second one: 0.8 GB for ten thousand services, as one of them has no data."""
    shapes: list[tuple[int, ...]] = []

    def room(shape: tuple[int, ...]) -> Array:
        shapes.append(shape)
        return np.empty(shape, np.float32)

    at = stage("chat", "other")
    if why == "one cannot be read":
        add_knative(at.kube, "mute", mode="apply")
    if why == "one has an event":
        add_knative(at.kube, "other", mode="apply", events="2023-11-14T02:00..2023-11-14T03:00 x3")
    done = replace(at.learner, room=room).refit(at.observer.list(), Learned(), None, NOW)
    assert done.learned is not None
    assert len(done.learned.known) == 2
    assert [shape[0] for shape in shapes] == ([] if why == "none" else [2])


@pytest.mark.parametrize("age", [0, 600, 3600])
def test_windows_reach_to_the_end_of_the_longest_lead_however_old_the_forecast_is(age: int) -> None:
    """A rise that lies beyond the last window of an old forecast would not be seen."""
    at = stage()
    at.kube.edit(f"{ROOT}/services/chat", {"metadata": {"annotations": {"ahpa.dev/lead": "20m"}}})
    at.tick()
    (shown,) = at.service.shown.rounds
    learned = at.learner.refit(at.observer.list(), Learned(), None, NOW).learned
    assert learned is not None
    (series,) = learned.known
    key = shown.workload.key
    outlook = learned.outlooks([shown.workload], {key: series}, SETTINGS, NOW + age)[key]
    assert outlook.windows[-1] >= age + 20 * 60 + SETTINGS.tick_seconds


def test_nobodys_lead_makes_everybodys_forecast_endless() -> None:
    at = stage()
    add_knative(at.kube, "far", mode="apply", lead="99999h")
    at.tick()
    (outlook,) = [each.outlook for each in at.service.shown.rounds if each.outlook is not None]
    assert outlook.windows[-1] <= 1.3 * FURTHEST_SECONDS


def test_ticks_that_pass_while_a_refit_reads_are_known_to_what_it_learned() -> None:
    at = stage()
    at.tick()
    at.prometheus.meanwhile = lambda: [at.tick(NOW + 60 * minute) for minute in (1, 2, 3)]
    at.service.refit(NOW + 30)
    at.tick(NOW + 240)
    (shown,) = at.service.shown.rounds
    assert shown.outlook is not None
    assert shown.outlook.origin == NOW + 240


def test_of_two_refits_the_later_one_counts_and_none_is_wished_for_while_one_runs() -> None:
    at = stage()
    at.tick()
    add_knative(at.kube, "other", mode="apply")
    at.prometheus.meanwhile = lambda: at.tick(NOW + 60)
    at.service.refit(NOW + 30)
    assert not at.service.take_wish("refit")
    del at.kube.objects[f"{ROOT}/services/other"]
    at.service.refit(NOW + 90)
    add_knative(at.kube, "other", mode="apply")
    assert at.tick(NOW + 120)["knative/shop/other"].plan is None, "the later one did not know it"


def test_a_model_that_raises_in_a_refit_is_one_line_for_each_refit(caplog: pytest.LogCaptureFixture) -> None:
    """Only the sentences of its own targets said so."""
    kube, prometheus = FakeKube(), FakePrometheus({"chat": morning, "other": morning})
    for i in range(9):
        add_knative(kube, f"other-{i}", mode="apply", model="moody")
    add_knative(kube, "chat", mode="apply")
    at = staged(kube, prometheus, models={"fleet": SameAsYesterday(), "moody": Moody({"fit"})})
    with caplog.at_level("INFO", logger="ahpa"):
        for hour in range(2):
            at.service.refit(NOW + 3600 * hour)
    (first, second) = [vars(record)["fields"] for record in caplog.records if "failed" in record.getMessage()]
    assert first == second == {
        "model": "moody", "of": 10, "targets": 9, "first": [f"knative/shop/other-{i}" for i in range(3)],
        "problem": "moody failed: MemoryError: 7 GiB",
    }  # fmt: skip


@pytest.mark.parametrize("raising", ["observe", "forecast", "realised"])
def test_a_model_that_raises_in_a_tick_holds_its_own_and_the_others_are_served(raising: str) -> None:
    kube, prometheus = FakeKube(), FakePrometheus({"chat": morning, "other": morning})
    add_knative(kube, "other", mode="apply", model="moody")
    add_knative(kube, "chat", mode="apply")
    raises: set[str] = set()
    at = staged(kube, prometheus, models={"fleet": SameAsYesterday(), "moody": Moody(raises)})
    at.service.refit(NOW)
    for minute in range(4):
        at.tick(NOW + 60 * minute)
    raises.add(raising)
    for minute in range(4, 40):
        decisions = at.tick(NOW + 60 * minute)
    assert decisions["knative/shop/chat"].floor == 6
    assert decisions["knative/shop/chat"].plan is not None
    assert decisions["knative/shop/other"].floor == 6, "what it had before"
    raises.clear()
    assert at.tick(NOW + 2400)["knative/shop/other"].plan is not None
