"""Crons match what KEDA's and AHPA's library (robfig/cron) matches."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ahpa.core.known.cron import Cron, Wrong

MONDAY = datetime(2026, 11, 23)


@pytest.mark.parametrize(
    ("text", "yes", "no"),
    [
        ("0 8 * * 1-5", ["2026-11-23 08:00", "2026-11-27 08:00"], ["2026-11-22 08:00", "2026-11-23 08:01"]),
        ("* 0-6 ? * MON-FRI", ["2026-11-23 00:00", "2026-11-23 06:59"], ["2026-11-23 07:00", "2026-11-28 03:00"]),
        ("*/15 * * * *", ["2026-11-23 08:45"], ["2026-11-23 08:50"]),
        ("5/20 * * * *", ["2026-11-23 08:05", "2026-11-23 08:45"], ["2026-11-23 08:00"]),
        ("0,30 9-17/4 * * *", ["2026-11-23 09:30", "2026-11-23 17:00"], ["2026-11-23 10:00"]),
        ("0 0 1 jan ?", ["2027-01-01 00:00"], ["2027-02-01 00:00", "2027-01-02 00:00"]),
        ("0 0 29 2 *", ["2028-02-29 00:00"], ["2027-02-28 00:00", "2027-03-01 00:00"]),
        ("0 0 13 * 5", ["2026-11-13 00:00", "2026-11-27 00:00", "2026-12-13 00:00"], ["2026-11-14 00:00"]),
        ("0 0 * * 7", ["2026-11-22 00:00"], ["2026-11-23 00:00"]),
        ("0 0 * * 0", ["2026-11-22 00:00"], ["2026-11-23 00:00"]),
        ("0 0 * * SAT-SUN", ["2026-11-21 00:00", "2026-11-22 00:00"], ["2026-11-23 00:00", "2026-11-20 00:00"]),
        ("0 0 * * 5-7", ["2026-11-20 00:00", "2026-11-22 00:00"], ["2026-11-23 00:00"]),
        ("0 0 * * 1/2", ["2026-11-23 00:00", "2026-11-27 00:00"], ["2026-11-22 00:00", "2026-11-24 00:00"]),
    ],
)
def test_a_cron_matches(text: str, yes: list[str], no: list[str]) -> None:
    """A day of the month beside a weekday: either will do. Sunday is 0 and 7."""
    cron = Cron.of(text)
    assert [at for at in yes if not cron.matches(datetime.fromisoformat(at))] == []
    assert [at for at in no if cron.matches(datetime.fromisoformat(at))] == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0 8 * *", "no cron of five fields"),
        ("0 0 8 * * 1", "no cron of five fields"),
        ("60 8 * * *", "minute 60 is not 0-59"),
        ("0 24 * * *", "hour 24 is not 0-23"),
        ("0 8 0 * *", "day of the month 0 is not 1-31"),
        ("0 8 * 13 *", "month 13 is not 1-12"),
        ("0 8 * * 8", "weekday 8 is not 0-7"),
        ("0 8 * * MOM", "weekday MOM is not 0-7"),
        ("0 8 * * FRI-MON", "weekday 'FRI-MON' runs backwards"),
        ("20-10 * * * *", "minute '20-10' runs backwards"),
        ("*/0 * * * *", "minute '\\*/0' has a step of 0"),
        ("? 8 * * *", "minute '\\?' is no number"),
        ("1- 8 * * *", "minute '1-' is no number"),
        ("0 8 31 4,6 *", "never comes: no such month has a day 31"),
        ("0 8 30 2 ?", "never comes: no such month has a day 30"),
        ("１ 8 * * *", "minute '１' is no number"),
        ("0 8 * * " + "1," * 60 + "1", "no cron of five fields"),
    ],
)
def test_what_is_no_cron_is_refused_with_the_field_that_is_wrong(text: str, why: str) -> None:
    with pytest.raises(Wrong, match=why):
        Cron.of(text)


FIELDS = (
    st.sampled_from(("*", "0", "30", "59", "*/7", "10-20", "5,55")),
    st.sampled_from(("*", "0", "2", "23", "*/5", "8-17", "1,22")),
    st.sampled_from(("*", "?", "1", "31", "29", "*/10", "10-12")),
    st.sampled_from(("*", "1", "3", "10", "JUN-AUG", "2,12")),
    st.sampled_from(("*", "?", "0", "MON-FRI", "6", "7", "*/2")),
)


@st.composite
def crons(draw: st.DrawFn) -> Cron:
    """Such as come within a few days: those that match no month are left out."""
    minute, hour, day, month, weekday = (draw(field) for field in FIELDS)
    return Cron.of(f"{minute} {hour} {day if day != '31' else '28'} {month} {weekday}")


@given(crons(), st.datetimes(datetime(1990, 1, 1), datetime(2037, 12, 31)))
def test_the_last_and_the_next_match_enclose_a_moment_in_which_nothing_matches(cron: Cron, at: datetime) -> None:
    last, following = cron.last(at), cron.next(at)
    assert last is not None
    assert following is not None
    assert last <= at <= following
    assert cron.matches(last)
    assert cron.matches(following)
    between = last + timedelta(minutes=1)
    for _ in range(3000):
        if between >= following:
            break
        assert not cron.matches(between)
        between += timedelta(minutes=1)


def test_the_29th_of_february_is_found_over_a_century_that_has_none() -> None:
    cron = Cron.of("0 0 29 2 *")
    assert cron.next(datetime(2096, 3, 1)) == datetime(2104, 2, 29)
    assert cron.last(datetime(2104, 2, 28)) == datetime(2096, 2, 29)
    assert not cron.on(date(2100, 3, 1))


@pytest.mark.parametrize(
    ("text", "at", "before", "after"),
    [
        ("30 9,17 * * *", "2026-11-23 08:00:00.5", "2026-11-22 17:30", "2026-11-23 09:30"),
        ("30 9,17 * * *", "2026-11-23 09:30:00", "2026-11-23 09:30", "2026-11-23 09:30"),
        ("30 9,17 * * *", "2026-11-23 09:30:01", "2026-11-23 09:30", "2026-11-23 17:30"),
        ("30 9,17 * * *", "2026-11-23 12:00:00", "2026-11-23 09:30", "2026-11-23 17:30"),
        ("30 9,17 * * *", "2026-11-23 17:30:00.5", "2026-11-23 17:30", "2026-11-24 09:30"),
        ("15,45 6,9,17 * * *", "2026-11-23 12:00:00", "2026-11-23 09:45", "2026-11-23 17:15"),
        ("0 0 * * *", "2026-11-30 23:59:59", "2026-11-30 00:00", "2026-12-01 00:00"),
        ("0 8 * * *", "2027-01-01 07:00:00", "2026-12-31 08:00", "2027-01-01 08:00"),
        ("0 8 * * *", "2026-12-31 09:00:00", "2026-12-31 08:00", "2027-01-01 08:00"),
        ("0 8 30,31 * *", "2026-12-01 00:00:00", "2026-11-30 08:00", "2026-12-30 08:00"),
        ("0 8 31 * *", "2027-01-15 00:00:00", "2026-12-31 08:00", "2027-01-31 08:00"),
    ],
)
def test_the_match_before_a_moment_and_the_one_after_it(text: str, at: str, before: str, after: str) -> None:
    cron, moment = Cron.of(text), datetime.fromisoformat(at)
    assert cron.last(moment) == datetime.fromisoformat(before)
    assert cron.next(moment) == datetime.fromisoformat(after)


def test_what_was_wrong_is_quoted_as_far_as_one_reads() -> None:
    with pytest.raises(Wrong) as found:
        Cron.of("0" * 60)
    assert str(found.value).startswith(f"{'0' * 40!r} is no cron")
    with pytest.raises(Wrong, match=f"^minute {'X' * 20!r} is no number"):
        Cron.of(f"{'x' * 30} * * * *")
