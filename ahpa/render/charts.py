"""The pictures of a backtest and of the demo; what they are drawn with is in `drawing`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ahpa.render.drawing import (
    ROLES,
    extremes,
    figure_of,
    finish,
    peak_of,
    replicas_axis,
    steps,
    style,
    time_axis,
    whole,
)
from ahpa.render.palette import MARKS, role
from ahpa.simulation.outcome import Run
from forecasting.panel import Floats


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
    with style():
        figure, (top, bottom) = figure_of(3.3, rows=(4, 1))
        at = run.timestamp
        tall, late_tall = ceilings or course_ceilings([run], per_replica)
        top.fill_between(*extremes(at, run.demand, True), color=ROLES["demand"], alpha=0.55, lw=0, step="post")
        colour = ROLES[role(run.contender)]
        if run.peak is not None:
            peak_at, high = extremes(at, run.peak, True)
            if median is not None:
                _, low = extremes(at, median, False)
                top.fill_between(peak_at, low, np.fmax(low, high), color=colour, alpha=0.22, lw=0)
            top.plot(peak_at, high, color=colour, lw=0.6, alpha=0.75)
        steps(top, at, run.floor * scale, colour, 1.2, dashed=True)
        steps(top, at, run.ready * scale, colour, 1.7)
        top.set_ylim(0, tall)
        top.set_ylabel("requests in flight" if per_replica else "demand | replicas")
        if per_replica:
            replicas_axis(top, scale)
        per_minute = run.late * 60.0 / run.step
        late_at, late = extremes(at, per_minute, True)
        bottom.fill_between(late_at, late, color=ROLES["late"], lw=0, step="post")
        bottom.set_ylim(0, late_tall)
        bottom.set_ylabel("late/min", color=ROLES["late"])
        bottom.yaxis.set_major_locator(whole(2))
        time_axis([top, bottom], float(at[0]), float(at[-1] + run.step))
        return finish(figure)


def course_ceilings(runs: Sequence[Run], per_replica: float | None = None) -> tuple[float, float]:
    """(demand, late per minute) at which the axes of these runs' pictures should end."""
    scale = per_replica or 1.0
    tall = [peak_of(x) for run in runs for x in (run.demand, run.ready * scale, run.floor * scale)]
    late = [peak_of(run.late) * 60.0 / run.step for run in runs]
    return 1.08 * max([1.0, *tall]), 1.1 * max([2.0, *late])


def tradeoff(lines: Mapping[str, Sequence[tuple[float, float]]], chosen: Mapping[str, tuple[float, float]]) -> str:
    """Replica-hours against the late share in per cent, one line per contender as its knob is swept.

    `lines[name]` and `chosen[name]` hold (replica_hours, late_ratio); the chosen ones are marked and ringed. Nearer to
    the lower left corner is better. The late axis is logarithmic; shares below 0.001 % are drawn at 0.001 %.
    The axis ends soon after the dearest chosen one: a knob turned to waste is not worth the room.
    """
    with style():
        figure, (axes,) = figure_of(3.6, rows=(1,))
        for name, points in lines.items():
            swept = sorted(points)
            axes.plot(
                [hours for hours, _ in swept],
                [_percent(late) for _, late in swept],
                color=ROLES[role(name)],
                lw=1.5,
                marker=MARKS[role(name)][0],
                ms=3.8,
                alpha=0.9,
            )
        for name, (hours, late) in chosen.items():
            # What changes from day to day lies on no line: its mark says whose it is.
            axes.plot([hours], [_percent(late)], MARKS[role(name)][0], ms=3.8, color=ROLES[role(name)])
            axes.plot([hours], [_percent(late)], "o", ms=9, mfc="none", mew=1.8, color=ROLES[role(name)])
        axes.set_yscale("log")
        axes.set_ylim(8e-4, 120)
        axes.set_yticks([1e-3, 1e-2, 0.1, 1, 10, 100], ["≤ 0.001 %", "0.01 %", "0.1 %", "1 %", "10 %", "100 %"])
        axes.minorticks_off()
        axes.set_xlim(0, 1.15 * max([1e-9, *(hours for hours, _ in chosen.values())]))
        axes.set_xlabel("replica-hours (cost)")
        axes.set_ylabel("late requests")
        axes.grid(True)
        return finish(figure)


def _percent(ratio: float) -> float:
    return max(1e-3, 100 * ratio)
