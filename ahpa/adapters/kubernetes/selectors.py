"""Label selectors in the words of a list's query, answered without a server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

_LABEL = r"[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?"
_VALUE = r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?"
_RULE = re.compile(
    rf"\s*(?:(?P<absent>!)\s*)?(?P<key>{_LABEL})\s*"
    rf"(?:(?P<sign>==|=|!=)\s*(?P<value>{_VALUE})|(?P<word>in|notin)\s*\((?P<values>[^()]*)\))?\s*(?:,|$)",
    re.ASCII,
)


@dataclass(frozen=True)
class Rule:
    """What one label must be."""

    key: str
    values: frozenset[str] | None
    """One of these; None: whatever."""
    negated: bool = False
    """Anything but that; a label that is absent counts as such (apimachinery, pkg/labels/selector.go: Matches)."""

    def fits(self, labels: Mapping[str, object]) -> bool:
        """Whether an object with these labels is selected."""
        value = labels.get(self.key)
        return (isinstance(value, str) and (self.values is None or value in self.values)) != self.negated


@dataclass(frozen=True)
class Selector:
    """Rules that must all hold."""

    rules: tuple[Rule, ...] = ()

    def fits(self, labels: Mapping[str, object]) -> bool:
        """Whether an object with these labels is selected."""
        return all(rule.fits(labels) for rule in self.rules)

    @property
    def exact(self) -> tuple[str, str] | None:
        """A label and the one value that it must have, where there is such a rule."""
        for rule in self.rules:
            if rule.values is not None and len(rule.values) == 1 and not rule.negated:
                return rule.key, next(iter(rule.values))
        return None


@lru_cache(65_536)
def selector_of(text: str) -> Selector:
    """From `app=web,tier in (a,b),!canary`. Raises ValueError for what a server would not take either."""
    rules, at = [], 0
    while at < len(text):
        found = _RULE.match(text, at)
        if found is None or (found["absent"] and (found["sign"] or found["word"])):
            raise ValueError(f"{text[:80]!r} is no label selector")
        values = None
        if found["sign"]:
            values = frozenset((found["value"],))
        elif found["word"]:
            values = frozenset(value.strip() for value in found["values"].split(","))
        rules.append(
            Rule(found["key"], values, bool(found["absent"] or found["sign"] == "!=" or found["word"] == "notin"))
        )
        at = found.end()
    return Selector(tuple(rules))
