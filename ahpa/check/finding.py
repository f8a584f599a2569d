"""What a check found: a line, and what the lines together mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How it stands, from the best to the worst."""

    OK = "ok"
    WARNING = "warning"
    """The service works, and worse than it could; or it cannot be seen from here."""
    FAILED = "failed"
    """The service would not do what it is for, or may do what it must not."""
    UNREACHABLE = "unreachable"
    """A server gave no answer, so nothing behind it could be looked at."""


@dataclass(frozen=True)
class Finding:
    """One line."""

    outcome: Outcome
    what: str
    """What was looked at: `rights`, `clock`, ..."""
    where: str
    """The object, account, server or service that it is about."""
    said: str
    do: str = ""
    """What to do about it; empty: nothing."""


def exit_code(findings: Iterable[Finding]) -> int:
    """0: nothing that must be mended; 1: something failed; 3: a server could not be reached."""
    found = {finding.outcome for finding in findings}
    if Outcome.UNREACHABLE in found:
        return 3
    return 1 if Outcome.FAILED in found else 0
