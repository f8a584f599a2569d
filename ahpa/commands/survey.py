"""`ahpa survey`: for which services of a cluster prediction would pay."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ahpa.commands.cluster import (
    Around,
    Cluster,
    Demand,
    cluster_options,
    demand_from,
    demand_options,
    ended_in_words,
    history_options,
    lag_options,
    ports_of,
    readiness_of,
)
from ahpa.commands.options import MOST_SAID, chosen
from ahpa.commands.progress import progress, stages
from ahpa.commands.tables import print_table
from ahpa.commands.workers import pool, reached, workers_from, workers_options
from ahpa.core.words import printable

if TYPE_CHECKING:
    from ahpa.service.rounds import Ports
    from ahpa.service.settings import Settings
    from ahpa.survey.survey import Surveyed
    from forecasting.executor import Executor


@dataclass(frozen=True)
class Wish:
    """How much is tested, and where the results go."""

    test_days: float
    jobs: int | None
    out: Path
    output: str
    workers: Executor | None


@dataclass(frozen=True)
class Assumed:
    """What is taken for granted of all."""

    history: float
    step: float
    lag_p50: float
    lag_p95: float | None
    tiers: Path | None


@click.command("survey", short_help="For which services of a cluster would it pay?")
@click.option("--test-days", type=click.FloatRange(0, 14, min_open=True), default=2.0, show_default=True,
              help="The last days are tested; what lies before is history.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default="out/survey", show_default=True,
              help="The report (report.html, survey.json) goes here.")  # fmt: skip
@click.option("--jobs", type=click.IntRange(1, 256), help="Processes.  [default: one per core]")
@workers_options
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@demand_options
@cluster_options
@history_options
@lag_options
def command(**given: object) -> None:
    """What would ahpa save, or how many late requests would it spare, on each service of this cluster?

    It needs no annotation, and the right to read and no other: nothing is written. Every object of every kind is looked
    at as if it carried `ahpa.dev/mode: observe`; its demand is read from Prometheus, how long starts take is learned
    from its pods, and the last days are played in a simulated cluster, as it is and with ahpa above its own scaler.
    A minimum that its owner holds for peaks is played lowered to 1, as ahpa raises it for them. You get a ranking, a
    report, the command to try it for each that pays, and the reason for each that cannot be judged. 40 services take
    one or two minutes on two cores; with more than 100 each is tested on one day.

    \b
    Examples:
      ahpa survey --prometheus http://localhost:9090
      ahpa survey --prometheus http://localhost:9090 --namespace shop --lag-p50 5m
      ahpa survey --prometheus http://localhost:9090 --output json > survey.json
    """
    given = demand_from(given)
    try:
        with ended_in_words("survey"), reached(workers_from(given), "survey") as given["workers"]:
            wish = chosen(Wish, given)
            sys.exit(_survey(chosen(Cluster, given), chosen(Demand, given), chosen(Assumed, given), wish))
    except KeyboardInterrupt:
        click.echo("interrupted: no report was written", err=True)
        sys.exit(130)


def _survey(cluster: Cluster, demand: Demand, assumed: Assumed, wish: Wish) -> int:
    from ahpa.adapters.telemetry.logs import log_nowhere
    from ahpa.adapters.telemetry.telemetry import Telemetry
    from ahpa.core.policy.values import Policy
    from ahpa.service.loop import wall_clock
    from ahpa.service.settings import Settings

    log_nowhere()
    readiness = readiness_of(assumed.lag_p50, assumed.lag_p95, assumed.tiers)
    settings = Settings(
        step_seconds=assumed.step,
        history_seconds=assumed.history,
        readiness=readiness,
        defaults=Policy(time_zone=demand.time_zone, holidays=demand.holidays),
    )
    ports = ports_of(cluster, demand, Telemetry(), Around(concerns=lambda item: True))
    jobs = wish.jobs or os.cpu_count() or 1
    found = surveyed(ports, settings, wall_clock(), wish.test_days, lambda: pool(jobs, wish.workers))
    return told(found, wish.out, wish.output)


def surveyed(
    ports: Ports,
    settings: Settings,
    now: float,
    test_days: float,
    executors: Callable[[], contextlib.AbstractContextManager[Executor]],
) -> Surveyed:
    """Of all objects that the actuators of `ports` list, with progress on stderr. Raises ClusterError."""
    from ahpa.adapters.kubernetes.kinds import KINDS
    from ahpa.core.policy.values import Policy
    from ahpa.survey.candidates import candidates
    from ahpa.survey.survey import prepare, survey

    with stages() as say:
        say("listing services and reading their demand")
        found = candidates(ports.actuators, ports, settings, now)
    scalers = {name: kind.scaler for name, kind in KINDS.items()}
    ready = prepare(found, scalers, test_days)
    line = f"learning from {len(ready.series)} services, then testing them"
    with executors() as executor, progress(max(1, len(ready.series)), line=line) as advance:
        return survey(ready, ports.models[Policy().model], executor, advance)


def told(found: Surveyed, out: Path, output: str) -> int:
    """On stdout, and as a report in `out`; the exit code. Raises OSError."""
    from ahpa.adapters.files.writing import directory
    from ahpa.survey.faces import MEANING, advice, as_json, headline, left_out, page, ranking

    directory(out)
    said = json.dumps(as_json(found), indent=1, allow_nan=False)
    (out / "survey.json").write_text(said + "\n", encoding="utf-8")
    (out / "report.html").write_text(page(found), encoding="utf-8")
    if output == "json":
        click.echo(said)
    else:
        if found.gains:
            print_table(ranking(found))
            click.echo(f"{MEANING}.")
        click.echo(f"{headline(found)}.")
        for line in advice(found):
            click.echo(line)
    for line in left_out(found):
        click.echo(line, err=True)
    if found.unread:
        said = printable(found.unread, MOST_SAID)
        click.echo(f"ahpa survey: no demand could be read: {said}; look into --prometheus", err=True)
        return 3
    click.echo(f"report: {out / 'report.html'}", err=True)
    return 0 if found.gains else 4
