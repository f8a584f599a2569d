"""Windows and events as people write them: one after the other, each on a line of its own or with `;` between."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from ahpa.core.known.cron import Cron, Wrong
from ahpa.core.known.events import Event
from ahpa.core.known.wall import zone_named
from ahpa.core.known.windows import Window

Read = TypeVar("Read")

MOST = 30
"""So many windows, or events, has a service."""
LONGEST = 4000
"""Characters of them all."""
_TEXT = re.compile(r"[\t\n\r -~]+", re.ASCII)
_SETTING = re.compile(r"(?:([a-z]{1,8})=([!-~]{1,64})|(x[0-9.]{1,8})|(yearly))", re.ASCII)
_MOMENT = re.compile(r"(?:([0-9]{4})-)?([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2})", re.ASCII)
_FACTOR = re.compile(r"x[0-9]{1,3}(\.[0-9]{1,3})?", re.ASCII)
_FACTORS = 0.01, 100.0
_YEARS = 1971, 2199
_YEARLY = 2000


def windows_in(text: str) -> tuple[Window, ...]:
    """`0 8 * * 1-5 .. 0 20 * * 1-5 min=5 max=20`, or `* 0-6 ? * MON-FRI max=4`. Raises Wrong."""
    return _each(text, "window", _window)


def events_in(text: str) -> tuple[Event, ...]:
    """`2026-11-27T08:00..2026-11-27T23:00 x3`, or `12-24T00:00..12-27T00:00 yearly min=10`. Raises Wrong."""
    return _each(text, "event", _event)


def _each(text: str, name: str, read: Callable[[str], Read]) -> tuple[Read, ...]:
    if not _TEXT.fullmatch(text) or len(text) > LONGEST:
        raise Wrong(f"not one to {LONGEST} plain characters")
    parts = [part.strip() for part in re.split(r"[;\r\n]", text) if part.strip()]
    if not 0 < len(parts) <= MOST:
        raise Wrong(f"{len(parts)} of them; it takes 1 to {MOST}")
    out = []
    for number, part in enumerate(parts, 1):
        try:
            out.append(read(part))
        except Wrong as error:
            raise Wrong(f"{name} {number}, {part[:60]!r}: {error}") from None
    return tuple(out)


def _window(text: str) -> Window:
    said, settings = _settings(text, ("min", "max", "zone", "from", "until"))
    start, dots, end = said.partition("..")
    begins, ends = Cron.of(start.strip()), Cron.of(end.strip()) if dots else None
    if begins == ends:
        raise Wrong("it ends when it begins")
    least, most = (_count(settings, name) for name in ("min", "max"))
    if least is None and most is None:
        raise Wrong("it says neither min= nor max=")
    if least is not None and most is not None and least > most:
        raise Wrong(f"min={least} is above max={most}")
    since, until = (_day(settings, name) for name in ("from", "until"))
    if since is not None and until is not None and since >= until:
        raise Wrong("its until= is not after its from=")
    return Window(begins, ends, least, most, _zone(settings), since, until)


def _event(text: str) -> Event:
    said, settings = _settings(text, ("min", "zone", "x", "yearly"))
    start, dots, end = said.partition("..")
    if not dots:
        raise Wrong("it has no end; write START..END")
    yearly = "yearly" in settings
    begins, ends = _moment(start.strip(), yearly), _moment(end.strip(), yearly)
    if begins == ends or (begins > ends and not yearly):
        raise Wrong("its end is not after its start")
    factor, least = _factor(settings), _count(settings, "min")
    if factor is None and least is None:
        raise Wrong("it says neither a factor, as x3, nor min=")
    return Event(begins, ends, yearly, factor, least, _zone(settings))


def _settings(text: str, known: tuple[str, ...]) -> tuple[str, Mapping[str, str]]:
    """What stands before the settings, and the settings by name."""
    words, out = text.split(), dict[str, str]()
    while words and (found := _SETTING.fullmatch(words[-1])):
        name = found[1] or ("x" if found[3] else "yearly")
        if name not in known:
            raise Wrong(f"{words[-1][:40]!r} is not one of {', '.join(known)}")
        if name in out:
            raise Wrong(f"{name} is said twice")
        out[name] = found[2] or words[-1]
        words.pop()
    return " ".join(words), out


def _count(settings: Mapping[str, str], name: str) -> int | None:
    said = settings.get(name)
    if said is not None and not re.fullmatch(r"[0-9]{1,6}", said, re.ASCII):
        raise Wrong(f"{name}={said[:20]} is no whole number")
    return None if said is None else int(said)


def _factor(settings: Mapping[str, str]) -> float | None:
    said = settings.get("x")
    if said is None:
        return None
    low, high = _FACTORS
    if not _FACTOR.fullmatch(said) or not low <= float(said[1:]) <= high:
        raise Wrong(f"{said} is no factor from x{low:g} to x{high:g}")
    return float(said[1:])


def _zone(settings: Mapping[str, str]) -> str | None:
    said = settings.get("zone")
    return None if said is None else zone_named(said)


def _day(settings: Mapping[str, str], name: str) -> datetime | None:
    said = settings.get(name)
    return None if said is None else _moment(said, False)


def _moment(text: str, yearly: bool) -> datetime:
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise Wrong(f"{text[:30]!r} is no time such as {'12-24T00:00' if yearly else '2026-11-27T08:00'}")
    if yearly != (found[1] is None):
        raise Wrong(f"{text} has {'a year, but comes' if yearly else 'no year, and does not come'} yearly")
    year = _YEARLY if yearly else int(found[1])
    if not _YEARS[0] <= year <= _YEARS[1]:
        raise Wrong(f"{text} is not of the years {_YEARS[0]}-{_YEARS[1]}")
    try:
        return datetime.strptime(f"{year}-{found[2]}-{found[3]}T{found[4]}:{found[5]}", "%Y-%m-%dT%H:%M")  # noqa: DTZ007
    except ValueError:
        raise Wrong(f"there is no {text}") from None
