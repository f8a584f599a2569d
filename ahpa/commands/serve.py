"""`ahpa serve`: the words of the in-cluster service."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ahpa.commands.cluster import (
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
from ahpa.commands.leading import Leading, elector_of, fence_of, held, leading_options
from ahpa.commands.options import SECONDS, chosen
from ahpa.commands.sight import ByWatches, by_lists
from ahpa.commands.workers import or_here, workers_from, workers_options

if TYPE_CHECKING:
    from ahpa.adapters.dask.executor import Dask
    from ahpa.ports import Journal
    from ahpa.service.loop import Loop
    from ahpa.service.rounds import Service


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
    health_port: int
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
              help="Keep a copy of the history in this folder, so that a restart does not read it anew.")  # fmt: skip
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
        sys.exit(_serve(*said, chosen(Leading, given)))
    except (ClusterError, QueryError, OSError) as error:
        click.echo(f"ahpa serve: {error}", err=True)
        sys.exit(2 if isinstance(error, QueryError) else 3)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    finally:
        if workers is not None:
            workers.stop()


def _serve(cluster: Cluster, demand: Demand, deciding: Deciding, options: Options, leading: Leading) -> int:
    from ahpa.adapters.kubernetes.paced import Paced
    from ahpa.adapters.processes.memory import give_freed_arrays_back
    from ahpa.adapters.telemetry.logs import log_to_stderr
    from ahpa.adapters.telemetry.telemetry import Telemetry
    from ahpa.commands.keeping import Keeper, directly, past_starts
    from ahpa.commands.pages import serve_pages
    from ahpa.service.growing import LearnAsItGrows
    from ahpa.service.leases import ALONE
    from ahpa.service.loop import Loop, Pace
    from ahpa.service.rounds import Service

    give_freed_arrays_back()
    log_to_stderr(options.verbose)
    telemetry = Telemetry()
    settings = settings_of(deciding, demand, options.refit)
    pace = Pace(options.write_rate)
    keeper = Keeper(settings, telemetry, demand.prometheus, options.state)
    watches = ByWatches(cluster.namespace, telemetry)
    elector = elector_of(leading, cluster, telemetry, ready=lambda: options.once or loop.ready)
    ports = ports_of(
        cluster,
        demand,
        telemetry,
        guarded=lambda kube: Paced(fence_of(elector)(kube), pace, pace.answered),
        journal=_journal(options),
        elsewhere=or_here(options.workers, telemetry),
        see=by_lists if options.once else watches,
        kept=directly if options.once else keeper.around,
    )
    ports = replace(ports, starts=past_starts(demand, ports.starts))
    service = Service(settings, ports, lambda now: not options.dry_run, leases=elector or ALONE)
    loop = Loop(LearnAsItGrows(service, keeper), telemetry)
    if options.once:
        with held(elector):
            return _once(service, loop)
    servers = serve_pages(service, loop, telemetry, options.metrics_port, options.health_port)
    telemetry.log("service.started", ports=[server.server_address[1] for server in servers])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: loop.stop())
    with ExitStack() as running:  # what comes last ends first: leases are given back at once
        running.callback(watches.close)
        running.enter_context(keeper.filling())
        if elector is not None:
            elector.start()
            running.callback(elector.stop)
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


def _journal(options: Options) -> Journal | None:
    """Raises UsageError where it cannot be written: an operator who asked for one relies on it."""
    from ahpa.adapters.files.journal import MIB, JournalFile

    if options.journal is None:
        return None
    try:
        return JournalFile(options.journal, options.journal_size * MIB, options.journal_keep)
    except OSError as error:
        raise click.UsageError(f"--journal {options.journal}: it cannot be written: {error.strerror}") from error
