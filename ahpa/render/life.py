"""The picture of one service in the cluster: what was and what is expected; a backtest's course with a tomorrow."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ahpa.core.words import quantity
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
)
from forecasting.panel import Floats


@dataclass(frozen=True, eq=False)
class Life:
    """What is drawn, by unix seconds; NaN where nothing is known."""

    at: Floats
    """[t]."""
    demand: Floats
    floor: Floats
    ready: Floats
    peak: Floats
    """Expected within the time that a start takes."""
    short: Floats
    """Demand for which there was no slot."""
    ahead_at: Floats
    """[h]; empty: nothing is foreseen."""
    low: Floats
    median: Floats
    high: Floats
    planned: Floats
    """The floors that plans will ask for."""
    per_replica: float | None
    """Demand that one replica serves at target; then replicas are drawn on the demand's scale."""
    unit: str

    def between(self, start: float, end: float) -> Life:
        """A part of it."""
        past, coming = ((times >= start) & (times < end) for times in (self.at, self.ahead_at))
        was = [values[past] for values in (self.at, self.demand, self.floor, self.ready, self.peak, self.short)]
        at, demand, floor, ready, peak, short = was
        comes = [values[coming] for values in (self.ahead_at, self.low, self.median, self.high, self.planned)]
        ahead_at, low, median, high, planned = comes
        return replace(self, at=at, demand=demand, floor=floor, ready=ready, peak=peak, short=short,
                       ahead_at=ahead_at, low=low, median=median, high=high, planned=planned)  # fmt: skip


def life(drawn: Life, start: float, end: float, now: float) -> str:
    """An `<svg>` element: demand, expected peak, ready replicas and floor until `now`, then the band of the forecast
    and the floors that come of it; below, the demand that found no slot."""
    shown, scale = drawn.between(start, end), drawn.per_replica or 1.0
    ours = ROLES["ahpa"]
    with style():
        figure, (top, bottom) = figure_of(3.3, rows=(5, 1))
        if len(shown.at):
            top.fill_between(
                *extremes(shown.at, shown.demand, True), color=ROLES["demand"], alpha=0.55, lw=0, step="post"
            )
            top.plot(*extremes(shown.at, shown.peak, True), color=ours, lw=0.6, alpha=0.75)
            steps(top, shown.at, shown.floor * scale, ours, 1.2, dashed=True)
            steps(top, shown.at, shown.ready * scale, ours, 1.7)
            bottom.fill_between(*extremes(shown.at, shown.short, True), color=ROLES["late"], lw=0, step="post")
        if len(shown.ahead_at):
            top.fill_between(shown.ahead_at, shown.low, np.fmax(shown.low, shown.high), color=ours, alpha=0.22, lw=0)
            top.plot(shown.ahead_at, shown.median, color=ours, lw=0.9)
            steps(top, shown.ahead_at, shown.planned * scale, ours, 1.2, dashed=True)
        tall = [shown.demand, shown.floor * scale, shown.ready * scale, shown.high, shown.planned * scale]
        top.set_ylim(0, 1.08 * max(1e-9, *map(peak_of, tall)))
        top.set_ylabel(_words(drawn))
        if drawn.per_replica:
            replicas_axis(top, scale)
        lacking = peak_of(shown.short)
        bottom.set_ylim(0, 1.1 * lacking if lacking > 0 else 1.0)
        bottom.set_ylabel("no slot", color=ROLES["late"])
        bottom.set_yticks(
            [0.0, lacking] if lacking > 0 else [0.0], [quantity(0.0), quantity(lacking)][: 1 + (lacking > 0)]
        )
        for axes in (top, bottom):
            if start < now < end:
                axes.axvline(now, color=ROLES["muted"], lw=0.9, ls=(0, (1, 1.5)))
        time_axis([top, bottom], start, end)
        return finish(figure)


def _words(drawn: Life) -> str:
    """A unit is the operator's word; whatever could be markup of the picture's own is left out of it."""
    said = "".join(char for char in drawn.unit if char.isalnum() or char in " /%.-")[:40]
    return said or "demand"


def numbers(values: tuple[float | None, ...]) -> Floats:
    """What is None becomes NaN."""
    return np.array([math.nan if value is None else value for value in values], float)
