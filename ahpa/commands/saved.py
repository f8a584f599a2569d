"""`ahpa status --saved`: what was saved lately, by the counters of `ahpa serve` in Prometheus."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from ahpa.commands.tables import print_table
from ahpa.core.words import seconds

if TYPE_CHECKING:
    from ahpa.adapters.prometheus.past_starts import Asking

QUERY = "sum by (kind, namespace, name, by) (increase({metric}[{since:.0f}s]))"
"""Restarts and copies of us in between are Prometheus' to see through."""
ANSWER_SECONDS = 30.0
NOTHING = (
    "Prometheus has no ahpa_replica_seconds_total of the last {since}: let it scrape the metrics of `ahpa serve` "
    "(config/components/monitoring); a target is counted from its first forecast on"
)


def shown_saved(ask: Asking, since: float, output: str, now: float) -> int:
    """On stdout; the exit code. `now` is a moment of `time.monotonic`. Raises OSError where Prometheus says nothing."""
    from ahpa.adapters.prometheus.session import MetricsUnavailable
    from ahpa.render.saved import MEANING, lately, saved_json, saved_table, sentences

    names = "ahpa_replica_seconds_total", "ahpa_late_requests_total"
    try:
        replicas, late = (ask(QUERY.format(metric=name, since=since), now + ANSWER_SECONDS) for name in names)
    except (MetricsUnavailable, OSError, ValueError) as error:
        raise OSError(f"the counters could not be read: {error}") from error
    rows = lately([(labels, value / 3600) for labels, value in replicas], late)
    if output == "json":
        click.echo(json.dumps(saved_json(rows), indent=1))
        return 0
    if not rows:
        click.echo(NOTHING.format(since=seconds(since)))
        return 0
    print_table(saved_table(rows))
    click.echo(f"{MEANING}.")
    for line in sentences(rows):
        click.echo(line)
    return 0
