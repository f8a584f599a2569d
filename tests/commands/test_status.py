"""`ahpa status` and `ahpa plan`: what the service would decide now, by its own code, shown; nothing is written."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ahpa.commands.plan import planned
from ahpa.commands.status import shown, watched
from ahpa.ports import ClusterError
from ahpa.render.status import doubts, rows_of
from tests.commands.looks import looking_at, shop, typed
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.service.stage import NOW, Stage, add_knative, morning, never, staged

HOUR = 3600.0

STATUS = """\
SERVICE                MODE      FLOOR   BASELINE   READY   NEXT CHANGE          HEALTH
───────────────────────────────────────────────────────────────────────────────────────────────
knative/shop/calm      apply         0          0       1   now to 1             PeakAhead
knative/shop/chat      apply         0          0       1   now to 5             ScaleUpLimited
knative/shop/dark      apply         0          0       1   –                    NoForecast
hpa/shop/typo          observe       1          1       1   –                    InvalidPolicy
knative/shop/watched   observe       0          0       1   now to 5 (observe)   ScaleUpLimited
"""
PLAN = """\
knative/shop/calm: 0 -> 1, because peak 5 requests in flight (p99) within 328 s needs 1 at 7 each (lag assumed; \
knative-concurrency does not say its unit: taken as requests in flight)
knative/shop/chat: 0 -> 5, because peak 42 requests in flight (p99) within 328 s needs 6 at 7 each (lag assumed; \
knative-concurrency does not say its unit: taken as requests in flight); at most 5 this round
knative/shop/watched: would be 0 -> 5 (observe), because peak 42 requests in flight (p99) within 328 s needs 6 at 7 \
each (lag assumed; knative-concurrency does not say its unit: taken as requests in flight); at most 5 this round
2 floors would change; 1 more would if we might write; 2 stay
"""


def holding(stage: Stage, floor: int) -> Stage:
    """As after the service has raised all that act."""
    for target in stage.observer.actuators["knative"].targets():
        if target.annotations["ahpa.dev/mode"] == "apply":
            stage.observer.actuators["knative"].write(target, (floor,))
    stage.kube.writes.clear()
    return stage


def one(floor: int, now: float) -> dict[str, object]:
    """`chat` alone, whose floor is this, at this moment."""
    kube = FakeKube()
    add_knative(kube, "chat", mode="apply")
    stage = holding(staged(kube, FakePrometheus({"chat": morning}), may_write=never), floor)
    (row,) = json.loads(typed(lambda: shown(looking_at(stage, now), "json")).stdout)
    assert isinstance(row, dict)
    return row


def test_status_shows_all_that_are_annotated_at_a_glance() -> None:
    stage = shop()
    done = typed(lambda: shown(looking_at(stage), "table"))
    assert done.stdout == STATUS
    assert "hpa/shop/typo: ahpa.dev/mode: 'aply' is not observe, apply or off" in done.stderr
    assert "knative/shop/dark: hold 0: its demand could not be read: nobody listens" in done.stderr
    assert stage.kube.writes == stage.kube.created == []


@pytest.mark.parametrize(
    ("floor", "hour", "next_at", "next_floor"),
    [(1, 7.0, 9 * HOUR, 6), (6, 10.0, 17 * HOUR, 1)],
    ids=["a raise so long before the rise as a start takes", "a release when the last peak is within no lead"],
)
def test_the_next_change_is_found_hours_before_it_comes(
    floor: int, hour: float, next_at: float, next_floor: int
) -> None:
    """The load rises at 9:05 and falls at 17:00; a start takes four and a half minutes, and a round one."""
    midnight = NOW - 9 * HOUR
    row = one(floor, midnight + hour * HOUR)
    assert (row["floor"], row["wanted"]) == (floor, floor)
    said = row["next"]
    assert isinstance(said, dict)
    assert said["floor"] == next_floor
    assert abs(said["at"] - midnight - next_at) <= 180


def test_a_service_that_has_run_for_a_while_may_lower() -> None:
    """The first round after a start lowers nothing. Were that one shown, no release would ever be."""
    row = one(6, NOW + 9.5 * HOUR)
    assert (row["floor"], row["wanted"], row["writes"]) == (6, 4, True)


def test_watch_goes_on_while_the_api_is_away() -> None:
    """The last table stays, and says since when it is old."""
    stage, naps = shop(), list[float]()

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        down = len(naps) == 2
        stage.kube.fail = lambda method, where: ClusterError(0, "gone") if down and method == "LIST" else None

    done = typed(lambda: watched(looking_at(stage), 5, sleep, rounds=3))
    assert done.exit_code == 0
    assert naps == [5, 5, 5]
    assert "knative/shop/chat" in done.stdout


def test_plan_says_what_would_change_and_why_with_exit_code_1() -> None:
    stage = shop()
    done = typed(lambda: planned(looking_at(stage), "text"))
    assert done.stdout == PLAN
    assert done.exit_code == 1
    assert "look at hpa/shop/typo: ahpa.dev/mode: 'aply' is not" in done.stderr
    assert stage.kube.writes == stage.kube.created == []


def test_plan_ends_with_0_where_nothing_would_be_written() -> None:
    """Six are in force from five past nine; what is only observed is told of, and is no change."""
    kube = FakeKube()
    add_knative(kube, "chat", mode="apply")
    add_knative(kube, "watched", mode="observe")
    stage = holding(staged(kube, FakePrometheus({"chat": morning, "watched": morning}), may_write=never), 6)
    done = typed(lambda: planned(looking_at(stage, NOW + HOUR), "text"))
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1] == "0 floors would change; 1 more would if we might write; 1 stay"


def test_plan_puts_back_whom_nobody_asks_for() -> None:
    stage = holding(shop(), 6)
    where = next(where for where in stage.kube.objects if where.endswith("/services/chat"))
    stage.kube.edit(where, {"metadata": {"annotations": {"ahpa.dev/mode": "off"}}})
    done = typed(lambda: planned(looking_at(stage), "text"))
    assert "knative/shop/chat: 6 -> 0, as its owner had it, because mode is off" in " ".join(done.stdout.split())


def test_plan_is_no_answer_where_no_demand_can_be_read() -> None:
    """Exit code 0 would be taken for "nothing would change"."""
    stage = shop()
    stage.prometheus.down = True
    done = typed(lambda: planned(looking_at(stage), "text"))
    assert done.exit_code == 3
    assert "no demand could be read, so this says little: nobody listens" in done.stderr


def test_the_cap_of_the_command_counts() -> None:
    stage = shop()
    settings = replace(stage.service.settings, limits=replace(stage.service.settings.limits, cap=3))
    capped = staged(stage.kube, stage.prometheus, settings, may_write=never)
    assert "knative/shop/chat: 0 -> 3, because" in typed(lambda: planned(looking_at(capped), "text")).stdout


def test_a_floor_that_is_not_followed_is_told_of_while_one_watches() -> None:
    """The write arrived, and its autoscaler asks for one all the same; that it was just written is no reason yet."""
    stage = holding(shop(), 6)
    at = looking_at(stage)
    at.first()
    later = replace(at, clock=lambda: NOW + 120)
    rows = rows_of(later.again().rounds, {})
    assert [line for line in doubts(rows) if line.startswith("knative/shop/chat: the floor of 6 is in force")]
