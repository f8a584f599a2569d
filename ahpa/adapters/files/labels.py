"""Labels of series: as they are written, and the names that people read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

Labels = Mapping[str, str]
METRIC = "__name__"
_PAIR = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_.]*|"(?:[^"\\]|\\.)*")\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|\Z)', re.DOTALL)
_WRITTEN = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:.]*)?\s*\{(.*)\}", re.DOTALL)
_ESCAPED = {"n": "\n", '"': '"', "\\": "\\"}
_WHO = (("namespace", "service"), ("namespace", "name"), ("namespace_name", "configuration_name"))
"""Labels that say by themselves whose demand it is."""


def labels_in(text: str) -> Labels | None:
    """The labels of `name{a="b", c="d"}`, with or without the name; None for a text that is none."""
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        return None
    labels = {METRIC: found[1]} if found[1] else {}
    at, inside = 0, found[2]
    while inside[at:].strip():
        pair = _PAIR.match(inside, at)
        if pair is None:
            return None
        labels[pair[1].strip('"')] = re.sub(r"\\(.)", lambda m: _ESCAPED.get(m[1], m[0]), pair[2])
        at = pair.end()
    return labels or None


def names_of(series: Sequence[Labels]) -> list[str]:
    """A name for each: short where that tells them apart, else with the metric's."""
    short = [_name(labels) for labels in series]
    return [_whole(labels) if short.count(name) > 1 else name for name, labels in zip(short, series, strict=True)]


def _name(labels: Labels) -> str:
    """The labels that tell series apart, for people."""
    texts = {k: v for k, v in labels.items() if k != METRIC}
    for keys in _WHO:
        if all(key in texts for key in keys):
            return "/".join(texts[key] for key in keys)
    return _pairs(texts) or labels.get(METRIC, "series")


def _whole(labels: Labels) -> str:
    return _pairs(labels) or "series"


def _pairs(labels: Labels) -> str:
    return ",".join(f"{k}={v}" if k else v for k, v in sorted(labels.items()))
