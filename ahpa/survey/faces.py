"""What a survey found, for people and programs: a table, a page, commands to type, JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from rich.table import Table
from rich.text import Text

from ahpa.core.words import count, moment, percent, printable, quantity
from ahpa.render.html import chapter_of, document, key, listed
from ahpa.render.markup import paragraph, table, text
from ahpa.render.report import Chapter
from ahpa.render.table import cell, columns
from ahpa.survey.gains import Gain
from ahpa.survey.survey import Surveyed

BEST = 10
"""So many have a chapter in the report."""
LONG = 40
"""A name of no more characters stands in one line."""
MEANING = (
    "HOURS are replica-hours. NOW is what the service has, its own scaler with its own minimum; WITH AHPA the same "
    "with a floor of ours. Ranked by hours and late requests together, at the price by which ahpa chooses settings"
)


def headline(found: Surveyed) -> str:
    """What it comes to, in a sentence or two."""
    worth = [gain for gain in found.gains if gain.worth]
    services = f"{len(found.gains)} service{'s' if len(found.gains) != 1 else ''}"
    if not worth:
        return f"ahpa pays for none of {services}" if found.gains else "no service could be judged"
    hours = sum(gain.saved for gain in worth)
    spared = sum(gain.spared for gain in worth if gain.world.counted)
    cost = f"{quantity(abs(hours))} replica-hours {'fewer' if hours >= 0 else 'more'}"
    late = f"{count(abs(spared))} {'fewer' if spared >= 0 else 'more'} late requests"
    return f"ahpa pays for {len(worth)} of {services}: together {late} and {cost} in {_days(found)}"


def _days(found: Surveyed) -> str:
    return f"{found.test_days:g} day{'s' if found.test_days != 1 else ''}"


def ranking(found: Surveyed) -> Table:
    """A line for each that was judged, the largest gain first."""
    out = columns("SERVICE", "PAYS", right=("HOURS NOW", "WITH AHPA", "LATE NOW", "WITH AHPA", "SAVES", "SPARES"))
    for gain in found.gains:
        out.add_row(
            cell(gain.key),
            Text("yes" if gain.worth else "no", style="bold" if gain.worth else "dim"),
            *map(cell, _figures(gain)),
        )
    return out


def _figures(gain: Gain) -> tuple[str, ...]:
    hours = quantity(gain.now.replica_hours), quantity(gain.ours.replica_hours)
    late = percent(gain.now.late_ratio), percent(gain.ours.late_ratio)
    return *hours, *late, f"{'-' if gain.saved < 0 else ''}{quantity(abs(gain.saved))} h", gain.spared_in_words


def advice(found: Surveyed) -> Iterator[str]:
    """Lines under the table: what to type for those that pay, and what only a person can do."""
    worth = [gain for gain in found.gains if gain.worth]
    if commands := [f"  {gain.command}" for gain in worth if gain.command]:
        yield "To try it on those that pay (with mode=observe nothing is written to them):"
        yield from commands
    for gain in worth:
        if gain.world.lowered:
            yield f"{printable(gain.key)}: {gain.verdict}"
    if found.cut:
        yield f"Cut short: {found.cut}."


def left_out(found: Surveyed) -> Iterator[str]:
    """Those that could not be judged, and why."""
    for name, why in sorted(found.left_out.items()):
        yield f"not judged: {printable(name)}: {printable(why, 500)}"


def as_json(found: Surveyed) -> dict[str, object]:
    """All of it, but for the courses."""
    return {
        "start": found.start,
        "end": found.end,
        "test_days": found.test_days,
        "cut": found.cut,
        "services": [_row(gain) for gain in found.gains],
        "not_judged": dict(sorted(found.left_out.items())),
    }


def _row(gain: Gain) -> dict[str, object]:
    readiness = gain.candidate.workload.readiness
    return {
        "service": gain.key,
        "pays": gain.worth,
        "verdict": gain.verdict,
        "command": gain.command,
        "gain_replica_hours": round(gain.gain, 3),
        "saved_replica_hours": round(gain.saved, 3),
        "spared_late_requests": round(gain.spared) if gain.world.counted else None,
        "now": {"replica_hours": round(gain.now.replica_hours, 3), "late_ratio": _finite(gain.now.late_ratio)},
        "ahpa": {"replica_hours": round(gain.ours.replica_hours, 3), "late_ratio": _finite(gain.ours.late_ratio)},
        "minimum": gain.world.now.scaling.bounds[0],
        "scaler": gain.world.now.scaling.name,
        "measured_by": gain.candidate.asked.words,
        "starts_seen": readiness.learned,
    }


def _finite(ratio: float) -> float | None:
    return round(ratio, 6) if math.isfinite(ratio) else None


def page(found: Surveyed) -> str:
    """A ranking of all, then a chapter on each of the best."""
    name = f"ahpa survey: {len(found.gains)} services, {moment(found.start)} to {moment(found.end)}"
    best = found.gains[:BEST]
    chapters = [_chapter(gain) for gain in best]
    first, _, further = headline(found).partition(": ")
    commands = "\n".join(gain.command for gain in found.gains if gain.command)
    return document(
        name,
        [
            f"<h1>{text(name)}</h1>",
            f'<p class="lead">{text(first)}</p>',
            paragraph(f"{further[:1].upper()}{further[1:]}." if further else ""),
            paragraph(
                "Each service met the same requests twice in a simulated cluster: as it is, and with ahpa, which "
                f"learned only from what came before. {MEANING}. Nothing was written to the cluster.",
                "quiet",
            ),
            paragraph(f"Cut short: {found.cut}." if found.cut else ""),
            _table(found.gains),
            _commands(commands),
            key(chapters),
            *(chapter_of(chapter, i) for i, chapter in enumerate(chapters)),
            listed("Not judged, and what to do", sorted(found.left_out.items())),
        ],
    )


def _table(gains: Sequence[Gain]) -> str:
    if not gains:
        return ""
    head = ["service", "replica-hours<br>now", "<br>with ahpa", "late<br>now", "<br>with ahpa", "saves"]
    head += ["spares<br>late requests", "pays?"]
    rows = [
        (_link(gain, i), *map(text, _figures(gain)), text(f"{'yes' if gain.worth else 'no'}: {gain.verdict}"))
        for i, gain in enumerate(gains)
    ]
    return "<h2>All that were judged</h2>" + table(head, rows, frozenset({len(head) - 1}))


def _link(gain: Gain, index: int) -> str:
    name = text(gain.key) if len(gain.key) > LONG else f'<span style="white-space:nowrap">{text(gain.key)}</span>'
    return f'<a href="#s{index}">{name}</a>' if index < BEST else name


def _commands(commands: str) -> str:
    if not commands:
        return ""
    return (
        "<h2>To try it</h2>"
        + paragraph(
            "With mode=observe ahpa says what it would do, and writes nothing to the service. A minimum that is held "
            "for peaks is lowered only after it acts (mode=apply)."
        )
        + f"<pre>{escape(commands, quote=False)}</pre>"
    )


def _chapter(gain: Gain) -> Chapter:
    return Chapter(gain.result, gain.world.ours.per_replica)
