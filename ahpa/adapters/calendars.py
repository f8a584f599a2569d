"""The clock and the holidays of a place, from the IANA time zones and the package `holidays`."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from ahpa.core.known.cron import Wrong
from ahpa.core.known.wall import zone_named, zone_of
from forecasting.fleet.calendar import Calendar
from forecasting.panel import frozen

YEARS = range(2000, 2051)
_NAMED = 20


class CalendarError(ValueError):
    """There is no such time zone or country; the message names it."""


def calendar_at(time_zone: str | None, country: str | None) -> Calendar | None:
    """As `calendar_of`; None where nothing is said."""
    return None if time_zone is None and country is None else calendar_of(time_zone or "UTC", country)


@lru_cache(maxsize=1024)
def calendar_of(time_zone: str, country: str | None) -> Calendar:
    """The calendar of an IANA time zone ("Europe/Berlin") and of a country or its part ("DE", "DE-BY", "US-CA"); for
    the same place the same object.

    Raises CalendarError for one that is not known.
    """
    try:
        changes, offsets = _changes(zone_of(zone_named(time_zone)))
    except Wrong as error:
        raise CalendarError(str(error)) from error
    return Calendar(frozen(changes, float), frozen(offsets, float), frozen(_holidays(country), np.intp))


@lru_cache(maxsize=1024)
def _changes(zone: ZoneInfo) -> tuple[list[float], list[float]]:
    """When the clock is changed, to the second, and the offsets before, between and after."""

    def offset(at: int) -> float:
        ahead = datetime.fromtimestamp(at, zone).utcoffset()
        assert ahead is not None  # the time has a zone
        return ahead.total_seconds()

    day = 86_400
    first, last = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (YEARS.start, YEARS.stop))
    changes: list[float] = []
    offsets = [offset(first)]
    for begin in range(first, last, day):
        now = offset(begin + day)
        if now == offsets[-1]:
            continue
        low, high = begin, begin + day
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == offsets[-1] else (low, middle)
        changes.append(float(high))
        offsets.append(now)
    return changes, offsets


@lru_cache(maxsize=1024)
def _holidays(country: str | None) -> list[int]:
    """Public holidays as days since 1970-01-01."""
    if country is None:
        return []
    import holidays

    code, _, part = country.partition("-")
    try:
        if code not in holidays.list_supported_countries() | holidays.list_supported_financial():
            raise NotImplementedError(code)  # it would take any name that it knows: SAT is its Saturday
        found = holidays.country_holidays(code, subdiv=part or None, years=YEARS)
    except NotImplementedError as error:
        parts = holidays.list_supported_countries().get(code, [])
        some = [f"{code}-{each}" for each in parts[:_NAMED]] or ["DE", "DE-BY", "US", "US-CA", "JP"]
        raise CalendarError(f"no holidays are known of {country!r}; some that are: {', '.join(some)}") from error
    return sorted((day - date(1970, 1, 1)) // timedelta(days=1) for day in found)
