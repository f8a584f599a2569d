"""Draws the pictures of docs/how-it-works.md and of the README, from the demo's seeded day: `python docs/pictures.py`.

Some two minutes. What is drawn is what the code does: the fleet model's forecast, the lags of the demo's tiers, the
course of one of its services. Figures of ours move a little with the kind of processor, so no test compares them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ahpa.adapters.processes.executors import Threads
from ahpa.core.planner import LAG_LEVEL
from ahpa.core.readiness import Readiness
from ahpa.demo import EXAMPLES, GPU_NODES, HISTORY_DAYS, UTILIZATION, Demo
from ahpa.render import headline
from ahpa.render.drawing import ticks
from ahpa.render.palette import DARK as C
from ahpa.simulation.outcome import Run
from ahpa.simulation.workloads import DAY_MINUTES, fleet
from forecasting.fleet.model import FleetModel
from forecasting.forecast import Forecast
from forecasting.panel import Floats, Panel

IMG = Path(__file__).parent / "img"
CHAT = 0
STYLE: dict[Any, object] = {
    "font.family": "DejaVu Sans",
    "font.size": 13,
    "svg.fonttype": "path",
    "svg.hashsalt": "ahpa",
    "figure.facecolor": C["paper"],
    "axes.facecolor": C["paper"],
    "axes.edgecolor": C["grid"],
    "axes.labelcolor": C["muted"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": C["ink"],
    "xtick.color": C["muted"],
    "ytick.color": C["muted"],
    "grid.color": C["grid"],
    "legend.frameon": False,
}


def history_and_day() -> tuple[Panel, Panel]:
    """The demo's generated demand in requests in flight: two weeks, and the day after them."""
    requests = fleet([e.pattern for e in EXAMPLES], (HISTORY_DAYS + 1) * DAY_MINUTES, np.random.default_rng(0))
    seconds = np.array([[e.service.service_seconds / 60.0] for e in EXAMPLES])
    demand = Panel.of(requests.start, requests.step, requests.values * seconds, requests.keys)
    midnight = demand.start + 60.0 * HISTORY_DAYS * DAY_MINUTES
    return demand.until(midnight), demand.between(midnight, demand.end)


def foreseen(history: Panel, day: Panel, forecast: Forecast) -> Figure:
    """What was foreseen at midnight, and what came."""
    figure, axes = panel(3.6)
    low, high = (int(np.argmin(np.abs(forecast.levels - level))) for level in (0.5, 0.95))
    past = history.between(history.end - 8 * 3600.0, history.end)
    fill(axes, past, "demand until midnight")
    at = history.end + 60.0 * np.arange(DAY_MINUTES)
    median, top = forecast.steps[CHAT, :, low], forecast.steps[CHAT, :, high]
    axes.fill_between(at, median, top, color=C["ahpa"], alpha=0.35, lw=0, label="foreseen then: median to 95 %")
    axes.plot(at, day.values[CHAT], color=C["ink"], lw=0.7, alpha=0.8, label="what came")
    axes.axvline(history.end, color=C["muted"], lw=1, ls=":")
    finished(axes, past.start, day.end, "requests in flight")
    return figure


def waited(readiness: Readiness) -> Figure:
    """How long a replica takes from being asked for to ready: two tiers, and the level that is planned for."""
    figure, axes = panel(2.9)
    x = np.linspace(1, 600, 600)
    for tier, colour in zip(readiness.tiers, (C["oracle"], C["kpa"]), strict=True):
        levels = np.linspace(0.001, 0.999, 999)
        share = np.interp(x, [tier.lag.quantile(float(q)) for q in levels], levels)
        axes.plot(x, 100 * share, color=colour, lw=2.2, label=tier.name)
        planned = tier.lag.quantile(LAG_LEVEL)
        axes.plot([planned, planned], [0, 100 * LAG_LEVEL], color=colour, lw=1, ls=":")
        axes.annotate(f"planned for: {planned:.0f} s", (planned + 6, 12), color=colour, fontsize=12)
    axes.set_ylim(0, 100)
    axes.set_xlim(0, 600)
    axes.set_xlabel("seconds from asked for to ready")
    axes.set_ylabel("% of starts")
    axes.grid(True, lw=0.6)
    axes.legend(loc="lower right")
    return figure


def morning(ours: Run, theirs: Run, per_replica: float) -> Figure:
    """The same requests with the floor and without: a morning of chat."""
    figure, (top, bottom) = panels(5.6)
    start, end = ours.timestamp[0] + 6 * 3600, ours.timestamp[0] + 12 * 3600
    for axes, whole, name, colour in ((top, ours, "with ahpa", C["ahpa"]), (bottom, theirs, "KPA alone", C["kpa"])):
        run = between(whole, start, end)
        at = run.timestamp
        axes.fill_between(at, run.demand, color=C["demand"], alpha=0.55, lw=0, step="post", label="demand")
        late = np.where(run.late > 0, run.demand, np.nan)
        axes.fill_between(at, late, color=C["late"], lw=0, step="post", label="somebody waited")
        axes.plot(at, run.ready * per_replica, color=colour, lw=2.2, drawstyle="steps-post", label="replicas ready")
        if whole is ours:
            axes.plot(
                at, run.floor * per_replica, color=C["ink"], lw=1.3, ls="--", drawstyle="steps-post", label="floor"
            )
        axes.set_title(name, loc="right", color=colour, fontsize=15, weight="bold")
        finished(axes, start, end, "requests in flight")
    top.tick_params(labelbottom=False)
    return figure


def between(run: Run, start: float, end: float) -> Run:
    """The part of a run that is drawn."""
    shown = (run.timestamp >= start) & (run.timestamp <= end)
    parts = {name: getattr(run, name)[shown] for name in ("timestamp", "demand", "ready", "floor", "late")}
    return replace(run, **parts)


def panel(tall: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(12, tall), dpi=72, layout="constrained")
    return figure, figure.subplots()


def panels(tall: float) -> tuple[Figure, tuple[Axes, Axes]]:
    figure = Figure(figsize=(12, tall), dpi=72, layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, sharey=True)
    return figure, (top, bottom)


def fill(axes: Axes, demand: Panel, label: str) -> None:
    at: Floats = demand.start + demand.step * np.arange(demand.values.shape[1])
    axes.fill_between(at, demand.values[CHAT], color=C["demand"], alpha=0.6, lw=0, label=label)


def finished(axes: Axes, start: float, end: float, unit: str) -> None:
    marks, words = ticks(start, end, 12)
    axes.set_xticks(marks, words)
    axes.set_xlim(start, end)
    axes.set_ylim(0)
    axes.set_ylabel(unit)
    axes.grid(True, lw=0.6)
    axes.legend(loc="lower left", ncols=4, bbox_to_anchor=(-0.01, 0.98))


def run_of(demo: Demo, contender: str) -> Run:
    found = demo.lanes[CHAT][contender].result().run
    assert found is not None
    return found


def main() -> None:
    model = FleetModel(executor=Threads())
    history, day = history_and_day()
    demo = Demo(model)
    for _ in demo.play():
        pass
    shown = headline.of_report(demo.report())
    IMG.mkdir(exist_ok=True)
    for suffix in headline.SUFFIXES:
        headline.write(IMG / f"headline{suffix}", shown)
    forecast = model.fit(history).forecast(DAY_MINUTES, [60.0], (0.5, 0.95))
    per_replica = EXAMPLES[CHAT].service.concurrency * UTILIZATION
    with mpl.rc_context(STYLE):
        drawn = {
            "foreseen": foreseen(history, day, forecast),
            "waited": waited(GPU_NODES),
            "morning": morning(run_of(demo, "ahpa"), run_of(demo, "kpa"), per_replica),
        }
        for name, figure in drawn.items():
            figure.savefig(IMG / f"{name}.svg", metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    main()
