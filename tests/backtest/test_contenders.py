"""Claims about the table of contenders: all are played, and named and drawn by it."""

from __future__ import annotations

import numpy as np
import pytest

from ahpa.backtest.contenders import ALTERNATIVES, CONTENDERS, NAMES, OURS, REACTIVE, title
from ahpa.render.palette import DARK, LIGHT, MARKS
from tests.backtest.examples import DAY, wave_result

pytestmark = pytest.mark.xdist_group("wave")  # one of the workers plays it


@pytest.mark.parametrize("name", NAMES)
def test_every_contender_is_played(name: str) -> None:
    found = wave_result().contenders[name]
    assert found.contender == name
    assert found.run is not None
    assert found.run.contender == name
    assert found.outcome == found.run.outcome
    assert len(found.run.timestamp) == DAY
    assert [p.knob for p in found.points] == sorted(p.knob for p in found.points)
    if found.equal is not None:
        assert found.equal.outcome.late_ratio <= 0.001


def test_the_clairvoyant_is_never_beaten_at_equal_lateness() -> None:
    result = wave_result().contenders
    for name in NAMES:
        equal = result[name].equal
        if equal is not None:
            assert equal.outcome.replica_hours >= result["oracle"].outcome.replica_hours - 1e-9, name


def test_names_are_those_that_scripts_and_reports_rely_on() -> None:
    assert NAMES == ("ahpa", "kpa", "hpa", "static", "fixed-max", "seasonal", "oracle")
    assert OURS == "ahpa"
    assert REACTIVE == ("kpa", "hpa")
    assert ALTERNATIVES == ("kpa", "hpa", "static", "fixed-max", "seasonal")


def test_every_contender_has_a_title_a_colour_and_a_mark_of_its_own() -> None:
    assert len({title(name) for name in NAMES}) == len(CONTENDERS)
    assert title("somebody else") == "somebody else"
    assert set(MARKS) == set(NAMES)
    for colours in (LIGHT, DARK):
        assert len({colours[name] for name in NAMES}) == len(NAMES)


def test_the_courses_of_all_are_on_the_same_requests() -> None:
    runs = [found.run for found in wave_result().contenders.values() if found.run is not None]
    assert all(np.array_equal(run.demand, runs[0].demand) for run in runs)
