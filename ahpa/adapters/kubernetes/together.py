"""What the Revisions of a Knative Service come to together: its parts, what measures it, how full they are filled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ahpa.adapters.kubernetes.revisions import Facts
from ahpa.core.capacity import Part
from ahpa.core.setting import Lever
from ahpa.core.units import credible
from ahpa.targets import Measure


def parts_of(
    rows: Mapping[str, Facts], received: Mapping[str, int], wanted: Mapping[str, int], until: Mapping[str, float]
) -> tuple[Part, ...]:
    """Each Revision with the traffic that it receives or is meant to, whichever is more; how long one is prepared for
    that receives none yet."""
    whole = sum(received[name] for name in rows if name in received) or 100
    return tuple(
        Part(
            name,
            max(received.get(name, 0) / whole, wanted.get(name, 0) / 100),
            _served(row),
            row.baseline,
            row.maximum,
            row.floor,
            row.ready,
            None if name in received else until[name],
        )
        for name, row in rows.items()
    )


def _served(row: Facts) -> float:
    """What one replica serves; 1 where nothing is said that can be divided by."""
    value = row.capacity.value
    return value if value is not None and credible(value) else 1.0


def measures_of(rows: Sequence[Facts]) -> tuple[tuple[Measure, ...], str]:
    """What a Service of such Revisions is scaled by, or why no query can be for that."""
    capacities = tuple(row.capacity for row in rows)
    metrics = {row.metric for row in rows} or {"knative/concurrency"}
    if "" in metrics:
        unread = next(row.capacity.source for row in rows if not row.metric)
        why = f"{unread}: name the query that measures it, and set ahpa.dev/target-per-replica"
    elif len(metrics) > 1:
        why = "its Revisions are scaled by different metrics, and each query sees only its own: name one for all"
    else:
        return (Measure(metrics.pop(), capacities),), ""
    return (Measure("", capacities),), why


def lever_of(rows: Sequence[Facts]) -> Lever:
    """The target of a Service of such Revisions: each is raised where its own is lower."""
    levers = [row.lever for row in rows]
    shares = [lever.own for lever in levers]
    known = [share for share in shares if share is not None]
    return Lever(
        own=max(known) if known and len(known) == len(shares) else None,
        raised=min((lever.raised for lever in levers if lever.raised is not None), default=None),
        fixed=next((lever.fixed for lever in levers if lever.fixed), ""),
    )
