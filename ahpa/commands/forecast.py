"""`ahpa forecast`: what the service would expect of a series, now or at past origins."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ahpa.commands.options import LEVEL, MOST_SAID, SECONDS, calendar_from, calendar_options, named_once

if TYPE_CHECKING:
    from forecasting.executor import Executor
    from forecasting.model import Model
    from forecasting.panel import Panel


def _levels(text: str) -> tuple[float, ...]:
    return tuple(sorted({LEVEL(part.strip()) for part in text.split(",")}))


@click.command("forecast", short_help="What the service would expect of a series, as table and picture.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--horizon", type=SECONDS, default="60m", show_default=True, help="How far ahead.")
@click.option(
    "--step", type=SECONDS, help="Means over steps of this length.  [default: 5m, or the data's own if longer]"
)
@click.option(
    "--levels", type=_levels, metavar="LEVELS", default="0.5,0.9,0.95,0.99", show_default=True, help="Quantile levels."
)
@click.option("--window-max", "windows", type=SECONDS, multiple=True, metavar="DURATION",
              help="Also the largest row within this time; repeatable.")  # fmt: skip
@click.option("--rolling", is_flag=True, help="At past origins, as CSV: series,origin,timestamp,level,value,kind.")
@click.option("--test-days", type=click.FloatRange(0, 90, min_open=True), default=3.0, show_default=True,
              help="With --rolling: the last days hold the origins.")  # fmt: skip
@click.option("--every", type=SECONDS, default="30m", show_default=True, help="With --rolling: between two origins.")
@click.option("--model", "model_name", default="fleet", show_default=True,
              help="fleet, auto, holt-winters, ets, stl, prophet, seasonal-naive or last-value.")  # fmt: skip
@calendar_options
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw it too: a .png, .svg or .pdf file.")
def command(**given: Any) -> None:
    """What would the service expect of this series?

    FILES as for `ahpa backtest`. Values keep the unit of the input; nothing is said where there is too little
    to say something, and the reason goes to stderr.

    \b
    Examples:
      ahpa forecast requests.csv --window-max 180s --plot forecast.png
      ahpa forecast requests.csv --rolling --test-days 3 --every 30m --window-max 180s > rolling.csv
    """
    from ahpa.adapters.files.text import InputError
    from ahpa.adapters.processes.executors import Threads
    from ahpa.core.words import printable
    from forecasting.panel import fleets

    if given["plot"] and given["rolling"]:
        raise click.UsageError("--plot draws the forecast from the end of the data; leave it out with --rolling")
    if given["plot"] and given["plot"].suffix not in (".png", ".svg", ".pdf"):
        raise click.UsageError(f"--plot {given['plot']}: the name must end in .png, .svg or .pdf")
    if given["plot"] and not os.access(given["plot"].parent, os.W_OK):
        raise click.UsageError(f"--plot {given['plot']}: its folder is not there or cannot be written to")
    try:
        named_once(given["files"])
        panels = fleets([panel for file in given["files"] for panel in _read(file)])
        if given["step"] is None:
            given["step"] = max(300.0, *(panel.step for panel in panels))
        for panel in panels:
            _check(panel, given)
        with Threads() as executor:
            model = _model(given, executor)
            sys.exit(_rolling(panels, model, given) if given["rolling"] else _now(panels, model, given))
    except InputError as error:
        click.echo(f"ahpa forecast: {printable(str(error), MOST_SAID)}", err=True)
        sys.exit(error.exit_code)


def _read(file: Path) -> list[Panel]:
    from ahpa.adapters.files.demand import read_panels

    return read_panels(file)


def _check(panel: Panel, given: dict[str, Any]) -> None:
    """Refuse steps that do not fit the data's grid."""
    from ahpa.adapters.files.text import InputError

    step, horizon, every = given["step"], given["horizon"], given["every"]
    if min([step, *given["windows"]]) <= 0:
        raise InputError("--step and --window-max must be longer than nothing")
    if step % panel.step > 1e-6:
        raise InputError(f"--step {step:g}s must be a multiple of the data's step of {panel.step:g}s")
    if horizon <= 0 or horizon % step > 1e-6:
        raise InputError(f"--horizon {horizon:g}s must be a multiple of --step {step:g}s; give a smaller --step too")
    if given["rolling"] and (every <= 0 or every % step > 1e-6):
        raise InputError(f"--every {every:g}s must be a multiple of --step {step:g}s")


def _model(given: dict[str, Any], executor: Executor) -> Model:
    import logging

    from forecasting.choice.models import models

    for talker in ("cmdstanpy", "prophet.plot"):
        logging.getLogger(talker).disabled = True
    calendar = calendar_from(given["time_zone"], given["holidays"])
    name, known = given["model_name"], models(calendar=calendar, executor=executor)
    if name not in known:
        raise click.UsageError(f"--model: {name!r} is not one of {', '.join(known)}")
    return known[name]


def _rolling(panels: list[Panel], model: Model, given: dict[str, Any]) -> int:
    import csv

    from rich.console import Console
    from rich.progress import Progress

    from ahpa.adapters.files.text import NOT_ENOUGH, InputError
    from forecasting.panel import DAY_SECONDS
    from forecasting.rolling import RollingSettings, rolling

    windows = tuple(sorted(given["windows"]))
    asked = RollingSettings(given["every"], given["horizon"], given["step"], given["levels"], windows)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(("series", "origin", "timestamp", "level", "value", "kind"))
    said = 0
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("forecasting", total=len(panels) * given["test_days"] * DAY_SECONDS / given["every"])
        for panel in panels:
            for _, rows in rolling(panel, model, given["test_days"], asked):
                for row in rows:
                    out.writerow((row.series, f"{row.origin:.0f}", f"{row.timestamp:.0f}", f"{row.level:g}",
                                  f"{row.value:.6g}", row.kind))  # fmt: skip
                said += len(rows)
                bar.advance(task)
    if not said:
        raise InputError("no series has enough history before the tested days for a forecast", NOT_ENOUGH)
    return 0


def _now(panels: list[Panel], model: Model, given: dict[str, Any]) -> int:
    from rich.console import Console

    from ahpa.adapters.files.text import NOT_ENOUGH, InputError
    from ahpa.core.words import printable
    from ahpa.render.forecast import picture, table
    from forecasting.rolling import present, resampled

    console, said, drawn = Console(), 0, []
    for panel in panels:
        coarse = resampled(panel, given["step"])
        steps = present(coarse, model, given["horizon"], given["levels"])
        windows = tuple(sorted(given["windows"]))
        peaks = model.fit(panel).forecast(0, windows, given["levels"]) if windows else None
        for row, key in enumerate(panel.keys):
            if steps.reasons[row] is not None:
                click.echo(f"{printable(key)}: no forecast, because {steps.reasons[row]}", err=True)
                continue
            said += 1
            drawn.append((coarse, steps, row))
            console.print(table(key, steps, peaks, row))
    if not said:
        raise InputError("no series has enough history for a forecast", NOT_ENOUGH)
    if given["plot"]:
        picture(drawn, given["plot"])
        click.echo(f"picture: {given['plot']}", err=True)
    return 0
