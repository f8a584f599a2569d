"""`ahpa status`: all services that are annotated, at a glance."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import click

from ahpa.commands.looking import Looking, looking_options, run
from ahpa.commands.options import SECONDS

NOBODY = (
    "nobody asked for us yet: annotate a service with ahpa.dev/mode=observe; `ahpa survey` says for which it would pay"
)


@click.command("status", short_help="All annotated services: floor, next change, health.")
@click.option("--watch", "-w", is_flag=True, help="Stay, and look again; Ctrl-C ends it.")
@click.option("--every", type=SECONDS, default="30s", show_default=True, help="With --watch: how often.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@looking_options
def command(watch: bool, every: float, output: str, **given: object) -> None:
    """What has each annotated service, what comes next, and is anything wrong?

    It does what `ahpa serve` does once, with the same code and the same options, and writes nothing: learning takes as
    long as there. FLOOR is the minimum in force, BASELINE the owner's own, NEXT CHANGE the next floor if the forecast
    of now holds, HEALTH the reason of the decision.

    \b
    Examples:
      ahpa status --prometheus http://localhost:9090
      ahpa status --prometheus http://localhost:9090 --namespace shop --watch
      ahpa status --prometheus http://localhost:9090 --output json | jq '.[] | select(.severity == "warning")'
    """
    if watch and output != "table":
        raise click.UsageError("--watch shows the table; for JSON run it again and again")
    if watch and every < 1:
        raise click.UsageError(f"--every: at least 1s, not {every:g}s")
    run("status", given, lambda at: watched(at, every, time.sleep) if watch else shown(at, output))


def shown(at: Looking, output: str) -> int:
    """Once, on stdout; the exit code. Raises ClusterError."""
    from rich.console import Console

    from ahpa.render.status import as_json, doubts, rows_of, status
    from ahpa.render.table import plain

    seen = at.first()
    rows = rows_of(seen.rounds, at.ahead(at.steps()))
    if output == "json":
        click.echo(json.dumps(as_json(rows), indent=1))
        return 0
    if not rows:
        click.echo(NOBODY)
        return 0
    console = Console()
    table = status(rows, seen.at)
    click.echo(plain(table)) if not console.is_terminal else console.print(table)
    for line in doubts(rows):
        click.echo(line, err=True)
    return 0


def watched(at: Looking, every: float, sleep: Callable[[float], object], rounds: int | None = None) -> int:
    """Again and again, in place; learns anew each `refit_seconds`. Raises ClusterError only before the first table:
    later ones stay as they were, and say why."""
    from rich.console import Console, Group, RenderableType
    from rich.live import Live
    from rich.text import Text

    from ahpa.core.words import moment, printable
    from ahpa.ports import ClusterError
    from ahpa.render.status import doubts, rows_of, status

    def face(problem: str = "") -> RenderableType:
        seen = at.service.shown
        rows = rows_of(seen.rounds, at.ahead(at.steps()))
        said = [Text(line, style="red") for line in doubts(rows)]
        head = Text(f"{moment(seen.at)}   {problem}", style="red" if problem else "dim")
        return Group(head, status(rows, seen.at), *said)

    at.first()
    refits = max(1, round(at.service.settings.refit_seconds / every))
    with Live(face(), console=Console(), auto_refresh=False) as live:
        count = 0
        while rounds is None or count < rounds:
            try:
                sleep(every)
                count += 1
                if count % refits == 0:
                    at.service.refit(at.clock())
                at.again()
                live.update(face(), refresh=True)
            except ClusterError as error:
                live.update(face(f"not seen since: {printable(str(error), 200)}"), refresh=True)
            except KeyboardInterrupt:
                break
    return 0
