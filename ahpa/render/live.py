"""The demo's live view: a day that draws itself, ours beside the reactive autoscaler, for a terminal.

`draw` is a pure function of a `Frame`; who shows it (rich's Live) and how fast is the demo's business.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import itemgetter

import numpy as np
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ahpa.backtest.contenders import title
from ahpa.core.words import count, moment, percent, printable, quantity
from ahpa.render.palette import DARK, role
from forecasting.panel import Floats

BARS = " ▁▂▃▄▅▆▇█"
BESIDE = 2
"""Pictures side by side: ours and the next; the others only in the sums."""
NARROWEST = 39
"""Columns of a picture: two stand beside each other in 80."""
ROOMY = 48
"""Columns of a picture from which on words are written out."""
LATE_SHARE = 0.01
"""A bar is pink where more than this share of its requests was late."""


@dataclass(frozen=True, eq=False)
class Course:
    """One contender on one service so far."""

    contender: str
    ready: Floats
    """Shape [t]: replicas ready, one value per minute of the day; NaN for minutes to come."""
    floor: Floats
    late: Floats
    requests: float
    """Requests that arrived so far."""
    replica_hours: float


@dataclass(frozen=True, eq=False)
class Lane:
    """One service now."""

    name: str
    demand: Floats
    """Shape [t]: requests in flight that the arrivals ask for; NaN for minutes to come."""
    per_replica: float
    starting: int
    """Replicas asked for and not yet ready, ours."""
    courses: tuple[Course, ...]
    """Ours first."""
    sentence: str
    """The last decision that changed something."""


@dataclass(frozen=True, eq=False)
class Frame:
    """All that is shown at one moment."""

    now: float
    """Unix seconds, simulated."""
    done: float
    """Share of the day, 0-1."""
    lanes: tuple[Lane, ...]


def draw(frame: Frame, width: int, height: int) -> RenderableType:
    """The frame as lines that fit `width` columns and, down to 24, `height` rows: where those are few, without lines
    between the services."""
    most = max((len(lane.courses) for lane in frame.lanes), default=1)
    shown = max(1, min(most, BESIDE, (width + 2) // (NARROWEST + 2)))
    each = (height - 6) // max(1, len(frame.lanes))
    gap = [Text("")] if each > 8 else []
    rows = max(2, min(7, (height - 3 - len(gap)) // max(1, len(frame.lanes)) - 4 - len(gap)))
    parts: list[RenderableType] = [_clock(frame, width)]
    for lane in frame.lanes:
        parts += [*gap, *_lane(lane, shown, (width - 2 * (shown - 1)) // shown, rows)]
    return Group(*parts, *gap, _sums(frame, width), _legend(width))


def line(frame: Frame) -> str:
    """The frame in one line, for a log."""
    lanes = []
    for lane in frame.lanes:
        ours = lane.courses[0]
        seen = np.flatnonzero(np.isfinite(ours.ready))
        if not len(seen):
            continue
        last = seen[-1]
        late = " / ".join(count(float(np.nansum(c.late))) for c in lane.courses)
        lanes.append(
            f"{printable(lane.name)}: demand {quantity(lane.demand[last])}, floor {ours.floor[last]:.0f}, "
            f"ready {ours.ready[last]:.0f}, late {late}"
        )
    return f"{moment(frame.now)}  " + "  |  ".join(lanes)


def _clock(frame: Frame, width: int) -> RenderableType:
    """The simulated time and how much of the day is done; what it is, where there is room for that too."""
    words = [Text("1 day, simulated", style="dim", no_wrap=True)] if width >= 60 else []
    room = width - len(moment(frame.now)) - 2 - sum(2 + len(word) for word in words)
    grid = Table.grid(padding=(0, 2))
    bar = ProgressBar(total=1.0, completed=frame.done, width=max(4, room), complete_style=DARK["ahpa"])
    grid.add_row(Text(moment(frame.now), style="bold", no_wrap=True), bar, *words)
    return grid


def _lane(lane: Lane, shown: int, width: int, rows: int) -> list[RenderableType]:
    ours = lane.courses[0]
    now = _last(ours.ready)
    head = Text(printable(lane.name, 40), style="bold", no_wrap=True, overflow="ellipsis")
    demand, ready, floor = lane.demand[now], ours.ready[now], ours.floor[now]
    head.append(f"   demand {quantity(demand)} in flight = {demand / lane.per_replica:.1f} replicas", style="dim")
    head.append(f"   floor {floor:.0f}   ready {ready:.0f}", style=DARK["ahpa"])
    if lane.starting:
        head.append(f"   starting {lane.starting}", style="yellow")
    drawn = [squeezed(c.ready, width, np.mean) * lane.per_replica for c in lane.courses[:shown]]
    top = 1.02 * float(np.nanmax(np.concatenate([*drawn, squeezed(lane.demand, width, np.max), [1.0]])))
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_row(*(_caption(course, width) for course in lane.courses[:shown]))
    grid.add_row(*(picture(lane, course, top, width, rows) for course in lane.courses[:shown]))
    said = clauses(printable(lane.sentence, 1000), shown * width + 2 * (shown - 1), 2)
    return [head, grid, Text(said, style="italic dim")]


def clauses(sentence: str, width: int, most: int) -> str:
    """As many clauses of the sentence as fit that many lines, whole; of the first what fits."""
    first, *further = sentence.split("; ")
    said = textwrap.wrap(first, width, max_lines=most, placeholder="…")
    for clause in further:
        longer = textwrap.wrap(f"{' '.join(said)}; {clause}", width)
        if len(longer) > most:
            break
        said = longer
    return "\n".join([*said, *[""] * (most - len(said))])


def _last(values: Floats) -> int:
    seen = np.flatnonzero(np.isfinite(values))
    return int(seen[-1]) if len(seen) else 0


def _caption(course: Course, width: int) -> Text:
    late = float(np.nansum(course.late))
    share = percent(late / course.requests if course.requests else 0.0)
    hours, waited = quantity(course.replica_hours), f"{count(late)} late ({share})"
    name = title(course.contender)
    unit = "replica-hours" if width >= ROOMY else "h"
    text = Text(name, style=DARK[role(course.contender)], no_wrap=True, overflow="ellipsis")
    text.append(f"  {hours} {unit}  ", style="dim")
    return text.append(waited, style=DARK["late"] if late else "dim")


def picture(lane: Lane, course: Course, top: float, width: int, rows: int) -> Text:
    """`rows` lines of `width` cells: bars of demand, pink where requests were late; a line of ready replicas."""
    demand = squeezed(lane.demand, width, np.max)
    ready = squeezed(course.ready, width, np.mean) * lane.per_replica
    asked = squeezed(lane.demand, width, np.sum) * course.requests / max(float(np.nansum(lane.demand)), 1e-9)
    late = squeezed(course.late, width, np.sum) > LATE_SHARE * asked
    columns = list(zip(demand.tolist(), ready.tolist(), late.tolist(), strict=True))
    colour = DARK[role(course.contender)]
    lines = []
    for row in range(rows - 1, -1, -1):
        cells = [_cell(*column, top / rows, row, colour) for column in columns]
        runs = ((style, "".join(glyph for glyph, _ in same)) for style, same in groupby(cells, key=itemgetter(1)))
        lines.append(Text.assemble(*((glyphs, style) for style, glyphs in runs)))
    return Text("\n").join(lines)


def squeezed(values: Floats, width: int, of: Callable[[Floats], float]) -> Floats:
    """[width]: `of` the known minutes of each column; NaN where none is known."""
    edges = np.linspace(0, len(values), width + 1).astype(int)
    parts = [values[a : max(b, a + 1)] for a, b in pairwise(edges)]
    known = [part[np.isfinite(part)] for part in parts]
    return np.array([of(part) if len(part) else math.nan for part in known])


def _cell(demand: float, ready: float, late: bool, per_row: float, row: int, colour: str) -> tuple[str, str]:
    """(glyph, style) of one cell, which spans `per_row` of demand."""
    if not math.isfinite(demand):
        return " ", ""
    bar = DARK["late"] if late else DARK["demand"]
    eighths = max(0, min(8, round(8 * (demand / per_row - row))))
    if math.isfinite(ready) and row <= ready / per_row < row + 1 and (ready > 0 or row == 0):
        return "━", f"{colour} on {bar}" if eighths >= 5 else colour
    return BARS[eighths], bar


def _sums(frame: Frame, width: int) -> Text:
    first = frame.lanes[0].courses[0] if frame.lanes else None
    every = [("all", "", "bold")]
    for same in zip(*(lane.courses for lane in frame.lanes), strict=True):
        late, asked = sum(float(np.nansum(c.late)) for c in same), sum(c.requests for c in same)
        hours, share = quantity(sum(c.replica_hours for c in same)), percent(late / asked if asked else 0.0)
        said = f" {hours} replica-hours, {share} late" if same[0] is first else f" {hours}, {share}"
        every.append((printable(same[0].contender), said, DARK[role(same[0].contender)]))
    gap = "    " if sum(len(name) + len(said) + 4 for name, said, _ in every) - 4 <= width else "  "
    joined = Text(gap).join(Text.assemble((name, style), said) for name, said, style in every)
    joined.no_wrap, joined.overflow = True, "ellipsis"
    return joined


def _legend(width: int) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append("█ ", style=DARK["demand"]).append("demand   ", style="dim")
    text.append("█ ", style=DARK["late"]).append(f"more than {percent(LATE_SHARE)} had to wait   ", style="dim")
    text.append("━ replicas ready", style="dim")
    return text if width >= 2 * ROOMY else text.append("   h replica-hours", style="dim")
