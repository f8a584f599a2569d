"""`ahpa demo`: shows the demo at the pace that a person can follow; as fast as it can where nobody watches."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ahpa.commands.options import names_among
from ahpa.demo import SHOWN, Demo

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

FRAMES_PER_SECOND = 8
HOURS_PER_LINE = 3


@click.command("demo", short_help="The main job on a simulated GPU cluster.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default="out/demo",
    show_default=True,
    help="Where report.html, headline.png and headline.svg go.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Which course of history and luck.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=3600.0,
    show_default=True,
    help="Simulated seconds per second of the live view.",
)
@click.option("--live/--lines", default=None, help="Draw the day as it passes (80 x 24 is enough), "
              "or tell it in lines.  [default: --live in a terminal]")  # fmt: skip
@click.option("--policies", type=names_among(SHOWN), metavar="NAMES", default=",".join(SHOWN), show_default=True,
              help="Whom to compare.")  # fmt: skip
def command(out: Path, seed: int, speed: float, live: bool | None, policies: tuple[str, ...]) -> None:
    """Three GPU services, two weeks of generated history and one live day, in about a minute.

    No cluster and no Prometheus: the decisions are made by the same code that runs in a cluster, a simulated one
    carries them out. Ends with a table, a report to open in a browser, and the headline as a picture to share.

    \b
    Examples:
      ahpa demo
      ahpa demo --seed 7 --speed 7200 --out /tmp/demo
    """
    from rich.console import Console

    from ahpa.adapters.processes.executors import Threads
    from ahpa.render import headline as pictures
    from ahpa.render.html import write_report
    from ahpa.render.report import headline, meaning
    from ahpa.render.table import outcomes
    from forecasting.fleet.model import FleetModel

    path = out / "report.html"
    try:
        out.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        raise click.UsageError(f"cannot write {path}: {error.strerror}") from error
    words, data = Console(stderr=True, force_terminal=True if live else None), Console()
    words.print("Two weeks of generated history for three GPU services, then one live day.", style="dim")
    with words.status("learning from the history …"):
        demo = Demo(FleetModel(executor=Threads()), seed, contenders=policies)
    drawn = words.is_terminal if live is None else live
    _show(demo, words, speed) if drawn else _tell(demo, words)
    report = demo.report()
    write_report(path, report)
    for suffix in pictures.SUFFIXES:
        pictures.write(out / f"headline{suffix}", pictures.of_report(report))
    data.print(outcomes(report.results))
    data.print()
    data.print(headline(report.results), style="bold", highlight=False, markup=False)
    data.print(meaning(report.results), highlight=False, markup=False)
    words.print(f"\nThe pictures: {path}", highlight=False, markup=False)
    words.print(f"To share: {out / 'headline.png'}", highlight=False, markup=False)


def _show(demo: Demo, console: Console, speed: float) -> None:
    """The live view. A slow machine drops frames first, then falls behind."""
    from rich.live import Live

    from ahpa.render.live import draw

    def picture() -> RenderableType:
        return draw(demo.frame(), console.width, console.height)

    begun = time.monotonic()
    shown = begun
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as view:
        for minute in demo.play():
            wall = time.monotonic()
            due = begun + 60.0 * minute / speed
            if due > wall:
                time.sleep(due - wall)
            if time.monotonic() - shown >= 1 / FRAMES_PER_SECOND or minute == demo.minutes:
                shown = time.monotonic()
                view.update(picture(), refresh=True)


def _tell(demo: Demo, console: Console) -> None:
    """A line every few simulated hours, for logs and pipes."""
    from ahpa.render.live import line

    for minute in demo.play():
        if minute % (60 * HOURS_PER_LINE) == 0:
            console.print(line(demo.frame()), highlight=False, markup=False, soft_wrap=True)
