"""What was saved lately, from the counters of `ahpa serve`: a table, a sentence, JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rich.table import Table

from ahpa.core.words import count, printable, quantity
from ahpa.render.table import cell, columns

COURSES = ("actual", "reactive", "fixed", "advised")
MEANING = (
    "HAD is what really was; ALONE its scaler without us, CONSTANT above the smallest constant floor that kept the "
    "late target on the days before, ADVISED with our floors, written or not. All but HAD is a model"
)


@dataclass(frozen=True)
class Lately:
    """One service, or all: by course, and by `modelled` (what the model says of the one that really was)."""

    name: str
    """`kind/namespace/name`; empty for all."""
    hours: Mapping[str, float] = field(default_factory=dict)
    """Of replicas."""
    late: Mapping[str, float] = field(default_factory=dict)
    """Requests."""


Samples = Iterable[tuple[Mapping[str, str], float]]
"""Labels and a value."""


def lately(hours: Samples, late: Samples) -> list[Lately]:
    """Services by name, then all together; empty where there are none."""
    by_name = _by_name(hours), _by_name(late)
    names = sorted({name for part in by_name for name in part})
    found = [Lately(name, *(part.get(name, {}) for part in by_name)) for name in names]
    return [*found, _all(found)] if found else []


def _by_name(samples: Samples) -> dict[str, dict[str, float]]:
    """By service and course."""
    out: dict[str, dict[str, float]] = {}
    for labels, value in samples:
        name = "/".join(labels.get(part, "") for part in ("kind", "namespace", "name"))
        out.setdefault(name, {})[labels.get("by", "")] = value
    return out


def _all(rows: Sequence[Lately]) -> Lately:
    def of(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
        return {by: sum(part.get(by, 0.0) for part in parts) for by in (*COURSES, "modelled")}

    return Lately("", of([row.hours for row in rows]), of([row.late for row in rows]))


def saved_table(rows: Sequence[Lately]) -> Table:
    """A line for each service and one for all."""
    heads = ("HOURS HAD", "ALONE", "CONSTANT", "ADVISED", "LATE HAD", "ALONE", "CONSTANT", "ADVISED")
    table = columns("SERVICE", right=heads)
    for row in rows:
        hours = (quantity(row.hours[by]) if by in row.hours else "–" for by in COURSES)
        late = (count(row.late[by]) if by in row.late else "–" for by in COURSES)
        table.add_row(cell(printable(row.name or "all")), *map(cell, (*hours, *late)))
    return table


def sentences(rows: Sequence[Lately]) -> Iterator[str]:
    """What it comes to, and how far the model is from what can be measured."""
    hours, late = rows[-1].hours, rows[-1].late
    yield f"{_apart(late['reactive'] - late['actual'], hours['reactive'] - hours['actual'])} than the scalers alone."
    yield f"{_apart(late['fixed'] - late['actual'], hours['fixed'] - hours['actual'])} than constant floors."
    if abs(would := hours["actual"] - hours["advised"]) >= 0.05 or late["actual"] != late["advised"]:
        yield f"Would have had (observe): {_apart(late['actual'] - late['advised'], would).lower()} than there were."
    yield (
        f"How far the model is: of what really was it says {quantity(hours['modelled'])} replica-hours instead of "
        f"{quantity(hours['actual'])}, and {count(late['modelled'])} late instead of {count(late['actual'])}."
    )


def _apart(late: float, hours: float) -> str:
    requests = f"{count(abs(late))} {'fewer' if late >= 0 else 'more'} late requests"
    return f"{requests} and {quantity(abs(hours))} {'fewer' if hours >= 0 else 'more'} replica-hours"


def saved_json(rows: Sequence[Lately]) -> list[dict[str, object]]:
    """One object for each service; the last, without a name, is all."""
    return [
        {
            "service": row.name,
            "replica_hours": {by: round(value, 3) for by, value in row.hours.items()},
            "late_requests": {by: round(value, 1) for by, value in row.late.items()},
        }
        for row in rows
    ]
