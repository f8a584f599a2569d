"""Windows and events as people write them; what is wrong is named by the part that is."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ahpa.core.known.cron import Wrong
from ahpa.core.known.reading import LONGEST, MOST, events_in, windows_in
from ahpa.core.known.wall import zone_named
from ahpa.core.policy.rules import parse_policy


def test_windows_may_stand_on_lines_or_between_semicolons() -> None:
    many = windows_in("0 8 * * 1-5 .. 0 20 * * 1-5 min=5 max=20 ;\n * 0-6 ? * MON-FRI max=4\n\n")
    assert [(w.least, w.most, w.text) for w in many] == [(5, 20, "08:00-20:00"), (None, 4, "* 0-6 ? * MON-FRI")]


@pytest.mark.parametrize(
    "line",
    [
        "0 8 * * 1-5 .. 0 20 * * 1-5 min=5 max=20",
        "* 0-6 ? * MON-FRI max=4 zone=Europe/Berlin",
        "0 8 * * 1 .. 30 9 * * 1 min=0 from=2026-01-01T00:00 until=2031-12-16T10:30",
    ],
)
def test_a_window_is_written_as_it_is_read(line: str) -> None:
    assert [window.line for window in windows_in(line)] == [line]


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-27T08:00..2026-11-27T23:00 x3",
        "12-24T00:00..12-26T00:00 yearly x0.5 min=10 zone=Asia/Tokyo",
        "2026-11-27T08:00..2026-11-27T23:00 min=10",
    ],
)
def test_an_event_is_written_as_it_is_read(line: str) -> None:
    assert [event.line for event in events_in(line)] == [line]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0 8 * * 1-5 .. 0 20 * * 1-5", "window 1, .*neither min= nor max="),
        ("0 8 * * 1 min=1; 0 25 * * * min=1", "window 2, '0 25 .*': hour 25 is not 0-23"),
        ("0 8 * * 1 .. 0 8 * * 1 min=1", "ends when it begins"),
        ("0 8 * * 1 .. 0 8 ? * MON min=1", "ends when it begins"),
        ("0 8 * * 1 min=9 max=3", "min=9 is above max=3"),
        ("0 8 * * 1 min=-1", "min=-1 is no whole number"),
        ("0 8 * * 1 min=1234567", "min=1234567 is no whole number"),
        ("0 8 * * 1 min=1 min=2", "min is said twice"),
        ("0 8 * * 1 x3 min=1", "'x3' is not one of min, max, zone, from, until"),
        ("0 8 * * 1 min=1 zone=Europe/Berlim", "no time zone 'Europe/Berlim'; did you mean Europe/Berlin"),
        ("0 8 * * 1 min=1 from=2027-01-01T00:00 until=2026-01-01T00:00", "until= is not after its from="),
        ("0 8 * * 1 min=1 from=2026-02-30T00:00", "there is no 2026-02-30T00:00"),
        ("", "not one to"),
        (";\n;", "0 of them"),
        ("* * * * * min=1;" * (MOST + 1), f"{MOST + 1} of them"),
        ("* " * LONGEST, f"not one to {LONGEST} plain characters"),
        ("0 8 * * １ min=1", "plain characters"),
        ("0 8 * * 1 min=1\x00", "plain characters"),
    ],
)
def test_a_window_that_is_none_is_refused(text: str, why: str) -> None:
    with pytest.raises(Wrong, match=why) as refused:
        windows_in(text)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-11-27T08:00 x3", "no end"),
        ("2026-11-27T08:00..2026-11-27T08:00 x3", "end is not after its start"),
        ("2026-11-27T08:00..2026-11-26T08:00 x3", "end is not after its start"),
        ("2026-11-27T08:00..2026-11-27T23:00", "neither a factor, as x3, nor min="),
        ("2026-11-27T08:00..2026-11-27T23:00 x0", "x0 is no factor from x0.01 to x100"),
        ("2026-11-27T08:00..2026-11-27T23:00 x1000", "x1000 is no factor"),
        ("2026-11-27T08:00..2026-11-27T23:00 x3..5", "x3..5 is no factor"),
        ("2026-11-27T08:00..2026-11-27T23:00 x3 max=5", "'max=5' is not one of min, zone, x, yearly"),
        ("2026-11-27T24:00..2026-11-28T23:00 x3", "there is no 2026-11-27T24:00"),
        ("2026-11-27..2026-11-28T23:00 x3", "'2026-11-27' is no time such as"),
        ("12-24T00:00..12-26T00:00 x3", "has no year, and does not come yearly"),
        ("2026-12-24T00:00..2026-12-26T00:00 x3 yearly", "has a year, but comes yearly"),
        ("0001-12-24T00:00..9999-12-26T00:00 x3", "is not of the years"),
    ],
)
def test_an_event_that_is_none_is_refused(text: str, why: str) -> None:
    with pytest.raises(Wrong, match=f"event 1, .*{why}"):
        events_in(text)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Europe/Berlim", "did you mean Europe/Berlin"),
        ("europe/berlin", "did you mean Europe/Berlin"),
        ("Berlin", "did you mean Europe/Berlin"),
        ("Amerika/New_York", "did you mean America/New_York"),
        ("Mars/Olympus", "one is Europe/Berlin"),
        ("../etc/passwd", "one is Europe/Berlin"),
        ("localtime", "there is no time zone"),
        ("Factory", "there is no time zone"),
        ("", "there is no time zone"),
        ("x" * 9000, "there is no time zone"),
    ],
)
def test_a_time_zone_that_there_is_not_is_refused_with_a_near_one(name: str, hint: str) -> None:
    """`localtime` means another thing on each machine."""
    with pytest.raises(Wrong, match=hint) as refused:
        zone_named(name)
    assert len(str(refused.value)) < 200


def test_an_annotation_says_which_part_is_wrong_and_how_it_is_written() -> None:
    parsed = parse_policy({"ahpa.dev/mode": "apply", "ahpa.dev/windows": "0 8 * * * .. 0 20 * * MOM min=5"})
    (problem,) = parsed.problems
    assert problem.startswith("ahpa.dev/windows: window 1, '0 8 * * * .. 0 20 * * MOM min=5': weekday MOM is not 0-7;")
    assert problem.endswith("(for example '0 8 * * 1-5 .. 0 20 * * 1-5 min=5 max=20')")


PIECES = st.sampled_from(
    ("0 8 * * 1-5", "..", "min=5", "max=2", "x3", "yearly", ";", "\n", "zone=UTC", "12-24T00:00", "2026-11-27T08:00",
     "=", "x", "* * * * *", "99", "\x00", "١", "from=", "zone=../x", "min=" + "9" * 70, "/" * 70)
)  # fmt: skip


@given(st.lists(PIECES, max_size=12).map(" ".join) | st.text(max_size=200))
def test_whatever_is_written_is_read_or_refused_in_a_sentence_of_bounded_length(text: str) -> None:
    for name, read in (("windows", windows_in), ("events", events_in)):
        parsed = parse_policy({f"ahpa.dev/{name}": text})
        assert all(len(problem) < 600 for problem in parsed.problems)
        if not parsed.problems:
            found = getattr(parsed.policy, name)
            assert read(";".join(one.line for one in found)) == found


def test_a_year_that_comes_later_than_any_clock_is_no_crash() -> None:
    (window,) = windows_in("* * * * * min=1 until=2199-12-31T23:59")
    assert window.until == datetime(2199, 12, 31, 23, 59)
