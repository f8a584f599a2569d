"""A server that says less of the same minutes than before is doubted (J 11)."""

from __future__ import annotations

import numpy as np
import pytest

from ahpa.adapters.prometheus.recollection import MOST_STEPS, Recollection
from forecasting.panel import Floats, Panel

QUERIES = {"a": "up"}


def hour(at: int, values: Floats | float = 42.0) -> Panel:
    """The sixty minutes up to minute `at`."""
    return Panel.of(60.0 * (at - 60), 60.0, np.broadcast_to(np.asarray(values, dtype=float), (1, 60)), ("a",))


def doubts(*readings: Panel) -> list[bool]:
    """Which of these readings, one after the other, are doubted."""
    recollection = Recollection()
    return [recollection.weighed(QUERIES, reading, frozenset())[1] == {"a"} for reading in readings]


def test_a_server_that_is_wrong_every_second_time_is_doubted_every_second_time() -> None:
    """Two replicas behind one address, one of which lost its disk: 0, 42, 0, 42."""
    readings = [hour(100 + i, (0.0, 42.0)[i % 2]) for i in range(10)]
    assert doubts(*readings) == [False, *[i % 2 == 0 for i in range(1, 10)]]


def test_half_of_the_shards_are_missed_until_nobody_remembers() -> None:
    """Without a warning; after an hour none of the minutes before the loss is left to compare with."""
    found = doubts(hour(0), *(hour(i, 21.0) for i in range(1, 70)))
    assert found[1:50] == [True] * 49
    assert not found[-1]


def test_what_was_lost_and_is_back_is_believed_at_once() -> None:
    assert doubts(hour(0), hour(1, 0.0), hour(2)) == [False, True, False]
    assert doubts(hour(0, 21.0), hour(1)) == [False, False]


def test_the_newest_minutes_may_still_change() -> None:
    """Late samples; the third newest minute too."""
    late = np.full(60, 42.0)
    late[-3:] = 10.0
    before = np.full(60, 42.0)
    before[-2:] = 60.0
    shifted = np.append(np.full(59, 42.0), 1.0)
    assert doubts(hour(0, before), hour(1, shifted), hour(2, late)) == [False, False, False]


def test_a_demand_that_falls_is_no_contradiction() -> None:
    course = np.concatenate([np.full(60, 42.0), np.zeros(60)])
    assert not any(doubts(*(hour(60 + i, course[i : i + 60]) for i in range(60))))


def test_a_reading_without_anything_does_not_make_it_forget() -> None:
    assert doubts(hour(0), hour(1, np.nan), hour(2, 0.0)) == [False, False, True]


def test_another_query_has_another_past() -> None:
    recollection = Recollection()
    assert not recollection.weighed({"a": "up"}, hour(0), frozenset())[1]
    assert not recollection.weighed({"a": "down"}, hour(1, 0.0), frozenset())[1]


@pytest.mark.parametrize("step", [30.0, 60.0])
def test_a_history_is_held_against_the_last_hour_and_not_kept(step: float) -> None:
    recollection = Recollection()
    recollection.weighed(QUERIES, hour(0), frozenset())[1]
    long = Panel.of(-step * MOST_STEPS * 2, step, np.zeros((1, MOST_STEPS * 2)), ("a",))
    assert (recollection.weighed(QUERIES, long, frozenset())[1] == {"a"}) == (step == 60.0)
    assert recollection.weighed(QUERIES, hour(1, 0.0), frozenset())[1] == {"a"}


@pytest.mark.parametrize("step", [1.0, 5.0, 15.0, 60.0, 300.0])
def test_an_hour_is_recognised_by_whatever_its_step(step: float) -> None:
    """At 15 s an hour has 240 steps, and nothing was remembered of it: half of the shards were lost without a doubt."""

    def read(at: int, value: float) -> Panel:
        return Panel.of(at * step - 3600, step, np.full((1, round(3600 / step)), value), ("a",))

    assert doubts(read(0, 42.0), read(1, 21.0), read(2, 42.0)) == [False, True, False]


def test_of_very_many_steps_the_newest_are_remembered() -> None:
    recollection, values = Recollection(), np.full(MOST_STEPS * 2, 42.0)
    recollection.weighed(QUERIES, Panel.of(0.0, 0.5, values, ("a",)), frozenset())
    older, newer = values.copy(), values.copy()
    older[:MOST_STEPS], newer[MOST_STEPS:] = 0.0, 0.0
    assert not recollection.weighed(QUERIES, Panel.of(0.0, 0.5, older, ("a",)), frozenset())[1]
    assert recollection.weighed(QUERIES, Panel.of(0.0, 0.5, newer, ("a",)), frozenset())[1] == {"a"}


@pytest.mark.parametrize("warned", [True, False])
def test_what_is_doubted_may_say_more_and_never_less(warned: bool) -> None:
    """A forecaster that was shown a doubted zero would lower on it in the next round, when nothing is doubted."""
    recollection = Recollection()
    recollection.weighed(QUERIES, hour(0), frozenset())
    now = np.zeros(60)
    now[0], now[5], now[-1], now[-2] = 50.0, np.nan, 60.0, np.nan
    panel, doubted = recollection.weighed(QUERIES, hour(2, now), frozenset(QUERIES if warned else ()))
    assert doubted == {"a"}
    (row,) = panel.values
    assert (row[0], row[-1], row[1], row[-3]) == (50.0, 60.0, 42.0, 42.0)
    assert np.flatnonzero(np.isnan(row)).tolist() == [5, 58]


def quarter(at: int, value: float = 42.0, key: str = "a") -> Panel:
    """The fifteen minutes up to minute `at`."""
    return Panel.of(60.0 * (at - 15), 60.0, np.full((1, 15), value), (key,))


def test_readings_of_a_quarter_of_an_hour_are_remembered_as_an_hour() -> None:
    """So a server that lost half of its shards is doubted as long as if the hour had been read each time."""
    found = doubts(hour(0), *(quarter(i) for i in range(1, 60)), *(hour(60 + i, 21.0) for i in range(70)))
    assert not any(found[:60])
    assert found[60:110] == [True] * 50
    assert not found[-1]


def test_a_server_is_recognised_by_a_quarter_of_an_hour_too() -> None:
    assert doubts(hour(0), quarter(1, 21.0), quarter(2), quarter(3, 0.0)) == [False, True, False, True]


def test_whom_a_reading_does_not_ask_about_is_remembered_for_two_hours() -> None:
    queries = {"a": "up", "b": "up"}
    for minutes, doubted in ((50, True), (130, False)):
        recollection = Recollection()
        recollection.weighed(queries, Panel.of(-3600.0, 60.0, np.full((1, 60), 42.0), ("a",)), frozenset())
        for at in range(1, minutes):
            recollection.weighed(queries, quarter(at, key="b"), frozenset())
        held = recollection.weighed(queries, hour(minutes, 0.0), frozenset())[1]
        assert (held == {"a"}) == doubted


@pytest.mark.parametrize("warned", [frozenset[str](), frozenset({"a"})])
@pytest.mark.parametrize("minutes", [1, 4, 30, 70])
def test_a_reading_that_ends_before_what_is_known_is_weighed_by_what_both_tell_of(
    minutes: int, warned: frozenset[str]
) -> None:
    """A clock that was set back; or a refit's answer that came late, when a round had read on."""
    recollection = Recollection()
    recollection.weighed(QUERIES, hour(100), frozenset())
    back = hour(100 - minutes, 30.0)
    found, doubted = recollection.weighed(QUERIES, back.between(back.end - 900, back.end), warned)
    less = minutes < 60 - 3  # else nothing of it is known that is settled
    assert (doubted == {"a"}) == (less or bool(warned))
    if less:
        np.testing.assert_array_equal(found.values, np.full((1, 15), 42.0))


def test_many_are_weighed_together_as_each_by_itself() -> None:
    """Whoever was met at another minute, was away for a while, is asked for in another way or with another step has a
    group of its own there."""
    rng = np.random.default_rng(0)
    keys = tuple(f"s{i}" for i in range(40))
    queries = dict.fromkeys(keys, "up")
    together, alone = Recollection(), {key: Recollection() for key in keys}
    doubted = set[str]()
    for at in range(100, 160, 3):
        width, step = int(rng.choice([2, 5, 10, 60])), float(rng.choice([60.0, 60.0, 60.0, 30.0]))
        values = 40.0 * rng.choice([0.0, 1.0, 1.0, 1.0, np.nan], (len(keys), 1)) * np.ones((1, width))
        here = np.flatnonzero(rng.random(len(keys)) < 0.8)
        queries[keys[here[0]]] = f"up{at}"
        panel = Panel.of(60.0 * at - step * width, step, values[here], [keys[i] for i in here])
        warned = frozenset(rng.choice(panel.keys, 3).tolist())
        found, unsure = together.weighed(queries, panel, warned)
        doubted |= unsure - warned
        for row, key in enumerate(panel.keys):
            own, of_it = alone[key].weighed(queries, panel.select([key]), warned & {key})
            np.testing.assert_array_equal(found.values[row], own.values[0])
            assert of_it == unsure & {key}
    assert doubted
