"""Planned events: when they take place, and what they make of a demand."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ahpa.core.known.events import Event
from ahpa.core.known.knowledge import Known, usual
from ahpa.core.known.model import TellingModel
from ahpa.core.known.reading import events_in, windows_in
from forecasting.panel import Panel
from forecasting.rolling import ticked
from tests.fakes.models import SameAsYesterday

BERLIN = ZoneInfo("Europe/Berlin")
SALE = "2026-11-27T08:00..2026-11-27T23:00 x3"


def at(text: str) -> float:
    """Unix seconds of a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def known(events: str, zone: str = "Europe/Berlin") -> Known:
    return Known(events=events_in(events) if events else (), time_zone=zone)


@pytest.mark.parametrize(
    ("text", "begins", "ends"),
    [
        (SALE, "2026-11-27T07:00", "2026-11-27T22:00"),
        (SALE + " zone=America/New_York", "2026-11-27T13:00", "2026-11-28T04:00"),
        ("12-24T00:00..12-26T00:00 yearly min=10", "2030-12-23T23:00", "2030-12-25T23:00"),
        ("12-30T18:00..01-02T06:00 yearly x2", "2026-12-30T17:00", "2027-01-02T05:00"),
        ("02-29T00:00..03-02T00:00 yearly x2", "2028-02-28T23:00", "2028-03-01T23:00"),
        ("02-29T00:00..03-02T00:00 yearly x2", "2027-02-28T23:00", "2027-03-01T23:00"),
        ("02-29T08:00..02-29T20:00 yearly min=1", "2027-03-01T07:00", "2027-03-01T19:00"),
        ("2026-03-29T02:30..2026-03-29T05:00 x2", "2026-03-29T01:00", "2026-03-29T03:00"),
        ("2026-10-25T02:15..2026-10-25T02:45 x2", "2026-10-25T00:15", "2026-10-25T01:45"),
    ],
    ids=[
        "a sale", "its own zone", "Christmas of any year", "over the year's end", "a leap day", "the year after one",
        "within a leap day, the year before one",
        "begins in the hour that is left out", "lies in the hour that comes twice",
    ],
)  # fmt: skip
def test_an_event_takes_place_by_the_clock(text: str, begins: str, ends: str) -> None:
    told = known(text)
    moments = [at(begins) - 1, at(begins), at(ends) - 1, at(ends)]
    held = [(told.least(moment, moment + 1) or told.lift(moment, moment + 1)).words != "" for moment in moments]
    assert held == [False, True, True, False]


def test_the_largest_factor_of_a_span_counts_and_nothing_else_does() -> None:
    """Half of the demand only where all of the span has it."""
    told = known("2026-11-27T08:00..2026-11-27T12:00 x0.5; 2026-11-27T10:00..2026-11-27T11:00 x3", "UTC")
    lifts = {
        ("07:00", "08:00"): 1.0,
        ("07:59", "08:01"): 1.0,
        ("08:00", "10:00"): 0.5,
        ("09:00", "10:01"): 3.0,
        ("10:30", "10:40"): 3.0,
        ("11:00", "12:00"): 0.5,
        ("11:00", "12:01"): 1.0,
    }
    said = {span: told.lift(*(at(f"2026-11-27T{hour}") for hour in span)).value for span in lifts}
    assert said == lifts


def test_what_is_said_names_the_event_and_its_end() -> None:
    told = known(SALE).lift(at("2026-11-27T09:00"), at("2026-11-27T09:05"))
    assert (told.value, told.words) == (3.0, "a planned event until 27 Nov 2026 23:00 Europe/Berlin")


def test_the_most_that_a_window_or_an_event_wants_counts() -> None:
    told = Known(windows_in("* 9 * * * min=4; * 9-10 * * * min=7 max=9"), events_in(f"{SALE} min=6"), "Europe/Berlin")
    wanted = {"08:30": 7, "09:30": 7, "10:30": 6, "06:30": 0}
    found = {hour: told.least(at(f"2026-11-27T{hour}"), at(f"2026-11-27T{hour}") + 60) for hour in wanted}
    assert {hour: 0 if said is None else said.replicas for hour, said in found.items()} == wanted
    most = told.most(at("2026-11-27T08:30"))
    assert most is not None
    assert (most.replicas, most.words) == (9, "its window * 9-10 * * * Europe/Berlin")


@pytest.mark.parametrize("now", [float("nan"), float("inf"), -1e300, 1e18, -5.0])
def test_a_clock_that_is_broken_makes_nothing_known(now: float) -> None:
    told = Known(windows_in("* * * * * min=5 max=6"), events_in("01-01T00:00..12-31T23:59 yearly x2 min=3"))
    assert [told.least(now, now + 300), told.most(now), told.factors(now, 60.0, 5)] == [None, None, None]
    assert told.lift(now, now + 300).value == 1


MOMENTS = st.integers(0, 40 * 525_960).map(lambda minutes: datetime(1995, 1, 1) + timedelta(minutes=minutes))


@given(
    st.lists(st.tuples(MOMENTS, st.integers(1, 3000), st.sampled_from((0.5, 2.0, 3.0))), min_size=1, max_size=3),
    st.integers(-2000, 4000),
    st.integers(1, 300),
    st.sampled_from(("UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/New_York")),
)
def test_the_factors_of_steps_and_of_a_span_agree(
    said: list[tuple[datetime, int, float]], offset: int, count: int, zone: str
) -> None:
    """A plan asks for a span, a history for its steps: both see the same event, and what is divided is lifted again."""
    begin = said[0][0].replace(tzinfo=UTC).timestamp() + 60.0 * offset
    told = Known(events=tuple(Event(s, s + timedelta(minutes=m), factor=f) for s, m, f in said), time_zone=zone)
    factors = told.factors(begin, 60.0, count)
    steps = np.ones(count) if factors is None else factors
    assert [told.lift(begin + 60.0 * i, begin + 60.0 * (i + 1)).value for i in range(count)] == steps.tolist()
    assert told.lift(begin, begin + 60.0 * count).value == steps.max()


def test_a_history_without_its_events_is_as_usual_and_the_same_object_where_there_were_none() -> None:
    """What the sale brought is no habit: the week after it is expected as ever. NaN stays NaN."""
    start = at("2026-11-27T06:00")
    values = np.full((2, 240), 10.0)
    values[0, 60:] = 30.0
    values[0, 100] = np.nan
    panel = Panel.of(start, 60.0, values, ("sale", "other"))
    flat = usual(panel, {"sale": known(SALE)})
    np.testing.assert_array_equal(flat.values[0], np.where(np.isnan(values[0]), np.nan, 10.0))
    np.testing.assert_array_equal(flat.values[1], values[1])
    assert not flat.values.flags.writeable
    assert usual(panel, {"sale": known("2027-11-27T08:00..2027-11-27T23:00 x3")}) is panel
    assert usual(panel, {"sale": known("2026-11-27T08:00..2026-11-27T23:00 min=3")}) is panel


def test_a_model_that_is_told_lifts_what_it_says_and_unlearns_what_was_lifted() -> None:
    """Yesterday's sale is not expected again; today's is, though nobody has seen it."""
    start = at("2026-11-26T00:00")
    values = np.full(2 * 1440, 10.0)
    values[600:660] = 40.0
    panel = Panel.of(start, 60.0, values)
    told = TellingModel(
        SameAsYesterday(), known("2026-11-26T10:00..2026-11-26T11:00 x4; 2026-11-27T12:00..2026-11-27T13:00 x2", "UTC")
    )
    fitted = told.fit(panel.until(at("2026-11-27T10:00")))
    assert fitted.forecast(1, (600.0,), (0.5,)).peaks.tolist() == [[[10.0]]]
    later = fitted.observe(panel.until(at("2026-11-27T11:55")))
    said = later.forecast(10, (240.0, 600.0), (0.5,))
    assert said.peaks[0, :, 0].tolist() == [10.0, 20.0]
    (_, there) = ticked(fitted, panel.between(fitted.origin, at("2026-11-27T11:55")), 115)
    np.testing.assert_array_equal(there.forecast(10, (600.0,), (0.5,)).peaks, said.peaks[:, 1:])
    assert later.realised().keys == panel.keys
    assert told.name == "yesterday"


@pytest.mark.parametrize(
    ("learned", "said", "now", "lift", "least"),
    [
        ("", SALE, "2026-11-27T06:00", 3.0, None),  # written before it begins: it counts
        ("", SALE, "2026-11-27T10:00", 1.0, None),  # written while it runs: its demand is there already
        ("", SALE + " min=9", "2026-11-27T10:00", 1.0, 9),  # but its minimum is nobody's demand
        (SALE, "", "2026-11-27T10:00", 3.0, None),  # taken away: the model still divides by it
        (SALE + " min=9", "", "2026-11-27T10:00", 3.0, None),
        (SALE, SALE, "2026-11-27T10:00", 3.0, None),
        (SALE, SALE + " zone=Europe/Berlin", "2026-11-27T10:00", 3.0, None),  # the same in other words
        (SALE, SALE.replace("x3", "x5"), "2026-11-27T10:00", 3.0, None),  # corrected while it runs
    ],
)
def test_until_the_model_has_learned_with_an_event_only_its_own_factors_count(
    learned: str, said: str, now: str, lift: float, least: int | None
) -> None:
    when = at(now)
    found = known(said).until_learned(known(learned), when)
    then = max(when, at("2026-11-27T09:00"))
    assert found.lift(then, then + 60).value == lift
    wanted = found.least(then, then + 60)
    assert (wanted.replicas if wanted else None) == least


@given(st.sampled_from(["", SALE, SALE + " min=4", "12-24T00:00..12-26T00:00 yearly x0.5 min=2"]))
def test_what_was_learned_with_counts_as_it_is(events: str) -> None:
    """Before, in the middle and after."""
    each = known(events)
    for day in range(20, 33):
        now = at("2026-11-01T12:00") + day * 86400
        assert each.until_learned(each, now).lift(now, now + 600) == each.lift(now, now + 600)
        assert each.until_learned(each, now).least(now, now + 600) == each.least(now, now + 600)


def test_a_history_with_events_is_laid_where_there_is_room() -> None:
    """What learns from it goes on there: as float32, with columns to spare."""
    panel = Panel.of(at("2026-11-27T06:00"), 60.0, np.full((1, 240), 30.0), ("sale",))
    flat = usual(panel, {"sale": known(SALE)}, lambda shape: np.zeros(shape, np.float32))
    assert flat.storage is not None
    assert np.shares_memory(flat.values, flat.storage.columns)
    assert flat.values.dtype == np.float32
    np.testing.assert_array_equal(flat.values, usual(panel, {"sale": known(SALE)}).values)


@pytest.mark.parametrize(
    ("least", "most", "said"),
    [
        (None, None, (0.0, math.inf)),
        (3, None, (3.0, math.inf)),
        (None, 7, (0.0, 7.0)),
        (3, 7, (3.0, 7.0)),
        (9, 7, (9.0, 9.0)),  # a maximum gives way to every minimum
    ],
)
def test_the_bounds_that_count(least: int | None, most: int | None, said: tuple[float, float]) -> None:
    """The least of what comes soon, the most of now."""
    told = [
        *([] if least is None else [f"0 9 * * * .. 0 12 * * * min={least}"]),
        *([] if most is None else [f"0 8 * * * .. 0 9 * * * max={most}"]),
    ]
    windows = Known(windows=windows_in("; ".join(told)) if told else ())
    now = at("2026-11-27T08:30")
    assert windows.bounds(now, at("2026-11-27T09:30")) == said
    assert windows.bounds(now, at("2026-11-27T08:40")) == (0.0, math.inf if most is None else most)


def test_of_two_maxima_the_lower_counts_and_is_named() -> None:
    """Also where the words would be in the other order."""
    windows = windows_in(
        "; ".join(f"0 8 * * * .. 0 {end} * * * max={most}" for end, most in ((9, 20), (10, 3), (11, 5)))
    )
    said = Known(windows=windows).most(at("2026-11-27T08:30"))
    assert said is not None
    assert (said.replicas, said.words) == (3, f"its window {windows[1].text} UTC")
    assert Known(windows=windows[:1]).most(at("2026-11-27T07:59:59")) is None
