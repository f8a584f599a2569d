"""Pictures as SVG text for inlining in a page. matplotlib is imported here only, when one is drawn.

A picture names its colours by role (`palette`) and leaves text as text, so the page's style sheet decides
on colours and type, and one file serves light, dark, phone and print. No series name enters a picture:
names are hostile, and matplotlib would read a `$` in one as mathematics.
"""

from __future__ import annotations

import hashlib
import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ahpa.render.palette import LIGHT, MARKS, role
from ahpa.simulation.outcome import Run
from forecasting.panel import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 240
"""Buckets of a line. A picture is 390 points wide, so a bucket is less than two of them."""
_WIDTH_INCHES = 5.4
_ROLES = {name: f"#a0b0{i:02x}" for i, name in enumerate(LIGHT)}
"""A stand-in colour per role, which `_finish` replaces by a style-sheet variable."""
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ahpa",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "text.parse_math": False,
    "text.color": _ROLES["ink"],
    "axes.edgecolor": _ROLES["grid"],
    "axes.labelcolor": _ROLES["muted"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "figure.facecolor": "none",
    "grid.color": _ROLES["grid"],
    "grid.linewidth": 0.7,
    "xtick.color": _ROLES["muted"],
    "ytick.color": _ROLES["muted"],
    "path.simplify": True,
}


def decimate(x: Floats, y: Floats, buckets: int = POINTS) -> tuple[Floats, Floats]:
    """At most `2 * buckets` points that keep every bucket's least and largest value, in their order.

    NaN stays NaN where a whole bucket is unobserved. Few points come back as they are.
    """
    if len(y) <= 2 * buckets:
        return np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    edges = np.linspace(0, len(y), buckets + 1).astype(int)
    picks: list[int] = []
    for first, last in pairwise(edges):
        part = y[first:last]
        if np.isfinite(part).any():
            low, high = int(np.nanargmin(part)), int(np.nanargmax(part))
            picks += [first + min(low, high), first + max(low, high)]
        else:
            picks += [first]
    chosen = np.array(picks)
    return np.asarray(x, dtype=float)[chosen], np.asarray(y, dtype=float)[chosen]


def extremes(x: Floats, y: Floats, largest: bool, buckets: int = POINTS) -> tuple[Floats, Floats]:
    """One point per bucket: its largest (or least) value; NaN where a whole bucket is unobserved."""
    edges = np.linspace(0, len(y), min(buckets, len(y)) + 1).astype(int)
    parts = [y[a:b] for a, b in pairwise(edges)]
    pick = np.nanmax if largest else np.nanmin
    values = [float(pick(part)) if np.isfinite(part).any() else math.nan for part in parts]
    return np.asarray(x, dtype=float)[edges[:-1]], np.array(values)


def ticks(start: float, end: float, most: int = 6) -> tuple[list[float], list[str]]:
    """Where a time axis has its marks (unix seconds) and what they say; UTC, the date at midnight."""
    hour = 3600.0
    span = end - start
    steps = [hour / 4, hour / 2, hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour]
    steps += [24 * hour * days for days in (1, 2, 3, 7, 14, 28, 91, 182, 364, 1820)]
    step = next((s for s in steps if span / s <= most), span / most)
    first = math.ceil(start / step - 1e-9) * step
    marks = [first + i * step for i in range(math.floor((end - first) / step + 1e-9) + 1)]
    return marks, [_stamp(mark, step < 24 * hour) for mark in marks]


def _stamp(seconds: float, clock: bool) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    midnight = moment.hour == 0 and moment.minute == 0
    return f"{moment:%H:%M}" if clock and not midnight else f"{moment.day} {moment:%b}"


def course(
    run: Run,
    per_replica: float | None = None,
    median: Floats | None = None,
    ceilings: tuple[float, float] | None = None,
) -> str:
    """One contender's course over one service: demand, predicted peak, ready replicas, floor; late ones below.

    With `per_replica` the replicas are drawn on the demand's scale (their axis is on the right), so that
    demand above the ready line is demand without capacity at target. `median` (shape [t]) is the lower edge
    of the forecast band, `ceilings` the (demand, late per minute) that end the axes, so that two pictures
    can be compared.
    """
    scale = per_replica or 1.0
    with _style():
        figure, (top, bottom) = _figure(3.3, rows=(4, 1))
        at = run.timestamp
        tall, late_tall = ceilings or course_ceilings([run], per_replica)
        top.fill_between(*extremes(at, run.demand, True), color=_ROLES["demand"], alpha=0.55, lw=0, step="post")
        colour = _ROLES[role(run.contender)]
        if run.peak is not None:
            peak_at, high = extremes(at, run.peak, True)
            if median is not None:
                _, low = extremes(at, median, False)
                top.fill_between(peak_at, low, np.fmax(low, high), color=colour, alpha=0.22, lw=0)
            top.plot(peak_at, high, color=colour, lw=0.6, alpha=0.75)
        _steps(top, at, run.floor * scale, colour, lw=1.2, ls=(0, (3, 1.6)))
        _steps(top, at, run.ready * scale, colour, lw=1.7)
        top.set_ylim(0, tall)
        top.set_ylabel("requests in flight" if per_replica else "demand | replicas")
        if per_replica:
            right = top.secondary_yaxis("right", functions=(_times(1 / scale), _times(scale)))
            right.set_ylabel("replicas")
            right.yaxis.set_major_locator(_whole(5))
            right.spines["right"].set_visible(False)
        per_minute = run.late * 60.0 / run.step
        late_at, late = extremes(at, per_minute, True)
        bottom.fill_between(late_at, late, color=_ROLES["late"], lw=0, step="post")
        bottom.set_ylim(0, late_tall)
        bottom.set_ylabel("late/min", color=_ROLES["late"])
        bottom.yaxis.set_major_locator(_whole(2))
        _time_axis([top, bottom], float(at[0]), float(at[-1] + run.step))
        return _finish(figure)


def course_ceilings(runs: Sequence[Run], per_replica: float | None = None) -> tuple[float, float]:
    """(demand, late per minute) at which the axes of these runs' pictures should end."""
    scale = per_replica or 1.0
    tall = [_peak(x) for run in runs for x in (run.demand, run.ready * scale, run.floor * scale)]
    late = [_peak(run.late) * 60.0 / run.step for run in runs]
    return 1.08 * max([1.0, *tall]), 1.1 * max([2.0, *late])


def _peak(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.max()) if len(finite) else 0.0


def tradeoff(lines: Mapping[str, Sequence[tuple[float, float]]], chosen: Mapping[str, tuple[float, float]]) -> str:
    """Replica-hours against the late share in per cent, one line per contender as its knob is swept.

    `lines[name]` and `chosen[name]` hold (replica_hours, late_ratio); the chosen ones are marked and ringed. Nearer to
    the lower left corner is better. The late axis is logarithmic; shares below 0.001 % are drawn at 0.001 %.
    The axis ends soon after the dearest chosen one: a knob turned to waste is not worth the room.
    """
    with _style():
        figure, (axes,) = _figure(3.6, rows=(1,))
        for name, points in lines.items():
            swept = sorted(points)
            axes.plot(
                [hours for hours, _ in swept],
                [_percent(late) for _, late in swept],
                color=_ROLES[role(name)],
                lw=1.5,
                marker=MARKS[role(name)][0],
                ms=3.8,
                alpha=0.9,
            )
        for name, (hours, late) in chosen.items():
            # What changes from day to day lies on no line: its mark says whose it is.
            axes.plot([hours], [_percent(late)], MARKS[role(name)][0], ms=3.8, color=_ROLES[role(name)])
            axes.plot([hours], [_percent(late)], "o", ms=9, mfc="none", mew=1.8, color=_ROLES[role(name)])
        axes.set_yscale("log")
        axes.set_ylim(8e-4, 120)
        axes.set_yticks([1e-3, 1e-2, 0.1, 1, 10, 100], ["≤ 0.001 %", "0.01 %", "0.1 %", "1 %", "10 %", "100 %"])
        axes.minorticks_off()
        axes.set_xlim(0, 1.15 * max([1e-9, *(hours for hours, _ in chosen.values())]))
        axes.set_xlabel("replica-hours (cost)")
        axes.set_ylabel("late requests")
        axes.grid(True)
        return _finish(figure)


def _percent(ratio: float) -> float:
    return max(1e-3, 100 * ratio)


def _style() -> AbstractContextManager[None]:
    import matplotlib as mpl

    return mpl.rc_context(_STYLE)


def _figure(height_inches: float, rows: Sequence[int]) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(h_pad=0.02, w_pad=0.02, hspace=0.04)
    figure = Figure(figsize=(_WIDTH_INCHES, height_inches), dpi=72, layout=layout)
    axes = figure.subplots(len(rows), 1, sharex=True, squeeze=False, height_ratios=rows)
    return figure, list(axes[:, 0])


def _times(factor: float) -> Callable[[Any], Any]:
    return lambda values: values * factor


def _whole(most: int) -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(most, integer=True, steps=[1, 2, 5, 10])


def _steps(axes: Axes, at: Floats, values: Floats, colour: str, **style: Any) -> None:
    """A line of steps; equal neighbours are left out, which is most of them."""
    x, y = decimate(at, values)
    same = np.zeros(len(y), dtype=bool)
    same[1:-1] = (y[1:-1] == y[:-2]) & (y[1:-1] == y[2:])
    axes.plot(x[~same], y[~same], color=colour, drawstyle="steps-post", **style)


def _time_axis(rows: Sequence[Axes], start: float, end: float) -> None:
    marks, words = ticks(start, end)
    for axes in rows:
        axes.set_xlim(start, end)
        axes.set_xticks(marks, words)
        axes.grid(True, axis="both")
        axes.tick_params(length=0)
        axes.tick_params(axis="x", pad=5)
    for axes in rows[:-1]:
        axes.tick_params(labelbottom=False)


def _finish(figure: Figure) -> str:
    """The figure as an `<svg>` element: small, with roles for colours and ids of its own."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<(metadata|style)[ >].*?</\1>", "", text, flags=re.DOTALL)
    for name, stand_in in _ROLES.items():
        text = text.replace(stand_in, f"var(--{name})")
    text = re.sub(r"font: (?:(bold|\d+) )?([\d.]+px) [^;\"]*", _type, text)
    text = re.sub(r"; font-family: [^;\"]*", "", text)
    text = re.sub(r"<[^>]*>", _shorter, text)
    text = re.sub(r' (?:width|height)="[^"]*"', "", text, count=2)
    text = re.sub(r' xmlns(:xlink)?="[^"]*"', "", text).replace("xlink:href", "href")
    text = re.sub(r"\s*\nL ", " ", text)  # numbers after L go on as L
    text = re.sub(r">\s+<", "><", text)
    return _own_ids(text)


def _type(found: re.Match[str]) -> str:
    weight = f"font-weight: {found.group(1)}; " if found.group(1) else ""
    return f"{weight}font-size: {found.group(2)}"


def _shorter(tag: re.Match[str]) -> str:
    """Coordinates of a tag to a tenth of a point; words between tags stay as they are."""
    return re.sub(r"(\d+\.\d)\d+", r"\1", tag.group())


def _own_ids(text: str) -> str:
    """Ids that only this picture has; those that nothing refers to are dropped. A page holds many pictures."""
    used = set(re.findall(r"#([\w.-]+)", text))
    own = hashlib.sha256(text.encode()).hexdigest()[:8]
    text = re.sub(r' id="([\w.-]+)"', lambda m: f' id="{own}{m[1]}"' if m[1] in used else "", text)
    return re.sub(r"#(" + "|".join(map(re.escape, used)) + r")\b", rf"#{own}\1", text) if used else text
