"""`ahpa serve`: the words of the in-cluster service, and its composition root: here ports and adapters meet."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ahpa.commands.options import (
    HTTP_URL,
    LABEL,
    SECONDS,
    calendar_from,
    calendar_options,
    chosen,
    connection_from,
    lag_of,
    lag_p95_option,
    prometheus_options,
)

if TYPE_CHECKING:
    from ahpa.adapters.kubernetes.api import KubeApi
    from ahpa.adapters.prometheus.connection import Connection
    from ahpa.adapters.telemetry.telemetry import Telemetry
    from ahpa.core.readiness import Readiness
    from ahpa.ports import Actuator, Journal
    from ahpa.service.loop import Loop
    from ahpa.service.rounds import Ports, Service
    from ahpa.service.settings import Settings


@dataclass(frozen=True)
class Options:
    """What was said on the command line; each is explained there."""

    prometheus: str
    connection: Connection
    queries: str | None
    own_queries: str | None
    kubeconfig: str | None
    context: str | None
    namespace: str | None
    kinds: str | None
    tick: float
    refit: float
    history: float
    step: float
    lag_p50: float
    lag_p95: float | None
    tiers: Path | None
    cap: int
    raise_budget: int
    write_rate: float
    stale_after: float
    hold: float
    time_zone: str | None
    holidays: str | None
    journal: str | None
    dry_run: bool
    once: bool
    metrics_port: int
    health_port: int
    verbose: bool


@click.command("serve", short_help="Watch a cluster: forecast, and move the floor of those who ask for it.")
@click.option("--prometheus", type=HTTP_URL, required=True, metavar="URL", help="Where demand is read from.")
@prometheus_options
@click.option("--queries", type=click.Path(exists=True, dir_okay=False), help="YAML file of further demand queries.")
@click.option(
    "--own-queries",
    type=LABEL,
    metavar="LABEL",
    help="Use the PromQL of KEDA's triggers, confined to series whose LABEL (as namespace) is that of the object.",
)
@click.option("--kubeconfig", type=click.Path(exists=True, dir_okay=False), help="Instead of the pod's own account.")
@click.option("--context", help="Context of the kubeconfig.")
@click.option("--namespace", "-n", help="Only this namespace (default: all).")
@click.option("--kinds", help="Kinds of targets to look for, as knative,hpa.  [default: all]")
@click.option("--tick", type=SECONDS, default="60s", show_default=True, help="How often to decide.")
@click.option("--refit", type=SECONDS, default="1h", show_default=True, help="How often to learn anew.")
@click.option("--history", type=SECONDS, default="14d", show_default=True, help="How much history to learn from.")
@click.option("--step", type=SECONDS, default="60s", show_default=True, help="Resolution of the history.")
@click.option("--lag-p50", type=SECONDS, default="180s", show_default=True, help="Assumed lag until pods show better.")
@lag_p95_option
@click.option(
    "--tiers",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML list of tiers (name, nodes, replicas, lag-p50, lag-p95), instead of --lag-*.",
)
@click.option(
    "--cap",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="No floor is raised above this, whoever asks.",
)
@click.option(
    "--raise-budget",
    type=click.IntRange(1),
    default=500,
    show_default=True,
    help="Replicas added per tick, over all services.",
)
@click.option(
    "--write-rate",
    type=click.FloatRange(min=0.1),
    default=10.0,
    show_default=True,
    help="Writes to targets per second, after a burst of thrice as many.",
)
@click.option("--stale-after", type=SECONDS, default="5m", show_default=True, help="Older data are not lowered on.")
@click.option("--hold", type=SECONDS, default="15m", show_default=True, help="Stale data hold the floor this long.")
@calendar_options
@click.option("--journal", type=click.Path(dir_okay=False), help="Append one JSON line per decision to this file.")
@click.option("--dry-run", is_flag=True, help="Write nothing, whatever the annotations say.")
@click.option("--once", is_flag=True, help="One refit and one tick, then exit.")
@click.option(
    "--metrics-port",
    type=click.IntRange(-1, 65535),
    default=8080,
    show_default=True,
    help="/metrics and the page; 0 for any, -1 for none.",
)
@click.option("--health-port", type=click.IntRange(-1, 65535), default=8081, show_default=True,
              help="/healthz, /livez, /readyz; 0 for any, -1 for none.")  # fmt: skip
@click.option("--verbose", "-v", is_flag=True, help="Log more.")
def command(**given: object) -> None:
    """Watch a cluster: forecast, and move the floor of those who ask for it.

    Without an annotation nothing is touched; with ahpa.dev/mode: observe it says what it would do.

    \b
    Examples:
      ahpa serve --prometheus http://prometheus.monitoring:9090
      ahpa serve --prometheus http://localhost:9090 --kubeconfig ~/.kube/config --once --dry-run
    """
    from ahpa.ports import ClusterError, QueryError

    try:
        sys.exit(_serve(chosen(Options, given | {"connection": connection_from(given)})))
    except (ClusterError, QueryError, OSError) as error:
        click.echo(f"ahpa serve: {error}", err=True)
        sys.exit(2 if isinstance(error, QueryError) else 3)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _serve(options: Options) -> int:
    from ahpa.adapters.processes.memory import give_freed_arrays_back
    from ahpa.adapters.telemetry.logs import log_to_stderr
    from ahpa.adapters.telemetry.telemetry import Telemetry
    from ahpa.commands.pages import serve_pages
    from ahpa.service.loop import Loop
    from ahpa.service.rounds import Service

    give_freed_arrays_back()
    log_to_stderr(options.verbose)
    telemetry = Telemetry()
    service = Service(_settings(options), _ports(options, telemetry), lambda now: not options.dry_run)
    loop = Loop(service, telemetry)
    if options.once:
        return _once(service, loop)
    servers = serve_pages(service, loop, telemetry, options.metrics_port, options.health_port)
    telemetry.log("service.started", ports=[server.server_address[1] for server in servers])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: loop.stop())
    loop.run()
    for server in servers:
        server.shutdown()
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            with suppress(RuntimeError):
                thread.join(5)
    return 0


def _once(service: Service, loop: Loop) -> int:
    """One round; the decisions as a table on stdout."""
    from rich.console import Console

    from ahpa.render.table import decisions

    loop.run_once()
    Console().print(decisions(each.decision for each in service.shown.rounds))
    return 0


def _settings(options: Options) -> Settings:
    from ahpa.core.observation import Limits
    from ahpa.core.policy.values import Policy
    from ahpa.service.settings import RECENT_SECONDS, Settings

    for name, value in (("--tick", options.tick), ("--refit", options.refit), ("--step", options.step)):
        if value < 1:
            raise click.UsageError(f"{name}: at least 1s, not {value:g}s")
    if not options.step <= RECENT_SECONDS <= options.history:
        raise click.UsageError(f"--step must be at most {RECENT_SECONDS:g}s, and --history at least that")
    return Settings(
        tick_seconds=options.tick,
        refit_seconds=options.refit,
        step_seconds=options.step,
        history_seconds=options.history,
        readiness=_readiness(options),
        limits=Limits(
            cap=options.cap,
            stale_seconds=options.stale_after,
            hold_seconds=options.hold,
            budget=options.raise_budget,
        ),
        defaults=Policy(time_zone=options.time_zone, holidays=options.holidays),
    )


def _readiness(options: Options) -> Readiness:
    from ahpa.adapters.files.tiers import read_tiers
    from ahpa.core.readiness import Readiness

    if options.tiers is None:
        return Readiness.single(lag_of(options.lag_p50, options.lag_p95))
    readiness, _ = read_tiers(options.tiers)
    return readiness


def _ports(options: Options, telemetry: Telemetry) -> Ports:
    """Every adapter, put together."""
    import socket

    from ahpa.adapters.calendars import calendar_at
    from ahpa.adapters.kubernetes.api import Kube
    from ahpa.adapters.kubernetes.events import Events
    from ahpa.adapters.kubernetes.pods import Pods
    from ahpa.adapters.processes.executors import Threads
    from ahpa.adapters.processes.fits import FitPool
    from ahpa.adapters.prometheus.queries import QueryList, doubts, load_queries
    from ahpa.adapters.prometheus.source import Prometheus
    from ahpa.service.rounds import Ports
    from forecasting.choice.models import models

    queries = load_queries(options.queries)
    for name, doubt in doubts(queries).items():
        telemetry.log("query.doubtful", logging.WARNING, query=name, problem=doubt)
    kube = Kube.connect(options.kubeconfig, options.context)
    calendar = calendar_from(options.time_zone, options.holidays)
    prometheus = Prometheus(options.prometheus, options.connection, executor=Threads(4))
    return Ports(
        actuators=_actuators(options, kube),
        starts=Pods(kube),
        demand=prometheus,
        late=prometheus.apart(),
        queries=QueryList(queries, options.own_queries),
        models=models(FitPool(), calendar, Threads(2)),
        events=Events(kube, socket.gethostname()),
        telemetry=telemetry,
        journal=_journal(options.journal),
        cluster_clock=kube,
        places=calendar_at,
    )


def _journal(file: str | None) -> Journal | None:
    """Raises UsageError where it cannot be written: an operator who asked for one relies on it."""
    from ahpa.adapters.files.journal import JournalFile

    try:
        return None if file is None else JournalFile(file)
    except OSError as error:
        raise click.UsageError(f"--journal {file}: it cannot be written: {error.strerror}") from error


def _actuators(options: Options, kube: KubeApi) -> dict[str, Actuator]:
    """Of the kinds that were asked for; all by default. Raises ValueError for one that there is not."""
    from ahpa.adapters.kubernetes.api import Paced
    from ahpa.adapters.kubernetes.kinds import KINDS
    from ahpa.service.loop import Pace

    asked = [kind.strip() for kind in options.kinds.split(",")] if options.kinds is not None else list(KINDS)
    if unknown := sorted(set(asked) - set(KINDS)):
        raise ValueError(f"--kinds: {unknown[0]!r} is not one of {', '.join(KINDS)}")
    paced = Paced(kube, Pace(options.write_rate, round(3 * options.write_rate)))
    return {kind: KINDS[kind].actuator(paced, options.namespace) for kind in asked}
