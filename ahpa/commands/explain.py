"""`ahpa explain`: one service, from its data to the decision, in words and a picture."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ahpa.commands.looking import Looking, looking_options, run
from ahpa.commands.named import named

if TYPE_CHECKING:
    from ahpa.render.explained import Explained
    from forecasting.panel import Panel

FORMS = (".html", ".png", ".svg", ".pdf")
MOST_WIDTH = 110


@click.command("explain", short_help="One service, from its data to the decision.")
@click.argument("service")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write it too: .html with words and picture, or the picture alone: .png, .svg, .pdf.")  # fmt: skip
@looking_options
def command(service: str, out: Path | None, **given: object) -> None:
    """Why has this service the floor that it has?

    SERVICE is namespace/name or kind/namespace/name. Which object, who else writes to it, what it is measured by, with
    the query as it is sent; its history, how long a start takes, what is foreseen, which setting that is held against,
    the bounds, and the decision. All services are learned from, as in `ahpa serve`, so it takes as long as there;
    nothing is written to the cluster.

    \b
    Examples:
      ahpa explain shop/chat --prometheus http://localhost:9090
      ahpa explain hpa/shop/api --prometheus http://localhost:9090 --out api.html
    """
    if out is not None and out.suffix not in FORMS:
        raise click.UsageError(f"--out {out}: the name must end in {', '.join(FORMS[:-1])} or {FORMS[-1]}")
    if out is not None and not os.access(out.parent, os.W_OK):
        raise click.UsageError(f"--out {out}: its folder is not there or cannot be written to")
    run("explain", given, lambda at: explained(at, service, out))


def explained(at: Looking, service: str, out: Path | None) -> int:
    """On stdout, and to `out`; the exit code. Raises ClusterError, OSError, UsageError."""
    from rich.console import Console

    from ahpa.render.explained import chart, drawable, page, words
    from ahpa.render.forecast import picture
    from ahpa.render.table import plain

    at.first()
    it = found(at, service)
    console = Console()
    terminal = console.is_terminal
    console.print(words(it)) if terminal else click.echo(plain(words(it)))
    drawn = chart(it, min(console.width, MOST_WIDTH) - 8)
    if drawn is not None:
        click.echo()
        console.print(drawn, soft_wrap=True)
    if out is not None and out.suffix == ".html":
        out.write_text(page(it), encoding="utf-8")
    elif out is not None and drawable(it):
        picture(drawable(it), out)
    elif out is not None:
        click.echo(f"ahpa explain: no picture: nothing of {service} was observed and foreseen", err=True)
        return 4
    if out is not None:
        click.echo(f"written: {out}", err=True)
    return 0


def found(at: Looking, service: str) -> Explained:
    """What was seen of one service in the last look. Raises UsageError."""
    from ahpa.render.explained import Explained, alone
    from ahpa.render.status import Row

    shown = at.service.shown
    rounds = {each.decision.key: each for each in shown.rounds}
    key = named(service, rounds, "carries an annotation of ours, as ahpa.dev/mode")
    asked = next(one for one in shown.listing.asked if one.target.key == key)
    steps = at.steps()
    row = None if steps is None or asked.series not in steps.keys else steps.keys.index(asked.series)
    return Explained(
        Row(rounds[key].workload, rounds[key].decision, at.ahead(steps).get(key)),
        rounds[key],
        shown.at,
        at.service.settings.limits,
        at.service.settings.tick_seconds,
        asked.query,
        asked.words,
        None if asked.query is None else _history(at, asked.query),
        None if steps is None or row is None else alone(steps, row, key),
    )


def _history(at: Looking, query: str) -> Panel | None:
    settings, now = at.service.settings, at.service.shown.at
    reading = at.ports.demand.read({"it": query}, now - settings.history_seconds, now, settings.step_seconds)
    return None if reading.problems else reading.panel
