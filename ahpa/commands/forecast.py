"""`ahpa forecast`: what the service would expect of a series, now or at past origins."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ahpa.commands.options import (
    LEVEL,
    MODELS,
    MOST_SAID,
    SECONDS,
    calendar_from,
    calendar_options,
    chosen,
    joining_from,
    joining_options,
    named_once,
    parameter_option,
    said_of_input,
)
from ahpa.commands.workers import reached, workers_from, workers_options

if TYPE_CHECKING:
    from ahpa.adapters.files.parts import Joining
    from ahpa.core.known.events import Event
    from forecasting.executor import Executor
    from forecasting.model import Model
    from forecasting.panel import Panel
    from forecasting.rolling import RollingSettings


@dataclass(frozen=True)
class Wish:
    """What was said on the command line; each is explained there."""

    files: tuple[Path, ...]
    horizon: float
    step: float | None
    levels: tuple[float, ...]
    window_max: tuple[float, ...]
    rolling: bool
    test_days: float
    every: float
    model: str
    time_zone: str | None
    holidays: str | None
    events: tuple[Event, ...] | None
    plot: Path | None
    joining: Joining


def _levels(text: str) -> tuple[float, ...]:
    return tuple(sorted({LEVEL(part.strip()) for part in text.split(",")}))


@click.command("forecast", short_help="What the service would expect of a series, as table and picture.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--horizon", type=SECONDS, default="60m", show_default=True, help="How far ahead, up to 2d.")
@click.option(
    "--step", type=SECONDS, help="Means over steps of this length.  [default: 5m, or the data's own if longer]"
)
@click.option(
    "--levels", type=_levels, metavar="LEVELS", default="0.5,0.9,0.95,0.99", show_default=True, help="Quantile levels."
)
@click.option("--window-max", type=SECONDS, multiple=True, metavar="DURATION",
              help="Also the largest row within this time; repeatable.")  # fmt: skip
@click.option("--rolling", is_flag=True, help="At past origins, as CSV: series,origin,timestamp,level,value,kind.")
@click.option("--test-days", type=click.FloatRange(0, 90, min_open=True), default=3.0, show_default=True,
              help="With --rolling: the last days hold the origins.")  # fmt: skip
@click.option("--every", type=SECONDS, default="30m", show_default=True, help="With --rolling: between two origins.")
@parameter_option("model", metavar="NAME", default="fleet", help=f"What forecasts: {MODELS}.")
@calendar_options
@parameter_option("events", metavar="EVENTS", help="What is planned, as the annotation: "
                  "'2026-11-27T08:00..2026-11-27T23:00 x3'.")  # fmt: skip
@joining_options
@workers_options
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw it too: a .png, .svg or .pdf file.")
def command(**given: object) -> None:
    """What would the service expect of this series?

    FILES as for `ahpa backtest`. Values keep the unit of the input; nothing is said where there is too little
    to say something, and the reason goes to stderr.

    \b
    Examples:
      ahpa forecast requests.csv --window-max 180s --plot forecast.png
      ahpa forecast requests.csv --rolling --test-days 3 --every 30m --window-max 180s > rolling.csv
    """
    from ahpa.adapters.files.demand import read_panels
    from ahpa.adapters.files.text import InputError
    from ahpa.adapters.processes.executors import Threads
    from ahpa.core.words import printable
    from forecasting.panel import fleets
    from forecasting.rolling import RollingSettings

    given["joining"] = joining_from(given)
    wish, there = chosen(Wish, given), workers_from(given)
    _check_plot(wish)
    try:
        named_once(wish.files)
        tell = said_of_input("ahpa forecast")
        panels = fleets([panel for file in wish.files for panel in read_panels(file, wish.joining, tell)])
        step = wish.step if wish.step is not None else max(300.0, *(panel.step for panel in panels))
        for panel in panels:
            _check(panel, wish, step)
        with Threads() as executor, reached(there, "forecast") as workers:
            model = _model(wish, executor, workers)
            asked = RollingSettings(wish.every, wish.horizon, step, wish.levels, tuple(sorted(wish.window_max)))
            sys.exit(_rolling(panels, model, asked, wish) if wish.rolling else _now(panels, model, asked, wish))
    except InputError as error:
        click.echo(f"ahpa forecast: {printable(str(error), MOST_SAID)}", err=True)
        sys.exit(error.exit_code)


def _check_plot(wish: Wish) -> None:
    """Raises UsageError where a picture cannot be drawn, before any work is done."""
    if wish.plot is None:
        return
    if wish.rolling:
        raise click.UsageError("--plot draws the forecast from the end of the data; leave it out with --rolling")
    if wish.plot.suffix not in (".png", ".svg", ".pdf"):
        raise click.UsageError(f"--plot {wish.plot}: the name must end in .png, .svg or .pdf")
    if not os.access(wish.plot.parent, os.W_OK):
        raise click.UsageError(f"--plot {wish.plot}: its folder is not there or cannot be written to")


def _check(panel: Panel, wish: Wish, step: float) -> None:
    """Refuse steps that do not fit the data's grid."""
    from ahpa.adapters.files.text import InputError
    from forecasting.windows import FARTHEST_SECONDS

    horizon, every = wish.horizon, wish.every
    if horizon > FARTHEST_SECONDS:
        raise InputError(
            f"--horizon {horizon / 3600:g}h: no forecast is tried and calibrated farther ahead than "
            f"{FARTHEST_SECONDS / 3600:g}h; for a week look at the same days of the last one"
        )
    if min([step, *wish.window_max]) <= 0:
        raise InputError("--step and --window-max must be longer than nothing")
    if step % panel.step > 1e-6:
        raise InputError(f"--step {step:g}s must be a multiple of the data's step of {panel.step:g}s")
    if horizon <= 0 or horizon % step > 1e-6:
        raise InputError(f"--horizon {horizon:g}s must be a multiple of --step {step:g}s; give a smaller --step too")
    if wish.rolling and (every <= 0 or every % step > 1e-6):
        raise InputError(f"--every {every:g}s must be a multiple of --step {step:g}s")


def _model(wish: Wish, executor: Executor, workers: Executor | None) -> Model:
    import logging

    from ahpa.core.known.knowledge import Known
    from ahpa.core.known.model import TellingModel
    from forecasting.choice.models import models, not_among
    from forecasting.libraries.calibrated import fit_here
    from forecasting.libraries.spread import Spread

    for talker in ("cmdstanpy", "prophet.plot"):
        logging.getLogger(talker).disabled = True
    calendar = calendar_from(wish.time_zone, wish.holidays)
    fits = fit_here if workers is None else Spread(fit_here, workers)
    name, known = wish.model, models(fits, calendar, executor, workers)
    if name not in known:
        raise click.UsageError(f"--model: {not_among(name, known)}")
    if not wish.events:
        return known[name]
    return TellingModel(known[name], Known(events=wish.events, time_zone=wish.time_zone))


def _rolling(panels: list[Panel], model: Model, asked: RollingSettings, wish: Wish) -> int:
    import csv

    from rich.console import Console
    from rich.progress import Progress

    from ahpa.adapters.files.text import NOT_ENOUGH, InputError
    from forecasting.panel import DAY_SECONDS
    from forecasting.rolling import rolling

    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(("series", "origin", "timestamp", "level", "value", "kind"))
    said = 0
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("forecasting", total=len(panels) * wish.test_days * DAY_SECONDS / wish.every)
        for panel in panels:
            for _, rows in rolling(panel, model, wish.test_days, asked):
                for row in rows:
                    out.writerow((row.series, f"{row.origin:.0f}", f"{row.timestamp:.0f}", f"{row.level:g}",
                                  f"{row.value:.6g}", row.kind))  # fmt: skip
                said += len(rows)
                bar.advance(task)
    if not said:
        raise InputError("no series has enough history before the tested days for a forecast", NOT_ENOUGH)
    return 0


def _now(panels: list[Panel], model: Model, asked: RollingSettings, wish: Wish) -> int:
    from rich.console import Console

    from ahpa.adapters.files.text import NOT_ENOUGH, InputError
    from ahpa.core.words import printable
    from ahpa.render.forecast import picture, table
    from forecasting.rolling import present, resampled

    console, said, drawn = Console(), 0, []
    for panel in panels:
        coarse = resampled(panel, asked.step)
        steps = present(coarse, model, asked.horizon, asked.levels)
        peaks = model.fit(panel).forecast(0, asked.windows, asked.levels) if asked.windows else None
        for row, key in enumerate(panel.keys):
            if steps.reasons[row] is not None:
                click.echo(f"{printable(key)}: no forecast, because {steps.reasons[row]}", err=True)
                continue
            said += 1
            drawn.append((coarse, steps, row))
            console.print(table(key, steps, peaks, row))
    if not said:
        raise InputError("no series has enough history for a forecast", NOT_ENOUGH)
    if wish.plot is not None:
        picture(drawn, wish.plot)
        click.echo(f"picture: {wish.plot}", err=True)
    return 0
