"""The annotations, one by one: `PARAMETERS` is the table from which parser, validation, documentation
(docs/annotations.md) and the options of commands that ask for the same thing derive.

Annotations are hostile until parsed: every value is matched whole (`re.fullmatch`, ASCII, at most 64 characters) before
it is converted, because `int("１２")` is 12 and `float("1e400")` is inf; windows and events piece by piece.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields

from ahpa.core.known.cron import Wrong
from ahpa.core.known.events import Event
from ahpa.core.known.reading import events_in, windows_in
from ahpa.core.known.wall import zone_named
from ahpa.core.known.windows import Window
from ahpa.core.policy.values import Policy

Value = str | float | int | bool | tuple[Window, ...] | tuple[Event, ...]
"""What a parameter may be."""


@dataclass(frozen=True)
class Parameter:
    """One annotation: `ahpa.dev/<name>`."""

    name: str
    parse: Callable[[str], Value]
    accepts: str
    example: str
    help: str
    otherwise: str = ""
    """What holds where nobody gave it and there is no value that stands in for it."""

    @property
    def field(self) -> str:
        return self.name.replace("-", "_")


class Unreadable(ValueError):
    """A value that its parser refuses; the message, if there is one, says which part of it is wrong."""


def _match(pattern: str, text: str) -> re.Match[str]:
    found = re.fullmatch(pattern, text, re.ASCII) if len(text) <= 64 else None
    if found is None:
        raise Unreadable
    return found


def _choice(*options: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in options:
            raise Unreadable
        return text

    return parse


def _name(text: str) -> str:
    return _match(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", text).group()


def _flag(text: str) -> bool:
    return _choice("true", "false")(text) == "true"


def _count(text: str) -> int:
    return int(_match(r"[0-9]{1,6}", text).group())


def _positive(text: str) -> float:
    value = float(_match(r"[0-9]{1,12}(\.[0-9]{1,9})?", text).group())
    if not value > 0:
        raise Unreadable
    return value


_SECONDS = {"ms": 1e-3, "s": 1, "m": 60, "h": 3600}


def parse_seconds(text: str) -> float:
    """`90s`, `5m`, `1h30m`, `50ms` in seconds; raises Unreadable."""
    _match(r"([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,7}(\.[0-9]{1,3})?s)?([0-9]{1,7}ms)?", text)
    parts = re.findall(r"([0-9.]+)(ms|s|m|h)", text)
    if not parts:
        raise Unreadable
    return float(sum(float(number) * _SECONDS[unit] for number, unit in parts))


def _some_time(text: str) -> float:
    seconds = parse_seconds(text)
    if not seconds > 0:
        raise Unreadable
    return seconds


def parse_share(text: str) -> float:
    """`0.1%` and `0.001` alike, in (0, 1); raises Unreadable."""
    found = _match(r"([0-9]{1,3}(?:\.[0-9]{1,9})?)(%?)", text)
    value = float(found.group(1)) / (100 if found.group(2) else 1)
    if not 0 < value < 1:
        raise Unreadable
    return value


def parse_level(text: str) -> float:
    """A quantile level: `0.95`, `95` and `95%` alike (AHPA writes 95), in [0.5, 1); raises Unreadable."""
    found = _match(r"([0-9]{1,3}(?:\.[0-9]{1,9})?)(%?)", text)
    value = float(found.group(1))
    value = value / 100 if found.group(2) or value > 1 else value
    if not 0.5 <= value < 1:
        raise Unreadable
    return value


def _explained(read: Callable[[str], Value]) -> Callable[[str], Value]:
    """A parser that says which part is wrong."""

    def parse(text: str) -> Value:
        try:
            return read(text)
        except Wrong as error:
            raise Unreadable(str(error)) from None

    return parse


def _place(text: str) -> str:
    """As it is written: which places there are, the calendars know (adapters/calendars.py)."""
    return _match(r"[A-Z]{2,3}(-[A-Za-z0-9]{1,40})?", text).group()


PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        "mode",
        _choice("observe", "apply", "off"),
        "observe, apply or off",
        "apply",
        "observe says what it would do; apply moves the floor; off restores what you had.",
    ),
    Parameter(
        "demand",
        _name,
        "the name of a query",
        "knative-concurrency",
        "Which query of the operator's list measures this service; auto picks the one that counts what a Knative "
        "Revision is scaled by (concurrency or rps).",
    ),
    Parameter(
        "target-per-replica",
        _positive,
        "a positive number",
        "8",
        "Demand that one replica serves at target, in the query's unit.",
        otherwise="what the object says, see below",
    ),
    Parameter(
        "service-time",
        _some_time,
        "a duration such as 20s or 50ms",
        "50ms",
        "How long one request takes. Needed where the query counts requests per second and the target requests in "
        "flight, or the other way round: it converts one into the other. And the longer it is, the more wait.",
        otherwise="nothing is converted, and 2s is taken for the late share",
    ),
    Parameter(
        "late-target",
        parse_share,
        "a share in (0, 1), such as 0.1% or 0.001",
        "0.1%",
        "The share of requests that may wait for capacity: a wish that is weighed against its price, and no promise. "
        "The floor follows whatever would have come nearest to it lately for a sensible number of replicas; for the "
        "first day of a service without a past the 0.99 quantile. Where bursts come unannounced it can be missed "
        "by far, which each decision then says; min, or a quantile, is what holds in any case.",
    ),
    Parameter(
        "late-after",
        _some_time,
        "a duration such as 5s or 500ms",
        "5s",
        "How long a request may wait for capacity before it counts as late; a second where nothing is said.",
    ),
    Parameter(
        "quantile",
        parse_level,
        "a level in [0.5, 1), such as 0.95 or 95",
        "0.99",
        "Instead of late-target: plan for this quantile of the peak.",
        otherwise="the late target decides, or the costs where they are given",
    ),
    Parameter(
        "replica-cost",
        _positive,
        "a positive number",
        "2.5",
        "With late-cost, instead of late-target: price of one replica-hour.",
        otherwise="costs do not count",
    ),
    Parameter(
        "late-cost",
        _positive,
        "a positive number",
        "100",
        "With replica-cost: price of an hour in which one replica too few was ready.",
        otherwise="costs do not count",
    ),
    Parameter(
        "lead",
        parse_seconds,
        "a duration such as 300s or 5m",
        "5m",
        "How far ahead to look, instead of the learned readiness lag.",
        otherwise="the learned lag, and a tick",
    ),
    Parameter("min", _count, "a whole number", "1", "Never a floor below this.", otherwise="your own minimum"),
    Parameter(
        "max",
        _count,
        "a whole number",
        "20",
        "Never a floor above this.",
        otherwise="your own maximum and the operator's --cap",
    ),
    Parameter(
        "windows",
        _explained(windows_in),
        "windows, each a cron, or two with .. between, and min=, max= or both",
        "0 8 * * 1-5 .. 0 20 * * 1-5 min=5 max=20",
        "Bounds in time, one to a line or with ; between. From each match of the first cron to the next of the second, "
        "or in each minute that an only one matches, never a floor below min or above max; min is there when it "
        "begins, a lead ahead, as far as the limit of raises lets it. KEDA's cron triggers are windows by themselves. "
        "`zone=`, `from=` and `until=` may follow (windows-and-events.md).",
        otherwise="the bounds are the same at all times",
    ),
    Parameter(
        "events",
        _explained(events_in),
        "events, each START..END and a factor, min= or both",
        "2026-11-27T08:00..2026-11-27T23:00 x3",
        "What is planned, one to a line or with ; between: a factor on the forecast, or so many replicas at least. "
        "Write it before it begins, and leave it for 28 days after it, else it is learned as a habit. "
        "`yearly` (and no year) for what comes each year; `zone=` may follow (windows-and-events.md).",
        otherwise="nothing is planned",
    ),
    Parameter(
        "time-zone",
        _explained(zone_named),
        "an IANA time zone",
        "Europe/Berlin",
        "The clock that the load follows, and that windows and events are written by.",
        otherwise="the operator's --time-zone; without that UTC",
    ),
    Parameter(
        "holidays",
        _place,
        "a country or a part of one, as DE, DE-BY or US-CA",
        "DE-BY",
        "The load's public holidays: they are like Sundays.",
        otherwise="the operator's --holidays; without that none",
    ),
    Parameter(
        "release",
        parse_share,
        "a share in (0, 1)",
        "25%",
        "How much of the floor may be released per tick (at least one replica).",
    ),
    Parameter(
        "model",
        _name,
        "the name of a model, or auto",
        "auto",
        "Which forecasting model to use (default: fleet); auto picks the one that did best on the last day.",
    ),
    Parameter(
        "minimum-in-git",
        _choice("kept", "ignored"),
        "kept or ignored",
        "ignored",
        "Argo CD or Flux sets the minimum back to what Git has, so it is refused to write it there; ignored says that "
        "yours leaves that field alone (ignoreDifferences).",
    ),
    Parameter("paused", _flag, "true or false", "true", "Freeze the floor where it is."),
    Parameter(
        "manage-target",
        _flag,
        "true or false",
        "true",
        "Allow the utilisation target of the scaler to be raised (to 80, 90 or 100 %, whatever did best) while the "
        "forecast is trusted: Knative Services and HPAs (docs/limits.md).",
    ),
)

BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}
assert {p.field for p in PARAMETERS} == {f.name for f in fields(Policy)}, "table and dataclass differ"
