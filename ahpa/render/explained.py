"""One service from data to decision: in words, as a picture for the terminal, and as a page."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape

import numpy as np
from rich.table import Table
from rich.text import Text

from ahpa.core.bounds import bounds_of
from ahpa.core.lever import setting_of
from ahpa.core.observation import Limits, Observation
from ahpa.core.planner import LAG_LEVEL
from ahpa.core.words import moment, percent, printable, quantity, seconds
from ahpa.ports import TargetRound
from ahpa.render.forecast import picture
from ahpa.render.live import BARS, squeezed
from ahpa.render.markup import paragraph, text
from ahpa.render.palette import DARK
from ahpa.render.status import Row
from ahpa.render.style import SHEET
from forecasting.forecast import Forecast
from forecasting.levels import read_level
from forecasting.panel import DAY_SECONDS, Panel

PAST_SECONDS = 12 * 3600.0
"""So much of the past stands left of the forecast."""
ROWS = 10


@dataclass(frozen=True, eq=False)
class Explained:
    """All that is known of one service at one moment."""

    row: Row
    each: TargetRound
    now: float
    limits: Limits
    tick: float
    query: str | None
    """Filled; None: nothing is asked."""
    measured: str
    """By what, and what one replica serves of it: what was inferred of the object."""
    history: Panel | None
    """Its demand, one row; None: nothing could be read."""
    steps: Forecast | None
    """What is foreseen of it alone, step by step."""


def sentences(it: Explained) -> list[tuple[str, str]]:
    """(what, in words), from the data to the decision."""
    return [(what, said) for what, said in _sentences(it) if said]


def _sentences(it: Explained) -> Iterator[tuple[str, str]]:
    target, workload, decision = it.each.target, it.each.workload, it.each.decision
    yield "object", f"{target.title} {target.namespace}/{target.name}"
    owner = "nobody else, as far as it says" if workload.refusal is None else workload.refusal
    yield "made or written by", owner
    yield "asked for", ", ".join(f"{key} {value!r}" for key, value in sorted(workload.policy.raw.items())) or "nothing"
    yield "wrong with that", "; ".join((*workload.policy.problems, *workload.policy.warnings))
    yield "measured by", it.measured
    yield "the query", it.query or ""
    yield "taken for granted", "; ".join(workload.assumed)
    yield "history", _history(it)
    yield "a start takes", _starts(it)
    yield "forecast", _forecast(it)
    yield "setting", _setting(it)
    yield "bounds", _bounds(it)
    yield "there now", f"{workload.ready} ready of {workload.present}, floor {decision.previous}"
    if target.managed and target.present < target.floor:
        yield "not followed yet", target.inertia or "fewer are asked for than the floor, as for a moment after a write"
    yield "decision", f"{decision.message} ({decision.reason})"
    yield "written", _written(it)
    if it.row.change is not None:
        at, floor = it.row.change
        yield "next", f"floor {floor} about {moment(at)}, if this forecast holds"


def _history(it: Explained) -> str:
    unread = it.each.workload.unread
    if it.history is None or not np.isfinite(it.history.values).any():
        return f"none: {unread or it.each.workload.never}" if unread or it.each.workload.never else ""
    values, panel = it.history.values[0], it.history
    known = values[np.isfinite(values)]
    days, whole = len(known) * panel.step / DAY_SECONDS, (panel.end - panel.start) / DAY_SECONDS
    age = max(0.0, it.now - float(panel.last_observed()[0]))
    return (
        f"{quantity(days)} days of the last {quantity(whole)} were observed, the newest {seconds(age)} ago; median "
        f"{quantity(float(np.median(known)))}, largest {quantity(float(known.max()))}"
    )


def _starts(it: Explained) -> str:
    lead, readiness = it.each.workload.policy.policy.lead, it.each.workload.readiness
    if lead is not None:
        return f"{seconds(lead)}, as its owner says (ahpa.dev/lead)"
    count = f"{readiness.learned} start{'s' if readiness.learned != 1 else ''}"
    learned = f"learned from {count}" if readiness.learned else "assumed until its pods show better"
    return f"{seconds(readiness.longest(LAG_LEVEL))} in nine of ten cases, {learned}"


def _forecast(it: Explained) -> str:
    outlook, made = it.each.outlook, it.each.decision.plan
    if outlook is None or outlook.reason is not None:
        return "none yet" if outlook is None else f"none, because {outlook.reason}"
    if made is None:
        return ""
    reach = max(0.0, it.now - outlook.origin) + made.window_seconds
    half, most = quantity(outlook.peak(reach, 0.5)), quantity(made.peak)
    return (
        f"the peak within {seconds(made.window_seconds)} is at most {half} in one case of two, and at most {most} in "
        f"{percent(made.level)} of all (by {outlook.model})"
    )


def _setting(it: Explained) -> str:
    workload = it.each.workload
    if it.each.decision.plan is None:
        return ""
    setting, policy = setting_of(workload), workload.policy.policy
    if setting is not workload.setting:
        return f"{setting}, as its owner asks for that level"
    record = setting.record
    if record is None:
        return f"{setting}: the default, until there are days on which settings can be tried"
    return (
        f"{setting}: of all that were tried on the last {quantity(record.days)} days it did best for a late-target of "
        f"{percent(policy.late_target)}, {percent(record.late)} late at {quantity(record.replicas)} replicas; with no "
        f"floor {percent(record.alone_late)} at {quantity(record.alone_replicas)}"
    )


def _bounds(it: Explained) -> str:
    workload = it.each.workload
    found = bounds_of(workload, Observation(it.now, it.tick, (workload,), {}, it.limits))
    most = {"its own maximum": workload.maximum, "ahpa.dev/max": workload.policy.policy.max, "--cap": it.limits.cap}
    high = next((name for name, value in most.items() if value is not None and value <= found.high), found.allowed)
    low = "its owner's minimum" if found.low == workload.baseline else found.wanted
    return f"at least {found.low} ({low}), at most {found.high} ({high})"


def _written(it: Explained) -> str:
    if it.row.writes:
        return "yes, by a service that may write"
    return "no: nothing changes" if not it.each.decision.change else f"no: its mode is {it.row.mode}"


def words(it: Explained) -> Table:
    """The sentences beside what they are of."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for what, said in sentences(it):
        table.add_row(Text(what, style="dim"), Text(printable(said, 1000)))
    return table


def chart(it: Explained, width: int) -> Text | None:
    """The demand of the past hours, the level of the forecast that is planned for and what the floors serve, in `width`
    columns; None where nothing was observed or foreseen."""
    per_replica, history = it.each.workload.per_replica, it.history
    if history is None or it.steps is None or it.row.ahead is None or per_replica is None:
        return None
    past = history.between(history.end - PAST_SECONDS, history.end).values[0]
    level = setting_of(it.each.workload).level
    ahead = np.array([read_level(it.steps.levels, values, level) for values in it.steps.steps[0]])
    left = max(1, width * len(past) // (len(past) + len(ahead)))
    right = max(1, width - left)
    before, after = squeezed(past, left, np.max), squeezed(ahead, right, np.max)
    served = squeezed(it.row.ahead.floors * per_replica, right, np.max)
    top = 1.02 * max(float(np.nanmax(values, initial=0.0)) for values in (before, after, served, np.ones(1)))
    out = Text(no_wrap=True, overflow="crop")
    for row in range(ROWS - 1, -1, -1):
        for value in before.tolist():
            out.append(_bar(value, top / ROWS, row), style=DARK["demand"])
        for value, floor in zip(after.tolist(), served.tolist(), strict=True):
            line = row <= floor / (top / ROWS) < row + 1 and floor > 0
            out.append("━" if line else "░" if value > row * top / ROWS else " ", style=DARK["ahpa"])
        out.append(f" {quantity(top)}\n" if row == ROWS - 1 else " 0\n" if row == 0 else "\n", style="dim")
    return out.append(_axis(it, left, right), style="dim")


def _bar(value: float, per_row: float, row: int) -> str:
    return BARS[max(0, min(8, round(8 * (value / per_row - row))))] if math.isfinite(value) else " "


def _axis(it: Explained, left: int, right: int) -> str:
    assert it.history is not None
    assert it.steps is not None
    last = it.steps.origin + it.steps.step * it.steps.steps.shape[1]
    start, now, end = (_clock(at) for at in (it.history.end - PAST_SECONDS, it.now, last))
    level = 100 * setting_of(it.each.workload).level
    return (
        f"{start}{'now ' + now:>{max(1, left - len(start))}}{end:>{right}}\n"
        f"█ demand   ░ foreseen (p{level:.4g} of each minute)   ━ what the floor serves, {_unit(it)}; times are UTC"
    )


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M}"


def _unit(it: Explained) -> str:
    return f"in {it.each.workload.unit}" if it.each.workload.unit else "in the unit of the query"


def drawable(it: Explained) -> Sequence[tuple[Panel, Forecast, int]]:
    """For `picture`; empty where nothing was observed or foreseen."""
    if it.history is None or it.steps is None or it.steps.reasons[0] is not None:
        return ()
    return ((it.history, it.steps, 0),)


def alone(steps: Forecast, row: int, name: str) -> Forecast:
    """What is foreseen of one series, by another name."""
    one = slice(row, row + 1)
    return replace(
        steps,
        steps=steps.steps[one],
        peaks=steps.peaks[one],
        keys=(name,),
        models=steps.models[one],
        reasons=steps.reasons[one],
        largest=None,
        failed=None,
    )


def page(it: Explained) -> str:
    """The same as one file: no script, nothing to load, all escaped."""
    key = printable(it.each.decision.key)
    drawn = drawable(it)
    svg = io.BytesIO()
    if drawn:
        picture(drawn, svg, "svg")
    figure = svg.getvalue().decode()
    shown = "".join(f"<dt>{text(what)}</dt><dd>{text(said)}</dd>" for what, said in sentences(it))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(key)}</title><style>{SHEET} figure{{background:#fff}}</style></head><body>"
        f"<h1>ahpa explain {escape(key)}</h1>"
        f'<p class="lead">{text(it.each.decision.message)}</p>{paragraph(f"Decided {moment(it.now)}.", "quiet")}'
        + (f"<figure>{figure[figure.index('<svg') :]}</figure>" if drawn else "")
        + f"<dl>{shown}</dl></body></html>\n"
    )
