"""Types of options that several commands share; the parsers are those of the annotations."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from ahpa.core.policy.parameters import Unreadable, parse_level, parse_seconds, parse_share

if TYPE_CHECKING:
    from forecasting.fleet.calendar import Calendar


class _Parsed(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    def __init__(self, name: str, parse: Callable[[str], float], accepts: str) -> None:
        self.name = name
        self._parse = parse
        self._accepts = accepts

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        try:
            return self._parse(str(value))
        except (Unreadable, ValueError):
            self.fail(f"{str(value)[:64]!r} is not {self._accepts}", param, ctx)


class _HttpUrl(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            parts = urlsplit(str(value))
            plain = parts.port != 0 and not parts.query and not parts.fragment  # asking for the port may raise
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and plain
        except ValueError:
            good = False
        if not good:
            self.fail(f"{str(value)[:64]!r} is not a URL such as http://prometheus.monitoring:9090", param, ctx)
        return str(value)


def _days_too(text: str) -> float:
    """`14d` beside what an annotation may say."""
    if text.endswith("d") and text[:-1].isascii() and text[:-1].isdigit() and len(text) <= 5:
        return 86_400.0 * int(text[:-1])
    return parse_seconds(text)


HTTP_URL = _HttpUrl()

MOST_SAID = 1000
"""Characters of an error that are shown; it may quote what somebody else wrote."""

SECONDS = _Parsed("duration", _days_too, "a duration such as 90s, 5m, 1h30m or 14d")
SHARE = _Parsed("share", parse_share, "a share such as 0.1% or 0.001")
LEVEL = _Parsed("level", parse_level, "a level such as 0.95 or 95")


def named_once(files: Iterable[Path]) -> None:
    """Raises UsageError for a file that is given twice: as two services its load would count twice."""
    seen: set[str] = set()
    for file in files:
        real = os.path.realpath(file)
        if real in seen:
            raise click.UsageError(f"{file} is named twice")
        seen.add(real)


def calendar_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--time-zone` and `--holidays`; `calendar_from` reads them."""
    zone = click.option("--time-zone", metavar="ZONE", help="The load follows this clock, as Europe/Berlin.")
    days = click.option("--holidays", metavar="PLACE", help="Its public holidays are like Sundays: DE, DE-BY, US-CA.")
    return zone(days(command))


def calendar_from(given: Mapping[str, Any]) -> Calendar | None:
    """The calendar asked for; None if none was. Raises UsageError for a place that is not known."""
    if given["time_zone"] is None and given["holidays"] is None:
        return None
    from ahpa.adapters.calendars import CalendarError, calendar_of

    try:
        return calendar_of(given["time_zone"] or "UTC", given["holidays"])
    except CalendarError as error:
        raise click.UsageError(str(error)) from error
