"""A forecast for people: a table for the terminal, a picture for everything else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from rich.table import Table
from rich.text import Text

from ahpa.core.words import moment, printable, quantity, seconds
from ahpa.render.palette import LIGHT
from forecasting.forecast import Forecast
from forecasting.panel import DAY_SECONDS, Panel

_MOST_ROWS = 6


def table(key: str, steps: Forecast, peaks: Forecast | None, row: int) -> Table:
    """One series: a line per step, then one per window for its largest value."""
    title = Text(f"{printable(key)} from {moment(steps.origin)} ({printable(steps.models[row])})")
    out = Table(title=title, title_justify="left")
    out.add_column(f"mean of the step{'' if peaks is None else ', or largest within'} (the input's unit)")
    for level in steps.levels:
        out.add_column(f"p{100 * level:.4g}", justify="right")
    for j, values in enumerate(steps.steps[row]):
        out.add_row(moment(steps.origin + j * steps.step), *(quantity(float(v)) for v in values))
    if peaks is not None:
        out.add_section()
        for window, values in zip(peaks.windows, peaks.peaks[row], strict=True):
            out.add_row(f"largest within {seconds(float(window))}", *(quantity(float(v)) for v in values))
    return out


def picture(drawn: Sequence[tuple[Panel, Forecast, int]], file: Path | BinaryIO, form: str | None = None) -> None:
    """The last day of each series and its forecast band, written to `file` in a `form` such as `svg` (by default that
    of its suffix)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = drawn[:_MOST_ROWS]
    figure = Figure(figsize=(8, 2.6 * len(shown)), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (history, forecast, row) in zip(figure.subplots(len(shown), squeeze=False)[:, 0], shown, strict=True):
        recent = history.between(history.end - DAY_SECONDS, history.end)
        before = [datetime.fromtimestamp(t, UTC) for t in recent.times()]
        said = forecast.steps[row]
        ahead = [datetime.fromtimestamp(forecast.origin + j * forecast.step, UTC) for j in range(len(said))]
        low, high = forecast.levels[0], forecast.levels[-1]
        axes.plot(before, recent.values[row], color=LIGHT["ink"], lw=0.8, label="observed")
        axes.plot(ahead, said[:, 0], color=LIGHT["ahpa"], lw=1.2, label=f"p{100 * low:g}")
        axes.fill_between(
            ahead, said[:, 0], said[:, -1], color=LIGHT["ahpa"], alpha=0.25, lw=0, label=f"to p{100 * high:g}"
        )
        axes.set_title(printable(forecast.keys[row]), loc="left", fontsize=9, parse_math=False)
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(frameon=False, fontsize=8, loc="upper left", ncols=3)
    figure.axes[-1].set_xlabel("UTC")
    steps = " and ".join(sorted({seconds(history.step) for history, _, _ in shown}))
    figure.supylabel(f"in the input's unit, means of {steps}", fontsize=8)
    figure.savefig(file, dpi=150, format=form)
