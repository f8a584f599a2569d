"""Whether prediction pays for a service: by what could have been known before the tested days, and by what only they
showed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ahpa.backtest.contenders import ALTERNATIVES, OURS, REACTIVE
from ahpa.backtest.results import ContenderResult, Point
from ahpa.core.words import percent
from ahpa.simulation.outcome import Outcome

Named = tuple[str, Point]
"""An alternative at one setting."""
LEAST_SAVING = 0.02
"""Of the cost; less is luck."""


@dataclass(frozen=True)
class Judged:
    """Whether prediction pays."""

    worth: bool
    why: str
    saving_hours: float = 0.0
    """Replica-hours, where both sides kept the late target; negative: ours costs more."""


def judge(found: Mapping[str, ContenderResult], late_target: float) -> Judged:
    """Ours, at the setting that it found itself, against the alternatives as they could have been set before.

    Who keeps the late target goes before who does not. Where both do, the costs decide; where neither does, ours pays
    if it is less late than all that cost no more. So nothing that is worth it costs more than an alternative with as
    few late requests.
    """
    if OURS not in found:
        return Judged(False, "ahpa was not played")
    mine, late = found[OURS].outcome, percent(late_target)
    others = set_before(found)
    played = tuple(dict.fromkeys(name for name, _ in others))
    best = cheapest_kept(others, late_target)
    if best is not None:
        if mine.late_ratio <= late_target:
            judged = _by_cost(mine.replica_hours, *best)
            return replace(judged, why=judged.why + _for_less(mine, others)) if judged.worth else judged
        name, point = best
        kept = f"{name} at {point.label} kept it, for {point.outcome.replica_hours:.1f} replica-hours"
        return Judged(False, f"ours left {percent(mine.late_ratio)} late, more than the {late} wanted; {kept}")
    if left_out := [name for name in ALTERNATIVES if name not in played]:
        missed = f"{', '.join(played)} did not keep {late} late; " if played else ""
        return Judged(False, f"not known: {missed}left out: {', '.join(left_out)}")
    if mine.late_ratio <= late_target:
        return Judged(True, f"nothing else kept {late} late{_for_less(mine, others)}")
    return _by_lateness(mine, others, late)


def set_before(found: Mapping[str, ContenderResult]) -> list[Named]:
    """The alternatives as the days before would have set them, and as they are: who changes nothing had a way too."""
    out: list[Named] = []
    for name in ALTERNATIVES:
        if name in found:
            one = found[name]
            out += [] if one.before is None else [(name, one.before)]
            out += [] if one.hindsight else [(name, Point(math.nan, one.label, one.outcome))]
    return out


def cheapest_kept(points: Sequence[Named], late_target: float) -> Named | None:
    """The cheapest of those that kept the target."""
    kept = [(name, point) for name, point in points if point.outcome.late_ratio <= late_target]
    return min(kept, key=lambda each: each[1].outcome.replica_hours, default=None)


def _by_cost(hours: float, name: str, other: Point) -> Judged:
    """Both kept the target."""
    dear = other.outcome.replica_hours
    if not dear:
        return Judged(False, "there was no load")
    saving = dear - hours
    apart = f"{abs(saving):.1f} replica-hours ({percent(abs(saving) / dear)})"
    if saving >= LEAST_SAVING * dear:
        return Judged(True, f"{apart} fewer than {name} at {other.label}, both in time", saving)
    never = ": it never has to start a replica" if name in REACTIVE and not other.outcome.scale_ups else ""
    much = f"{apart} fewer" if saving < 0 else f"hardly more, {apart}"
    return Judged(False, f"{name} at {other.label} keeps the target for {much}{never}", saving)


def _for_less(mine: Outcome, others: Sequence[Named]) -> str:
    """What it would have saved to let more requests wait, in words: who pays for ours should know it."""
    cheaper = [each for each in others if each[1].outcome.replica_hours < mine.replica_hours]
    if not cheaper:
        return ""
    name, point = min(cheaper, key=lambda each: each[1].outcome.late_ratio)
    o = point.outcome
    return (
        f"; for less, {name} at {point.label} left {percent(o.late_ratio)} late ({o.replica_hours:.1f} replica-hours)"
    )


def _by_lateness(mine: Outcome, others: Sequence[Named], late: str) -> Judged:
    """Nobody kept the target."""
    said = f"nothing kept {late} late; ours left {percent(mine.late_ratio)} for {mine.replica_hours:.1f} replica-hours"
    cheaper = [each for each in others if each[1].outcome.replica_hours <= mine.replica_hours]
    if not cheaper:
        return Judged(False, f"{said}, and all others cost more")
    name, point = min(cheaper, key=lambda each: each[1].outcome.late_ratio)
    return Judged(
        mine.late_ratio < point.outcome.late_ratio,
        f"{said}, and of what costs no more {name} at {point.label} the least, {percent(point.outcome.late_ratio)}",
    )


def afterwards(found: Mapping[str, ContenderResult], late_target: float) -> str:
    """What only the tested days showed, in a sentence: each at its cheapest setting that kept the target on them."""
    if OURS not in found:
        return ""
    mine, late = found[OURS].equal, percent(late_target)
    others = [(name, point) for name in ALTERNATIVES if name in found and (point := found[name].equal) is not None]
    best = cheapest_kept(others, late_target)
    if mine is None:
        least = min(found[OURS].points, key=lambda p: p.outcome.late_ratio)
        said = f"ours kept {late} late at none, the least was {percent(least.outcome.late_ratio)} at {least.label}"
        if best is not None:
            name, point = best
            said += f"; {name} at {point.label} did, for {point.outcome.replica_hours:.1f} replica-hours"
    else:
        hours = mine.outcome.replica_hours
        said = f"ours kept {late} late at {mine.label} for {hours:.1f} replica-hours"
        said += f"; {_by_cost(hours, *best).why}" if best else "; nothing else did"
    return f"Afterwards, each at its best setting on the tested days: {said}."
