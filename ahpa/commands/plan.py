"""`ahpa plan`: what would change now."""

from __future__ import annotations

import json

import click

from ahpa.commands.looking import Looking, looking_options, run
from ahpa.commands.options import MOST_SAID
from ahpa.core.words import printable


@click.command("plan", short_help="What would change now, and why.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@looking_options
def command(output: str, **given: object) -> None:
    """Which floors would `ahpa serve` move now, from what to what, and why?

    One round by its own code, with its options, that writes nothing. Exit code 0: no floor would be written; 1: some
    would, a line each; 2: usage; 3: cluster or Prometheus cannot be reached. Services in observe mode are told of, but
    nothing would be written for them.

    \b
    Examples:
      ahpa plan --prometheus http://localhost:9090
      ahpa plan --prometheus http://localhost:9090 --cap 20     with another cap
      ahpa plan --prometheus http://localhost:9090 --output json
    """
    run("plan", given, lambda at: planned(at, output))


def planned(at: Looking, output: str) -> int:
    """On stdout; the exit code. Raises ClusterError."""
    from ahpa.render.status import as_json, doubts, plan, rows_of, summary

    seen = at.first()
    rows = rows_of(seen.rounds, {})
    if output == "json":
        click.echo(json.dumps([row for row in as_json(rows) if row["wanted"] != row["floor"]], indent=1))
    else:
        for line in plan(rows):
            click.echo(line)
        click.echo(summary(rows))
    for line in doubts(rows):
        click.echo(f"look at {line}", err=True)
    unread = [row.workload.unread for row in rows if row.workload.unread is not None]
    if unread and len(unread) == len(seen.listing.queries):
        said = printable(unread[0], MOST_SAID)
        click.echo(f"ahpa plan: no demand could be read, so this says little: {said}", err=True)
        return 3
    return 1 if any(row.writes for row in rows) else 0
