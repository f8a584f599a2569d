"""`ahpa serve`: the words of the in-cluster service."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ahpa.commands.cluster import (
    Around,
    Cluster,
    Deciding,
    Demand,
    cluster_options,
    deciding_options,
    demand_from,
    demand_options,
    ports_of,
    settings_of,
)
from ahpa.commands.ending import ended
from ahpa.commands.leading import Leading, elector_of, fence_of, held, leading_options
from ahpa.commands.options import SECONDS, chosen
from ahpa.commands.sight import ByWatches, by_lists
from ahpa.commands.workers import or_here, reached_or_here, workers_from, workers_options

if TYPE_CHECKING:
    from ahpa.adapters.dask.executor import Dask
    from ahpa.adapters.telemetry.telemetry import Telemetry
    from ahpa.commands.keeping import Keeper
    from ahpa.ports import Journal
    from ahpa.service.chronicle import Chronicle
    from ahpa.service.elector import Elector
    from ahpa.service.loop import Loop
    from ahpa.service.rounds import Ports, Service
    from ahpa.site.running import Running
    from ahpa.site.what_if import WhatIf
    from forecasting.executor import Executor


@dataclass(frozen=True)
class Options:
    """What was said on the command line of `serve` alone; each is explained there."""

    refit: float
    write_rate: float
    journal: str | None
    journal_size: int
    journal_keep: int
    state: Path | None
    dry_run: bool
    once: bool
    metrics_port: int
    predictions: int
    health_port: int
    page_port: int
    verbose: bool
    workers: Dask | None


@click.command("serve", short_help="Watch a cluster: forecast, and move the floor of those who ask for it.")
@demand_options
@cluster_options
@deciding_options
@leading_options
@click.option("--refit", type=SECONDS, default="1h", show_default=True, help="How often to learn anew.")
@click.option(
    "--write-rate",
    type=click.FloatRange(min=0.1),
    default=100.0,
    show_default=True,
    help="Writes to targets per second at most; fewer while the API server is busy.",
)
@click.option("--journal", type=click.Path(dir_okay=False), help="Append one JSON line per decision to this file.")
@click.option(
    "--journal-size",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    metavar="MIB",
    help="Pack the journal away (FILE.1.gz, ...) when it is so large.",
)
@click.option("--journal-keep", type=click.IntRange(0), default=10, show_default=True, help="Keep so many of those.")
@click.option("--state", type=click.Path(exists=True, file_okay=False, writable=True, path_type=Path), metavar="DIR",
              help="Keep the history and what was saved in this folder: a restart goes on with them.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Write nothing, whatever the annotations say.")
@click.option("--once", is_flag=True, help="One refit and one tick, then exit.")
@click.option(
    "--metrics-port",
    type=click.IntRange(-1, 65535),
    default=8080,
    show_default=True,
    help="/metrics; 0 for any, -1 for none.",
)
@click.option("--predictions", type=click.IntRange(0), default=1000, show_default=True, metavar="TARGETS",
              help="Export what is foreseen 15m to 24h ahead, as 12 series each, of so many targets.")  # fmt: skip
@click.option("--health-port", type=click.IntRange(-1, 65535), default=8081, show_default=True,
              help="/healthz, /livez, /readyz; 0 for any, -1 for none.")  # fmt: skip
@click.option("--page-port", type=click.IntRange(-1, 65535), default=8082, show_default=True,
              help="The page, and its JSON under /api/v1; 0 for any, -1 for none.")  # fmt: skip
@workers_options
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

    given, workers = demand_from(given), workers_from(given)
    given["workers"] = workers
    try:
        said = chosen(Cluster, given), chosen(Demand, given), chosen(Deciding, given), chosen(Options, given)
        code = _serve(*said, chosen(Leading, given))
    except (ClusterError, QueryError, OSError) as error:
        click.echo(f"ahpa serve: {error}", err=True)
        sys.exit(2 if isinstance(error, QueryError) else 3)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    finally:
        if workers is not None:
            workers.stop()
    sys.exit(code) if given["once"] else ended(code)


@dataclass(frozen=True, eq=False)
class _Serving:
    """The service and what stands around it."""

    telemetry: Telemetry
    ports: Ports
    service: Service
    chronicle: Chronicle
    loop: Loop
    keeper: Keeper
    apart: Executor
    watches: ByWatches
    elector: Elector | None


def _serve(cluster: Cluster, demand: Demand, deciding: Deciding, options: Options, leading: Leading) -> int:
    from ahpa.adapters.processes.memory import give_freed_arrays_back
    from ahpa.adapters.telemetry.logs import log_to_stderr

    give_freed_arrays_back()
    log_to_stderr(options.verbose)
    serving = _put_together(cluster, demand, deciding, options, leading)
    if options.once:
        with held(serving.elector):
            return _once(serving.service, serving.loop)
    return _go_on(serving, options)


def _put_together(cluster: Cluster, demand: Demand, deciding: Deciding, options: Options, leading: Leading) -> _Serving:
    """Nothing runs yet. Raises ClusterError, QueryError and UsageError for what cannot be."""
    from ahpa.adapters.kubernetes.paced import Paced
    from ahpa.adapters.processes.apart import Apart
    from ahpa.adapters.processes.memory import Sweeper
    from ahpa.adapters.telemetry.telemetry import Telemetry
    from ahpa.commands.keeping import Keeper, directly, past_starts
    from ahpa.service.chronicle import Chronicle, Chronicled
    from ahpa.service.growing import LearnAsItGrows
    from ahpa.service.leases import ALONE
    from ahpa.service.loop import Jobs, Loop, Pace
    from ahpa.service.rounds import Service

    telemetry = Telemetry()
    settings = replace(settings_of(deciding, demand, options.refit), most_foretold=options.predictions)
    pace = Pace(options.write_rate)
    keeper = Keeper(settings, telemetry, demand.prometheus, options.state)
    watches = ByWatches(cluster.namespace, telemetry)
    elector = elector_of(
        leading, cluster, telemetry, ready=lambda: options.once or loop.ready, sight=lambda: service.sight
    )
    apart = Apart()
    around = Around(
        see=by_lists if options.once else watches,
        guarded=lambda kube: Paced(fence_of(elector)(kube), pace, pace.answered),
        kept=directly if options.once else keeper.around,
        workers=None if options.workers is None else reached_or_here(options.workers, telemetry),
        apart=None if options.once else or_here(apart, telemetry),
    )
    ports = ports_of(cluster, demand, telemetry, around)
    ports = replace(ports, starts=past_starts(demand, ports.starts), journal=_journal(options))
    service = Service(settings, ports, lambda now: not options.dry_run, leases=elector or ALONE, totals=keeper.totals())
    chronicle = Chronicle()
    jobs: Jobs = LearnAsItGrows(service, keeper)
    if options.page_port >= 0 and not options.once:
        jobs = Chronicled(jobs, lambda: service.shown, chronicle, telemetry)
    loop = Loop(jobs, telemetry, tidy=Sweeper())
    return _Serving(telemetry, ports, service, chronicle, loop, keeper, apart, watches, elector)


def _go_on(serving: _Serving, options: Options) -> int:
    """Until SIGTERM or SIGINT."""
    from ahpa.commands.pages import Listening, serve_pages
    from ahpa.commands.what_if import playing, what_if_of
    from ahpa.site.routes import Site

    service, keeper, loop, elector = serving.service, serving.keeper, serving.loop, serving.elector
    what_if = what_if_of(service, serving.ports, keeper.held)
    site = Site(_running(serving, what_if, options))
    listening = Listening(options.metrics_port, options.health_port, options.page_port)
    servers = serve_pages(loop, serving.telemetry, site, listening)
    serving.telemetry.log("service.started", ports=[server.server_address[1] for server in servers])
    for number in (signal.SIGTERM, signal.SIGINT):
        # on a thread of its own: the handler may interrupt this one within the wait for a stop, with the lock of it
        signal.signal(number, lambda *_: threading.Thread(target=loop.stop, name="stop").start())
    with ExitStack() as running:  # what comes last ends first: leases are given back at once
        running.callback(serving.watches.close)
        running.enter_context(keeper.filling(lambda: loop.spare, lambda: service.totals))
        running.enter_context(playing(what_if))
        running.callback(serving.apart.stop)
        if elector is not None:
            elector.start()
            running.callback(elector.stop)
        loop.run()
    for server in servers:
        server.shutdown()
    return 0


def _running(serving: _Serving, what_if: WhatIf, options: Options) -> Running:
    from ahpa.service.leases import ALONE
    from ahpa.site.running import Running

    service = serving.service
    return Running(
        shown=lambda: service.shown,
        chronicle=serving.chronicle,
        held=serving.keeper.held,
        sketch=service.sketch,
        savings=lambda: service.savings,
        saving=service.saving,
        settings=service.settings,
        leads=(serving.elector or ALONE).holds,
        what_if=what_if.ask,
        dry=options.dry_run,
    )


def _once(service: Service, loop: Loop) -> int:
    """One round; the decisions as a table on stdout."""
    from rich.console import Console

    from ahpa.render.table import decisions

    loop.run_once()
    Console().print(decisions(each.decision for each in service.shown.rounds))
    return 0


def _journal(options: Options) -> Journal | None:
    """Raises UsageError where it cannot be written: an operator who asked for one relies on it."""
    from ahpa.adapters.files.journal import MIB, JournalFile

    if options.journal is None:
        return None
    try:
        return JournalFile(options.journal, options.journal_size * MIB, options.journal_keep)
    except OSError as error:
        raise click.UsageError(f"--journal {options.journal}: it cannot be written: {error.strerror}") from error
