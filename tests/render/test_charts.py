"""Pictures are small, keep the extremes, and say their colours by role."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ahpa.render import charts, drawing
from ahpa.render.palette import DARK, LIGHT
from ahpa.simulation.outcome import Run
from tests.render.examples import MIDNIGHT, run

values = arrays(float, st.integers(1, 400), elements=st.floats(0, 1e6) | st.just(np.nan))


@settings(deadline=None)
@given(values, st.integers(1, 60))
def test_decimation_keeps_the_extremes_and_the_order(y: np.ndarray, buckets: int) -> None:
    x, kept = drawing.decimate(np.arange(len(y), dtype=float), y, buckets)
    assert len(kept) <= max(2 * buckets, 1)
    assert (np.diff(x) >= 0).all()
    assert np.array_equal(y[x.astype(int)], kept, equal_nan=True)
    if np.isfinite(y).any():
        assert np.nanmax(kept) == np.nanmax(y)
        assert np.nanmin(kept) == np.nanmin(y)


@settings(deadline=None)
@given(values, st.integers(1, 60), st.booleans())
def test_extremes_are_those_of_all_values(y: np.ndarray, buckets: int, largest: bool) -> None:
    _, kept = drawing.extremes(np.arange(len(y), dtype=float), y, largest, buckets)
    assert len(kept) <= buckets
    if np.isfinite(y).any():
        pick = np.nanmax if largest else np.nanmin
        assert pick(kept) == pick(y)
    else:
        assert np.isnan(kept).all()


@settings(deadline=None)
@given(st.floats(1e9, 2e9), st.floats(60, 3e8))
def test_time_axes_have_few_marks_inside(start: float, span: float) -> None:
    marks, words = drawing.ticks(start, start + span)
    assert len(marks) == len(words) <= 7
    assert all(start - 1 <= mark <= start + span + 1 for mark in marks)


def test_midnight_shows_its_date_and_noon_the_time() -> None:
    marks, words = drawing.ticks(MIDNIGHT, MIDNIGHT + 86_400)
    assert dict(zip(marks, words, strict=True))[MIDNIGHT] == "2 Mar"
    assert "12:00" in words


@pytest.mark.parametrize("minutes", [1, 2, 1440, 3 * 1440, 28 * 1440])
def test_a_picture_is_well_formed_and_small_however_long_the_run(minutes: int) -> None:
    picture = charts.course(run("ahpa", minutes), 2.8, run("ahpa", minutes).demand)
    ElementTree.fromstring(picture)
    assert len(picture) < 60_000
    assert "<text" in picture, "text stays text"


def test_colours_are_roles_that_every_theme_has() -> None:
    picture = charts.course(run("kpa"), 2.8) + charts.tradeoff({"ahpa": [(1, 0.1)]}, {"oracle": (1, 0.01)})
    named = set(re.findall(r"var\(--([\w-]+)\)", picture))
    assert {"demand", "late", "kpa", "ahpa", "oracle"} <= named <= set(LIGHT) == set(DARK)
    assert not re.findall(r"#(?:[0-9a-f]{6})\b(?!\w)", re.sub(r'(href="|url\()#\w+', "", picture))


def test_no_id_is_used_twice_on_a_page_of_different_pictures() -> None:
    page = charts.course(run("ahpa"), 2.8) + charts.course(run("kpa"), 2.8)
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="|url\()#([\w.-]+)', page)) <= set(ids)


def test_the_same_run_gives_the_same_picture() -> None:
    assert charts.course(run("ahpa"), 2.8) == charts.course(run("ahpa"), 2.8)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.sampled_from(["demand", "ready", "floor", "peak", "late"]), unique=True), st.data())
def test_gaps_of_nan_are_drawn_as_gaps(columns: list[str], data: st.DataObject) -> None:
    course = run("ahpa", 90)
    for column in columns:
        holes = data.draw(arrays(bool, 90))
        course = Run(**{**vars(course), column: np.where(holes, np.nan, getattr(course, column))})
    picture = charts.course(course, 2.8)
    ElementTree.fromstring(picture)
    assert "nan" not in picture.lower()


def test_a_service_that_was_never_seen_still_has_a_picture() -> None:
    nothing = np.full(60, np.nan)
    course = replace(run("kpa", 60), demand=nothing, ready=nothing, floor=nothing, late=nothing)
    ElementTree.fromstring(charts.course(course))


def test_ceilings_hold_everything_in_both_pictures() -> None:
    a, b = run("ahpa"), run("kpa")
    demand, late = charts.course_ceilings([a, b], 2.8)
    assert demand >= max(a.demand.max(), 2.8 * a.ready.max())
    assert late >= b.late.max()


def test_shortening_coordinates_leaves_the_words_alone() -> None:
    picture = charts.tradeoff({"ahpa": [(100, 0.1), (123.456, 0.001)]}, {"ahpa": (100, 0.1)})
    assert re.findall(r">([^<]*%)<", picture) == ["≤ 0.001 %", "0.01 %", "0.1 %", "1 %", "10 %", "100 %"]
    assert not re.search(r"<[^>]*\d\.\d{2,}", picture)


def test_a_trade_off_without_points_is_still_a_picture() -> None:
    ElementTree.fromstring(charts.tradeoff({"ahpa": []}, {}))
