"""What the clock on a wall shows, on the nights when it is changed and on all others.

In Berlin it was put from 2:00 to 3:00 on 29 March 2026 (01:00 UTC), and from 3:00 to 2:00 on 25 October (01:00 UTC); on
Lord Howe by half an hour, on 4 October from 2:00 to 2:30 (15:30 UTC the day before).
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from ahpa.core.known.cron import Wrong
from ahpa.core.known.wall import even, first_shown, last_shown, latest_shown, shown, zone_named, zone_of

BERLIN, LORD_HOWE, NOWHERE = "Europe/Berlin", "Australia/Lord_Howe", "UTC"


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("zone", "clock", "first", "last"),
    [
        (BERLIN, "2026-03-29 01:59", "2026-03-29 00:59", "2026-03-29 00:59"),
        (BERLIN, "2026-03-29 02:00", "2026-03-29 01:00", "2026-03-29 01:00"),  # it jumps over it
        (BERLIN, "2026-03-29 02:30", "2026-03-29 01:00", "2026-03-29 01:00"),
        (BERLIN, "2026-03-29 03:00", "2026-03-29 01:00", "2026-03-29 01:00"),
        (BERLIN, "2026-10-25 02:30", "2026-10-25 00:30", "2026-10-25 01:30"),  # it comes twice
        (BERLIN, "2026-10-25 03:00", "2026-10-25 02:00", "2026-10-25 02:00"),
        (LORD_HOWE, "2026-10-04 02:10", "2026-10-03 15:30", "2026-10-03 15:30"),
        (NOWHERE, "2026-10-25 02:30", "2026-10-25 02:30", "2026-10-25 02:30"),
    ],
)
def test_when_it_shows_a_time_first_and_last(zone: str, clock: str, first: str, last: str) -> None:
    asked = datetime.fromisoformat(clock)
    assert first_shown(asked, zone_of(zone)) == utc(first)
    assert last_shown(asked, zone_of(zone)) == utc(last)


@pytest.mark.parametrize(
    ("zone", "at", "now", "latest"),
    [
        (BERLIN, "2026-10-25 00:30", "2026-10-25 02:30", "2026-10-25 02:30"),
        (BERLIN, "2026-10-25 01:30", "2026-10-25 02:30", "2026-10-25 03:30"),  # it was put back an hour ago
        (BERLIN, "2026-10-25 02:00", "2026-10-25 03:00", "2026-10-25 03:00"),
        (BERLIN, "2026-03-29 01:00", "2026-03-29 03:00", "2026-03-29 03:00"),
        (NOWHERE, "2026-10-25 01:30", "2026-10-25 01:30", "2026-10-25 01:30"),
    ],
)
def test_what_it_shows_and_the_latest_that_it_may_have_shown(zone: str, at: str, now: str, latest: str) -> None:
    """A bare time of day: of no zone, and none of two."""
    for said, expected in ((shown(utc(at), zone_of(zone)), now), (latest_shown(utc(at), zone_of(zone)), latest)):
        assert said == datetime.fromisoformat(expected)
        assert (said.tzinfo, said.fold) == (None, 0)


@pytest.mark.parametrize(
    ("zone", "begin", "end", "change"),
    [
        (BERLIN, "2026-03-28 12:00", "2026-03-30 12:00", "2026-03-29 01:00"),
        (BERLIN, "2026-10-25 00:59", "2026-10-25 01:01", "2026-10-25 01:00"),
        (BERLIN, "2026-10-25 01:00", "2026-10-25 02:00", None),  # it begins with it
        (BERLIN, "2026-10-25 00:00", "2026-10-25 01:00", None),  # it ends with it
        (BERLIN, "2026-06-01 00:00", "2026-06-02 00:00", None),
        (BERLIN, "2026-06-01 00:00", "2026-06-01 00:00", None),
        (LORD_HOWE, "2026-10-03 12:00", "2026-10-03 18:00", "2026-10-03 15:30"),
        (NOWHERE, "2026-03-28 12:00", "2026-03-30 12:00", None),
    ],
)
def test_stretches_in_which_it_is_not_changed(zone: str, begin: str, end: str, change: str | None) -> None:
    ends = [utc(each) for each in (begin, *([change] if change else []), end)]
    assert list(even(ends[0], ends[-1], zone_of(zone))) == list(pairwise(ends))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("berlin", "there is no time zone 'berlin'; did you mean Europe/Berlin?"),
        ("Buenos_Aires", "there is no time zone 'Buenos_Aires'; did you mean America/Argentina/Buenos_Aires?"),
        ("Europe/Berlni", "there is no time zone 'Europe/Berlni'; did you mean Europe/Berlin?"),
        ("Mars/Olympus", "there is no time zone 'Mars/Olympus'; one is Europe/Berlin"),
        # Another letter is not compared, and too little is no slip.
        ("Zurope/Berlin", "there is no time zone 'Zurope/Berlin'; one is Europe/Berlin"),
        ("Europe/Bxxxxn", "there is no time zone 'Europe/Bxxxxn'; one is Europe/Berlin"),
        ("../berlin", "there is no time zone '../berlin'; one is Europe/Berlin"),
        ("localtime", "there is no time zone 'localtime'; one is Europe/Berlin"),
        ("x" * 80, f"there is no time zone {'x' * 64!r}; one is Europe/Berlin"),
    ],
)
def test_a_name_that_is_none_is_answered_with_the_one_that_was_meant(name: str, said: str) -> None:
    with pytest.raises(Wrong) as found:
        zone_named(name)
    assert str(found.value) == said
