"""The parts that sentences of decisions share: what a plan needs and why, and why there are no data."""

from __future__ import annotations

import math

from ahpa.core.capacity import apportion
from ahpa.core.observation import Workload
from ahpa.core.planner import Plan
from ahpa.core.setting import Rule, Setting
from ahpa.core.words import percent, quantity

_PARTS = 4
"""So many parts are named; more would hide the sentence."""


def moves(current: int, floor: int) -> str:
    """`raise 3 -> 4`, `lower 4 -> 3` or `keep 3`."""
    if floor == current:
        return f"keep {floor}"
    return f"{'raise' if floor > current else 'lower'} {current} -> {floor}"


def needs_of(workload: Workload, made: Plan) -> str:
    """`peak 24.1 requests in flight (p99) within 441 s needs 9 at 2.8 each`, and what was taken for granted. A lifted
    peak is told as such; what the setting did on usual days then is no reason."""
    unit = f" {workload.unit}" if workload.unit else ""
    peak = f"peak {made.peak:.4g}{unit} (p{100 * made.level:.4g})"
    within = f"within {made.window_seconds:.0f} s"
    lift = made.lift
    if lift.words:
        text = f"{peak}, x{lift.value:g} for {lift.words}, {within} needs {made.floor}"
    elif made.setting.rule is Rule.CONSTANT:
        best = f"{made.floor} all the time" if made.floor else "no floor"
        text = f"{best} did best lately; {peak} {within}"
    elif made.setting.rule is Rule.SLOTS:
        text = f"{peak} and {math.sqrt(made.peak):.2g} for noise {within} needs {made.floor}"
    else:
        text = f"{peak} {within} needs {made.floor}"
    if workload.unit is None:  # recorded before there were units
        return text
    if workload.parts:
        text += _split(workload, made)
    elif lift.words or made.setting.rule is not Rule.CONSTANT:
        text += f" at {_each(workload.per_replica, workload, made)}"
    lately = "" if lift.words else _lately(workload, made.setting)
    return text + lately + (f" ({'; '.join(workload.assumed)})" if workload.assumed else "")


def _lately(workload: Workload, setting: Setting) -> str:
    """What the setting would have done in the last days, whether that is what its owner wants, and what the scaler
    alone would have done."""
    record, wanted = setting.record, workload.policy.policy.late_target
    if record is None:
        return ""
    missed = f", more than the {percent(wanted)} wanted" if record.late > wanted else ""
    alone = f"; with no floor {percent(record.alone_late)} at {quantity(record.alone_replicas)}"
    if setting.rule is Rule.CONSTANT and not setting.replicas:
        alone = ""
    late = f"{percent(record.late)} late at {quantity(record.replicas)} replicas"
    return f"; with it {late} in the last {quantity(record.days)} days{missed}{alone}"


def _each(per_replica: float | None, workload: Workload, made: Plan) -> str:
    """What one replica is counted with: at its target, or full."""
    if made.setting.rule is Rule.SLOTS:
        return f"{(per_replica or 0) / (workload.utilization or 1):.4g} each, full"
    fill, own = made.setting.utilization, workload.lever.own
    return f"{(per_replica or 0) * (fill / own if fill and own else 1):.4g} each"


def _split(workload: Workload, made: Plan) -> str:
    """`: chat-00001 1 (10 % at 70 each), chat-00002 26 (90 % at 1.4 each)`."""
    rows = list(zip(workload.parts, apportion(made.floor, workload.parts), strict=True))
    said = [
        f"{part.name} {count} ({100 * part.share:.3g} %{' to come' if part.coming_until is not None else ''} "
        f"at {_each(part.per_replica, workload, made)})"
        for part, count in rows[:_PARTS]
    ]
    return ": " + ", ".join([*said, *(["..."] if len(rows) > _PARTS else [])])


def silence(workload: Workload, age: float) -> str:
    """Why there are no recent data, `age` seconds after the newest."""
    if workload.unread is not None:
        since = f"; the newest data are {age:.0f} s old" if age > 60 and not workload.never else ""
        return f"its demand could not be read: {workload.unread}{since}"
    if workload.never:
        return f"never any data: {workload.never}"
    return f"the newest data are {age:.0f} s old"
