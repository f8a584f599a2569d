"""What queries of a fleet have in common: the same text but for the values that their labels must have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from sys import intern

_VALUE = re.compile(
    r"(?P<sign>[=!]~|!?=)\s*\"(?P<value>[^\"\\\n]*)\""
    r"|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`[^`]*`|\#[^\n]*",
    re.ASCII,
)
"""A value of a matcher; or another text or a comment, in which no value is looked for."""
_NAMESPACE = re.compile(r"namespace[a-zA-Z0-9_]*\s*\Z", re.ASCII)
_BEFORE = 60
"""Characters before a sign in which its label stands."""
HOLE = '""'


@dataclass(frozen=True)
class Asked:
    """One query, taken apart."""

    text: str
    template: str
    """The query with `""` for each value; a value with a backslash, or in other quotes, stays where it is."""
    values: tuple[str, ...]
    """What stood there, in this order."""
    tenant: str
    """The value of the first label that is called a namespace; empty where there is none. Nothing hangs on it but who
    shares a request with whom."""

    @property
    def place(self) -> tuple[str, str, tuple[str, ...], str]:
        """Queries are asked in this order, in each round the same: a namespace's stand together."""
        return self.tenant, self.template, self.values, self.text


@lru_cache(32_768)
def taken_apart(text: str) -> Asked:
    """Any text; what is no PromQL comes back from the server as such. Each round asks the same ones again."""
    values: list[str] = []
    tenant = ""

    def hole(found: re.Match[str]) -> str:
        nonlocal tenant
        value, sign = found["value"], found["sign"]
        if value is None:
            return found[0]
        if not tenant and sign == "=" and _NAMESPACE.search(text, max(0, found.start() - _BEFORE), found.start()):
            tenant = value
        values.append(value)
        return f"{sign}{HOLE}"

    template = intern(_VALUE.sub(hole, text))  # ten thousand queries have one
    return Asked(text, template, tuple(values), tenant)


def differing(members: Sequence[Asked]) -> tuple[int, ...]:
    """Which values are not the same in all of them; they have one template."""
    return tuple(
        i for i, column in enumerate(zip(*(each.values for each in members), strict=True)) if len(set(column)) > 1
    )
