"""`ahpa status`: all services that are annotated, at a glance."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping

import click

from ahpa.commands.looking import Looking, looking_options, run
from ahpa.commands.options import SECONDS, chosen
from ahpa.commands.tables import print_table

NOBODY = (
    "nobody asked for us yet: annotate a service with ahpa.dev/mode=observe; `ahpa survey` says for which it would pay"
)


@click.command("status", short_help="All annotated services: floor, next change, health.")
@click.option("--watch", "-w", is_flag=True, help="Stay, and look again; Ctrl-C ends it.")
@click.option("--every", type=SECONDS, default="30s", show_default=True, help="With --watch: how often.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--saved", type=SECONDS, metavar="SINCE",
              help="Instead: what was saved in so long (7d), by the metrics of ahpa serve.")  # fmt: skip
@looking_options
def command(watch: bool, every: float, output: str, saved: float | None, **given: object) -> None:
    """What has each annotated service, what comes next, and is anything wrong?

    It does what `ahpa serve` does once, with the same code and the same options, and writes nothing: learning takes as
    long as there. FLOOR is the minimum in force, BASELINE the owner's own, NEXT CHANGE the next floor if the forecast
    of now holds, HEALTH the reason of the decision.

    \b
    Examples:
      ahpa status --prometheus http://localhost:9090
      ahpa status --prometheus http://localhost:9090 --namespace shop --watch
      ahpa status --prometheus http://localhost:9090 --saved 7d
      ahpa status --prometheus http://localhost:9090 --output json | jq '.[] | select(.severity == "warning")'
    """
    if watch and output != "table":
        raise click.UsageError("--watch shows the table; for JSON run it again and again")
    if watch and every < 1:
        raise click.UsageError(f"--every: at least 1s, not {every:g}s")
    if saved is not None:
        _saved(saved, output, given)
    run("status", given, lambda at: watched(at, every, time.sleep) if watch else shown(at, output))


def _saved(since: float, output: str, given: Mapping[str, object]) -> None:
    """It asks Prometheus and nobody else, and ends the process."""
    from ahpa.adapters.prometheus.past_starts import InstantQueries
    from ahpa.commands.cluster import Demand, demand_from, ended_in_words
    from ahpa.commands.saved import ANSWER_SECONDS, shown_saved

    if since < 60:
        raise click.UsageError(f"--saved: at least 1m, not {since:g}s")
    demand = chosen(Demand, demand_from(given))
    with ended_in_words("status"):
        ask = InstantQueries(demand.prometheus, demand.connection, (2.0, ANSWER_SECONDS))
        sys.exit(shown_saved(ask, since, output, time.monotonic()))


def shown(at: Looking, output: str) -> int:
    """Once, on stdout; the exit code. Raises ClusterError."""
    from ahpa.render.status import as_json, doubts, rows_of, status

    seen = at.first()
    rows = rows_of(seen.rounds, at.ahead(at.steps()))
    if output == "json":
        click.echo(json.dumps(as_json(rows), indent=1))
        return 0
    if not rows:
        click.echo(NOBODY)
        return 0
    print_table(status(rows, seen.at))
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
