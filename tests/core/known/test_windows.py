"""A window lasts when its owner's clock says so, also in the nights in which clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import accumulate
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ahpa.core.known.cron import Cron
from ahpa.core.known.reading import windows_in
from ahpa.core.known.windows import Window

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = 60.0
ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe", "Africa/Casablanca",
    "Asia/Kathmandu", "Antarctica/Troll", "Antarctica/Casey", "Pacific/Apia", "Africa/Cairo", "Asia/Tehran",
)  # fmt: skip


def at(text: str) -> float:
    """Unix seconds of a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def lasts(window: Window, moment: str, zone: ZoneInfo = BERLIN) -> bool:
    return window.within(at(moment), at(moment) + 1, zone)


def first(text: str) -> Window:
    (window,) = windows_in(text)
    return window


@pytest.mark.parametrize(
    ("text", "within", "outside"),
    [
        (
            "0 8 * * 1-5 .. 0 20 * * 1-5 min=1",
            ["2026-11-23T07:00", "2026-11-23T18:59", "2026-07-01T06:00"],
            ["2026-11-23T06:59", "2026-11-23T19:00", "2026-11-28T12:00", "2026-07-01T18:00"],
        ),
        (
            "* 0-6 ? * MON-FRI min=1",
            ["2026-11-22T23:00", "2026-11-23T05:59"],
            ["2026-11-23T06:00", "2026-11-22T22:59", "2026-11-28T03:00"],
        ),
        ("0 22 * * * .. 0 6 * * * min=1", ["2026-11-23T21:00", "2026-11-24T04:59"], ["2026-11-24T05:00"]),
        ("0 18 31 12 * .. 0 6 1 1 * min=1", ["2026-12-31T17:00", "2027-01-01T04:59"], ["2027-01-01T05:00"]),
        ("0 18 * * FRI .. 0 6 * * MON min=1", ["2026-11-28T12:00", "2026-11-30T04:59"], ["2026-11-30T05:00"]),
        (
            "0 0 * * * .. 0 12 * * * min=1 from=2026-11-24T06:00 until=2026-11-25T08:00",
            ["2026-11-24T05:00", "2026-11-25T06:59"],
            ["2026-11-24T04:59", "2026-11-25T07:00", "2026-11-26T05:00"],
        ),
        ("0 0 * * 1 .. 0 0 * * * min=1", ["2026-11-23T12:00"], ["2026-11-22T22:59", "2026-11-23T23:00"]),
    ],
    ids=["work days", "AHPA's", "over midnight", "over the year's end", "week-end", "for a while", "a day that begins"],
)
def test_a_window_lasts_by_the_clock_of_its_zone(text: str, within: list[str], outside: list[str]) -> None:
    window = first(text)
    assert [moment for moment in within if not lasts(window, moment)] == []
    assert [moment for moment in outside if lasts(window, moment)] == []


# Berlin: on 2026-03-29 the clock jumps from 02:00 to 03:00 at 01:00 UTC; on 2026-10-25 it goes back from 03:00 to
# 02:00, again at 01:00 UTC.
@pytest.mark.parametrize(
    ("text", "begins", "ends"),
    [
        ("30 2 * * * .. 0 5 * * *", "2026-03-29T01:00", "2026-03-29T03:00"),
        ("0 1 * * * .. 30 2 * * *", "2026-03-29T00:00", "2026-03-29T01:00"),
        ("30 2 * * * .. 0 5 * * *", "2026-10-25T00:30", "2026-10-25T04:00"),
        ("0 1 * * * .. 30 2 * * *", "2026-10-24T23:00", "2026-10-25T01:30"),
        ("15 2 * * * .. 45 2 * * *", "2026-10-25T00:15", "2026-10-25T01:45"),
        ("0 22 * * * .. 0 6 * * *", "2026-10-24T20:00", "2026-10-25T05:00"),
        ("* 2 * * *", "2026-10-25T00:00", "2026-10-25T02:00"),
    ],
    ids=[
        "begins in the gap", "ends in the gap", "begins in the hour that comes twice", "ends in it", "lies in it",
        "over all of it", "each minute of it",
    ],
)  # fmt: skip
def test_no_change_of_the_clock_cuts_a_window_short(text: str, begins: str, ends: str) -> None:
    """What begins at 02:30 does so when the clock first shows that, or jumps over it; what ends then ends when it was
    shown for the last time."""
    window = first(f"{text} min=1")
    moments = {begins: True, ends: False}
    assert {moment: lasts(window, moment) for moment in moments} == moments
    assert not window.within(at(begins) - 3600, at(begins), BERLIN)
    assert window.within(at(ends) - 60, at(ends), BERLIN)


def test_what_lies_in_a_gap_does_not_come_that_day_and_does_not_stay_open_until_the_next() -> None:
    window = first("15 2 * * * .. 45 2 * * * min=1")
    assert not window.within(at("2026-03-29T00:00"), at("2026-03-30T00:00"), BERLIN)
    assert not first("* 2 * * * min=1").within(at("2026-03-29T00:00"), at("2026-03-29T20:00"), BERLIN)


def test_what_is_closed_and_opened_again_within_the_hour_that_comes_twice_stays_open() -> None:
    """Closed at 02:15 and opened at 02:30: by the order of moments the closing, shown last, would have come later."""
    window = first("30 2 * * * .. 15 2 * * * min=1")
    assert all(lasts(window, f"2026-10-25T{hour:02}:{minute:02}") for hour in (0, 1, 12) for minute in (10, 20, 40))


@cache
def clock(zone: str, start: float, minutes: int) -> list[datetime]:
    """What the clock shows, minute by minute."""
    there = ZoneInfo(zone)
    return [datetime.fromtimestamp(start + MINUTE * i, there).replace(tzinfo=None, fold=0) for i in range(minutes)]


def lasting(window: Window, zone: str, start: float, minutes: int) -> list[bool]:
    """Whether it lasts in each minute, by a clock that is looked at minute by minute for three days before."""
    before = 3 * 1440
    shown = clock(zone, start - MINUTE * before, before + minutes + 2 * 1440)
    if window.end is None:
        return [window.start.matches(now) for now in shown[before : before + minutes]]
    reached = list(accumulate(shown, max))
    later = list(accumulate(reversed(shown[1:]), min))[::-1]
    over = [min(now, then - timedelta(minutes=1)) for now, then in zip(shown, later, strict=False)]  # not shown again
    out, opened, closed = [], shown[0] - timedelta(minutes=2), shown[0] - timedelta(minutes=1)
    for i in range(1, before + minutes):
        opened = _newest(window.start, reached[i - 1], reached[i]) or opened
        closed = _newest(window.end, over[i - 1], over[i]) or closed
        out.append(opened >= closed)
    return out[before - 1 :]


def _newest(cron: Cron, after: datetime, until: datetime) -> datetime | None:
    """Of the minutes that were newly shown, the last that matches."""
    minute = timedelta(minutes=1)
    found = (until - i * minute for i in range(round((until - after) / minute)))
    return next((one for one in found if cron.matches(one)), None)


@cache
def changes(zone: str) -> list[float]:
    """Hours before the clock is changed."""
    there = ZoneInfo(zone)
    hours = [at("1990-01-01T00:00") + 3600 * i for i in range(0, 47 * 8766, 6)]
    offsets = [datetime.fromtimestamp(hour, there).utcoffset() for hour in hours]
    return [hour for hour, now, then in zip(hours, offsets, offsets[1:], strict=False) if now != then] or [0.0]


@st.composite
def cases(draw: st.DrawFn) -> tuple[Window, str, float]:
    """A daily window, a zone, and the beginning of a day: more often than not one on which the clock is changed."""
    zone = draw(st.sampled_from(ZONES))
    near = st.sampled_from(changes(zone)).map(lambda change: change - 6 * 3600)
    start = draw(st.one_of(near, st.integers(631_152_000, 2_114_380_800).map(float)))
    times = st.tuples(st.sampled_from((0, 15, 30, 45)), st.integers(0, 23) | st.integers(0, 4))
    begins, ends = draw(times), draw(times)
    days = draw(st.sampled_from(("*", "*", "0", "SAT,SUN,MON")))
    if draw(st.booleans()) or begins == ends:
        return Window(Cron.of(f"* {begins[1]} * * {days}"), None, 1), zone, start // MINUTE * MINUTE
    texts = [f"{minute} {hour} * * *" for minute, hour in (begins, ends)]
    return Window(Cron.of(texts[0]), Cron.of(texts[1]), 1), zone, start // MINUTE * MINUTE


@given(cases(), st.integers(0, 1300), st.integers(1, 140))
@example((Window(Cron.of("0 0 * * *"), Cron.of("0 2 * * *"), 1), "Europe/Berlin", at("1990-09-29T18:00")), 221, 140)
@example((Window(Cron.of("30 2 * * *"), Cron.of("45 2 * * *"), 1), "Europe/Berlin", at("2026-03-28T23:00")), 0, 140)
@example((Window(Cron.of("30 2 * * *"), Cron.of("15 2 * * *"), 1), "Europe/Berlin", at("2026-10-24T22:00")), 90, 70)
def test_a_window_lasts_as_a_clock_that_is_watched_minute_by_minute_says(
    case: tuple[Window, str, float], first: int, many: int
) -> None:
    """Zones of all kinds, half an hour of Lord Howe's and three of Casey's, and the day that Samoa left out."""
    window, zone, start = case
    said = lasting(window, zone, start, first + many)[first:]
    here = ZoneInfo(zone)
    begin = start + MINUTE * first
    assert [window.within(begin + MINUTE * i, begin + MINUTE * (i + 1), here) for i in range(many)] == said
    assert window.within(begin, begin + MINUTE * many, here) == any(said)
