"""The clock on the wall of a place, and the moments at which it shows something.

When clocks are changed, a time of that night is shown twice or never. What begins then begins when the clock first
shows it, what ends then when it has shown it for the last time, and either when the clock jumps over it. So what lasts
from one such time to another is never cut short by a change, only made longer.

Where the clocks of the world stand is a table (IANA's), which `zoneinfo` reads: the machine's, or that of the package
tzdata.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from ahpa.core.known.cron import Wrong

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,31}(/[A-Za-z][A-Za-z0-9_+-]{0,31}){0,2}", re.ASCII)
_NO_PLACES = frozenset({"localtime", "Factory"})
"""Names that mean something else on each machine, or nothing."""
EARLIEST, LATEST = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (1970, 2200))
"""Unix seconds; nothing is known of what lies outside: a clock that says so is broken."""


def zone_named(name: str) -> str:
    """The name, if it is that of an IANA time zone. Raises Wrong, with the name that may have been meant."""
    plain = _NAME.fullmatch(name) is not None
    if plain and name in _known():
        return name
    meant = _meant(name.lower()) if plain else None
    hint = f"did you mean {meant}?" if meant else "one is Europe/Berlin"
    raise Wrong(f"there is no time zone {name[:64]!r}; {hint}")


def _meant(name: str) -> str | None:
    """The zone that is called so but for its continent or a slip of the hand. Only names of that length with that
    letter at the beginning are compared: 600 comparisons take two milliseconds, and anybody may ask for them."""
    for each in sorted(_known()):
        if each.lower().rpartition("/")[2] == name:
            return each
    like = {each.lower(): each for each in _known() if each[:1].lower() == name[:1] and abs(len(each) - len(name)) < 3}
    near = difflib.get_close_matches(name, sorted(like), n=1, cutoff=0.75)
    return like[near[0]] if near else None


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    return frozenset(available_timezones() - _NO_PLACES)


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """The time zone of a name that `zone_named` took."""
    return ZoneInfo(name)


def shown(at: float, zone: ZoneInfo) -> datetime:
    """What the clock shows at this moment."""
    return datetime.fromtimestamp(at, zone).replace(tzinfo=None, fold=0)


def latest_shown(at: float, zone: ZoneInfo) -> datetime:
    """The latest that it may have shown up to this moment: more than `shown` once it has been put back."""
    local = datetime.fromtimestamp(at, zone)
    now = local.replace(tzinfo=None, fold=0)
    return now + timedelta(seconds=_seconds(now, zone, 1) - _seconds(now, zone, 0)) if local.fold else now


def first_shown(clock: datetime, zone: ZoneInfo) -> float:
    """When it shows this for the first time, or jumps over it; unix seconds."""
    first, last = (_seconds(clock, zone, fold) for fold in (0, 1))
    return first if first <= last else _jump(last, first, zone)


def last_shown(clock: datetime, zone: ZoneInfo) -> float:
    """When it shows this for the last time, or jumps over it; unix seconds."""
    first, last = (_seconds(clock, zone, fold) for fold in (0, 1))
    return last if first <= last else _jump(last, first, zone)


def even(begin: float, end: float, zone: ZoneInfo) -> Iterator[tuple[float, float]]:
    """[begin, end) in stretches in which the clock is not changed."""
    if begin < end and _offset(begin, zone) != _offset(end, zone):
        change = _jump(begin, end, zone)
        if begin < change < end:
            yield begin, change
            begin = change
    yield begin, end


def _seconds(clock: datetime, zone: ZoneInfo, fold: int) -> float:
    return clock.replace(tzinfo=zone, fold=fold).timestamp()


def _offset(at: float, zone: ZoneInfo) -> timedelta:
    return datetime.fromtimestamp(at, zone).utcoffset() or timedelta(0)


def _jump(before: float, after: float, zone: ZoneInfo) -> float:
    """When the clock is changed between two moments, to the second."""
    low, high, then = int(before), -int(-after // 1), _offset(before, zone)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(middle, zone) == then else (low, middle)
    return float(high)
