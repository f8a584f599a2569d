"""What a query counts, where its text says so plainly: a preset of ours, or rate() of something.

Inferred is only what needs no guess; else its asker is asked. Seconds per second that requests took are requests in
flight (Little 1961).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ahpa.adapters.prometheus.promql import HOLE, PromQLError, Token, tokens
from ahpa.adapters.prometheus.queries import load_queries
from ahpa.core.units import IN_FLIGHT, PER_SECOND, UNITS, Unit

_KEEP_UNITS = frozenset({"sum", "max", "min", "avg"})
_RATES = frozenset({"rate", "irate"})
_NO_REQUESTS = re.compile(r"cpu|bytes|tokens|octets|packets|joules|(?<!_duration)_seconds_total", re.ASCII)
_TIME_TAKEN = re.compile(r"_(seconds|duration)_sum\Z", re.ASCII)
_MINUTE = ("1m", "60s")


@dataclass(frozen=True)
class Meaning:
    """What one query counts."""

    unit: Unit
    why: str
    """In words: "rate() is per second"."""


def meaning_of(query: str) -> Meaning | None:
    """None where the text does not say it plainly, and for what is no PromQL."""
    preset = _preset(query)
    if preset is not None:
        return preset
    try:
        words = _without_aggregation(list(tokens(query)))
    except PromQLError:
        return None
    while len(words) > 3 and words[0].text == "histogram_count" and _closes(words, 1) == len(words) - 1:
        words = words[2:-1]
    function = words[0].text.lower() if words else ""
    if len(words) < 4 or words[1].text != "(" or _closes(words, 1) != len(words) - 1:
        return None
    inside = words[2:-1]
    metric = next((word.text for word in inside if word.kind == "word"), "")
    plain = inside[-1].text == "]" and sum(word.text == "[" for word in inside) == 1 and inside[0].text == metric
    if not plain or _NO_REQUESTS.search(metric):
        return None
    if function in _RATES and _TIME_TAKEN.search(metric):
        return Meaning(IN_FLIGHT, f"{function}() of seconds that requests took is requests in flight")
    if function in _RATES:
        return Meaning(PER_SECOND, f"{function}() is per second")
    if function == "increase" and inside[-2].text in _MINUTE and not _TIME_TAKEN.search(metric):
        return Meaning(UNITS["requests-per-minute"], f"increase() over {inside[-2].text} is per minute")
    return None


def _without_aggregation(words: list[Token]) -> list[Token]:
    """What is inside of brackets, and of aggregations that keep the unit."""
    while words:
        if words[0].text == "(" and _closes(words, 0) == len(words) - 1:
            words = words[1:-1]
            continue
        if words[0].text.lower() not in _KEEP_UNITS or len(words) < 2:
            return words
        rest = _without_grouping(words[1:], 0)
        end = _closes(rest, 0)
        if not end or (end < len(rest) - 1 and _without_grouping(rest[end + 1 :], 0)):
            return words
        words = rest[1:end]
    return words


def _without_grouping(words: list[Token], at: int) -> list[Token]:
    """Without `by (...)` or `without (...)` at its beginning."""
    if not words or words[at].text.lower() not in ("by", "without"):
        return words
    end = _closes(words, at + 1)
    return words[end + 1 :] if end else words


def _closes(words: list[Token], at: int) -> int:
    """Where the bracket at `at` is closed; 0 if there is none."""
    depth = 0
    for i in range(at, len(words)):
        depth += (words[i].text in ("(", "{")) - (words[i].text in (")", "}"))
        if not depth:
            return i if i > at else 0
    return 0


def _preset(query: str) -> Meaning | None:
    """The preset of ours that this is, with whatever namespace, name and step."""
    text = "".join(query.split())
    for name, known in load_queries().items():
        pieces = HOLE.split("".join(known.template.split()))[::2]  # what was between are the holes' names
        if known.unit is not None and re.fullmatch("[^\"']+?".join(map(re.escape, pieces)), text):
            return Meaning(known.unit, f"the preset {name} counts {known.unit.counts}")
    return None
