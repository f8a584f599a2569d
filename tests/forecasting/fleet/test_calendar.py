"""Earlier days are found by the clock on the wall, and holidays are like Sundays."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from ahpa.adapters.calendars import CalendarError, calendar_of
from forecasting.fleet.calendar import DAYS, Calendar, Seasons
from forecasting.fleet.features import Features
from forecasting.fleet.model import FleetModel
from forecasting.fleet.window_stats import PrefixSums
from forecasting.panel import DAY_SECONDS, Panel
from forecasting.windows import Window

BERLIN = ZoneInfo("Europe/Berlin")
Day = tuple[int, int, int]


def _at(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> float:
    return datetime(year, month, day, hour, minute, tzinfo=BERLIN).timestamp()


def _days_back(calendar: Calendar, at: float) -> list[datetime]:
    back = calendar.seconds_back(np.array([at]))[:, 0]
    return [datetime.fromtimestamp(at - b, BERLIN) for b in back]


@pytest.mark.parametrize(
    "when",
    [(2026, 3, 30, 8, 15), (2026, 3, 29, 12, 0), (2026, 10, 25, 9, 30), (2026, 10, 28, 0, 5), (2026, 7, 1, 3, 0)],
)
def test_earlier_days_show_the_same_time_by_the_clock(when: tuple[int, int, int, int, int]) -> None:
    """Also across the nights in which the clocks are changed."""
    then = _days_back(calendar_of("Europe/Berlin", None), _at(*when))
    for days, moment in zip(DAYS, then, strict=True):
        assert (moment.hour, moment.minute) == when[3:]
        assert (date(*when[:3]) - moment.date()).days == days


@pytest.mark.parametrize(
    ("day", "alike"),
    [
        ((2026, 4, 6), [(2026, 4, 5), (2026, 4, 3)]),  # Easter Monday: Easter Sunday, Good Friday
        ((2026, 4, 13), [(2026, 3, 30), (2026, 3, 23)]),  # a week after it: the Mondays before
        ((2026, 4, 10), [(2026, 3, 27), (2026, 3, 20)]),  # a week after Good Friday
        ((2026, 6, 17), [(2026, 6, 10), (2026, 6, 3)]),  # an ordinary Wednesday
        ((2026, 12, 25), [(2026, 12, 20), (2026, 12, 13)]),  # Christmas: the last Sundays
        ((2026, 12, 26), [(2026, 12, 25), (2026, 12, 20)]),
    ],
)
def test_a_week_ago_means_the_last_day_of_the_same_kind(day: Day, alike: list[Day]) -> None:
    then = _days_back(calendar_of("Europe/Berlin", "DE"), _at(*day, 10, 0))[-2:]
    assert [moment.date() for moment in then] == [date(*d) for d in alike]


def test_without_a_calendar_a_day_has_twenty_four_hours_and_arrays_agree_with_single_columns() -> None:
    assert Seasons(0.0, 60.0).back(5000) == [1440 * days for days in DAYS]
    seasons = Seasons(_at(2026, 3, 1), 300.0, calendar_of("Europe/Berlin", "DE"))
    columns = np.arange(8000, 9000, 7)
    many = seasons.back(columns)
    for i in (0, 50, 100):
        assert [int(np.asarray(row)[i]) for row in many] == seasons.back(int(columns[i]))


def test_a_model_that_knows_the_clock_is_not_late_on_the_morning_after_the_change() -> None:
    """A shop that opens at eight by the clock: on the first summer Monday its rise comes an hour earlier by UTC."""
    start, step = datetime(2026, 3, 9, tzinfo=UTC).timestamp(), 300.0
    times = start + step * np.arange(int(28 * DAY_SECONDS / step))
    calendar = calendar_of("Europe/Berlin", None)
    local = (times + calendar.offset(times)) % DAY_SECONDS / 3600
    shop = np.where((local >= 8) & (local < 20), 100.0, 20.0) + np.random.default_rng(0).normal(0, 1, len(times))
    panel = Panel.of(start, step, np.maximum(shop, 0))
    until = _at(2026, 3, 30, 7, 50)  # the Monday after the clocks went forward on Sunday

    def peak(model: FleetModel) -> float:
        forecaster = model.fit(panel.until(_at(2026, 3, 28))).observe(panel.until(until))
        return float(forecaster.forecast(0, (1200.0,), (0.5,)).peaks[0, 0, 0])

    told, untold = FleetModel(calendar=calendar), FleetModel()
    assert peak(told) > 80
    assert peak(untold) < 50


@pytest.mark.parametrize("width", [23 * 12 - 1, 24 * 12, 30 * 12])
def test_a_window_of_a_day_looks_at_nothing_that_is_still_going_on(width: int) -> None:
    """On the day of 23 hours too: what came after an origin changes nothing that is seen from it."""
    start, step = _at(2026, 3, 20), 300.0
    values = np.random.default_rng(3).uniform(1, 9, (1, 288 * 14)).astype(np.float32)
    changed = 288 * 9 + 100
    other = np.where(np.arange(values.shape[1]) >= changed, np.float32(1e6), values)
    seasons = Seasons(start, step, calendar_of("Europe/Berlin", None))
    origins = np.arange(changed - 200, changed + 1)

    def seen(history: np.ndarray) -> np.ndarray:
        stats = PrefixSums(history, origins)
        found = np.zeros(1, int), np.zeros((1, 12), np.float32)
        return np.asarray(Features.of(stats, np.ones(1), seasons, *found).design(Window(0, width)))

    np.testing.assert_array_equal(seen(values), seen(other))


@pytest.mark.parametrize(
    ("zone", "holidays"),
    [
        ("Mars/Olympus", None), ("UTC", "XX"), ("UTC", "DE-XX"), ("../etc", None),
        *(("UTC", name) for name in ("SAT", "MON", "MAY", "MAY-01", "HolidayBase")),  # names of the package itself
    ],
)  # fmt: skip
def test_a_calendar_that_does_not_exist_is_refused_with_its_name(zone: str, holidays: str | None) -> None:
    with pytest.raises(CalendarError, match=holidays or zone):
        calendar_of(zone, holidays)
