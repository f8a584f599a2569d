"""What a check found, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from ahpa.check.finding import Finding, Outcome
from ahpa.core.words import printable

MOST = 400
"""Characters of a cell; a server's own words may be in it."""


def lines(finding: Finding) -> Iterator[str]:
    """One for what was found, and one for what to do."""
    where, said = printable(finding.where, MOST), printable(finding.said, MOST)
    yield f"{finding.outcome:<11} {finding.what}: {where}: {said}"
    if finding.do:
        yield f"{'':<11} -> {printable(finding.do, MOST)}"


def summary(findings: Iterable[Finding]) -> str:
    """As `12 ok, 2 warnings, 1 failed`."""
    count = Counter(finding.outcome for finding in findings)
    several = "s" * (count[Outcome.WARNING] > 1)
    return ", ".join(f"{count[one]} {one}{several * (one is Outcome.WARNING)}" for one in Outcome if count[one])


def as_json(findings: Iterable[Finding]) -> list[dict[str, str]]:
    """Each with `outcome`, `what`, `where`, `said`, `do`."""
    return [asdict(finding) for finding in findings]
