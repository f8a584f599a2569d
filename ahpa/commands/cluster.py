"""Which cluster and which Prometheus a command looks at, and by what it decides: options that several share, and the
composition root, the one place where ports meet adapters.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ahpa.commands.options import (
    HTTP_URL,
    LABEL,
    MOST_SAID,
    SECONDS,
    Command,
    calendar_from,
    calendar_options,
    connection_from,
    lag_of,
    lag_p95_option,
    prometheus_options,
    with_options,
)
from ahpa.commands.sight import See, by_lists
from ahpa.core.words import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ahpa.adapters.kubernetes.api import KubeApi, Origin
    from ahpa.adapters.kubernetes.concern import Concern
    from ahpa.adapters.prometheus.connection import Connection
    from ahpa.adapters.prometheus.source import Prometheus
    from ahpa.core.readiness import Readiness
    from ahpa.ports import Actuator, DemandSource, Telemetry
    from ahpa.service.rounds import Ports
    from ahpa.service.settings import Settings
    from forecasting.executor import Executor


@dataclass(frozen=True)
class Cluster:
    """Which objects are looked at, and who we are where they are."""

    kubeconfig: str | None
    context: str | None
    namespace: str | None
    kinds: str | None


@dataclass(frozen=True)
class Demand:
    """Where demand is read from, and by whose clock it goes."""

    prometheus: str
    connection: Connection
    queries: str | None
    own_queries: str | None
    time_zone: str | None
    holidays: str | None


@dataclass(frozen=True)
class Deciding:
    """What a decision takes from the operator."""

    tick: float
    history: float
    step: float
    lag_p50: float
    lag_p95: float | None
    tiers: Path | None
    cap: int
    raise_budget: int
    max_targets_per_namespace: int
    max_library_fits_per_namespace: int
    stale_after: float
    hold: float
    follow: float


def cluster_options(command: Command) -> Command:
    """The fields of `Cluster`."""
    return with_options(
        command,
        click.option("--kubeconfig", type=click.Path(exists=True, dir_okay=False),
                     help="Instead of the pod's own account, or of KUBECONFIG where this is no pod."),
        click.option("--context", help="Context of the kubeconfig."),
        click.option("--namespace", "-n", help="Only this namespace (default: all)."),
        click.option("--kinds", help="Kinds of targets to look for, as knative,hpa.  [default: all]"),
    )  # fmt: skip


def demand_options(command: Command) -> Command:
    """The fields of `Demand`; `demand_from` reads them."""
    return with_options(
        command,
        click.option("--prometheus", type=HTTP_URL, required=True, metavar="URL",
                     help="Where demand is read from; from outside the cluster by `kubectl port-forward`."),
        prometheus_options,
        click.option("--queries", type=click.Path(exists=True, dir_okay=False),
                     help="YAML file of further demand queries."),
        click.option("--own-queries", type=LABEL, metavar="LABEL",
                     help="Use the PromQL of KEDA's triggers, confined to series whose LABEL (as namespace) is that "
                          "of the object."),
        calendar_options,
    )  # fmt: skip


def history_options(command: Command) -> Command:
    """How much is read."""
    return with_options(
        command,
        click.option("--history", type=SECONDS, default="14d", show_default=True,
                     help="How much history to learn from."),
        click.option("--step", type=SECONDS, default="60s", show_default=True, help="Resolution of the history."),
    )  # fmt: skip


def lag_options(command: Command) -> Command:
    """How long replicas take, until they show it themselves; `readiness_of` reads them."""
    return with_options(
        command,
        click.option("--lag-p50", type=SECONDS, default="180s", show_default=True,
                     help="Assumed lag until pods show better."),
        lag_p95_option,
        click.option("--tiers", type=click.Path(exists=True, dir_okay=False, path_type=Path),
                     help="YAML list of tiers (name, nodes, replicas, lag-p50, lag-p95), instead of --lag-*."),
    )  # fmt: skip


def deciding_options(command: Command) -> Command:
    """The fields of `Deciding`."""
    return with_options(
        command,
        click.option("--tick", type=SECONDS, default="60s", show_default=True, help="How often to decide."),
        history_options,
        lag_options,
        click.option("--cap", type=click.IntRange(1), default=100, show_default=True,
                     help="No floor is raised above this, whoever asks."),
        click.option("--raise-budget", type=click.IntRange(1), default=500, show_default=True,
                     help="Replicas added per tick, over all services."),
        click.option("--max-targets-per-namespace", type=click.IntRange(1), default=1000, show_default=True,
                     help="Of one namespace so many are served; the rest are refused, and say so."),
        click.option("--max-library-fits-per-namespace", type=click.IntRange(0), default=100, show_default=True,
                     help="Of one namespace so many are fitted one by one (prophet, auto, ...); the rest by fleet."),
        click.option("--stale-after", type=SECONDS, default="5m", show_default=True,
                     help="Older data are not lowered on."),
        click.option("--hold", type=SECONDS, default="15m", show_default=True,
                     help="Stale data hold the floor this long."),
        click.option("--follow", type=SECONDS, default="6h", show_default=True,
                     help="So long after the newest data floors rise along what was foreseen, 24h at most; 0s: never."),
    )  # fmt: skip


@contextmanager
def ended_in_words(name: str) -> Iterator[None]:
    """A failure of what is done within ends the process with a sentence and its exit code: 2 for a query or an option
    that cannot be served, 3 where the cluster or Prometheus is out of reach."""
    from ahpa.ports import ClusterError, QueryError

    try:
        yield
    except (ClusterError, QueryError, OSError) as error:
        click.echo(f"ahpa {name}: {printable(str(error), MOST_SAID)}", err=True)
        sys.exit(2 if isinstance(error, QueryError) else 3)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def demand_from(given: Mapping[str, object]) -> dict[str, object]:
    """What was given, with the connection that `prometheus_options` describe. Raises UsageError."""
    return {**given, "connection": connection_from(given)}


def settings_of(said: Deciding, demand: Demand, refit: float = 3600.0) -> Settings:
    """Raises UsageError."""
    from ahpa.core.observation import Limits
    from ahpa.core.policy.values import Policy
    from ahpa.service.settings import RECENT_SECONDS, Settings

    for name, value in (("--tick", said.tick), ("--refit", refit), ("--step", said.step)):
        if value < 1:
            raise click.UsageError(f"{name}: at least 1s, not {value:g}s")
    if not said.step <= RECENT_SECONDS <= said.history:
        raise click.UsageError(f"--step must be at most {RECENT_SECONDS:g}s, and --history at least that")
    return Settings(
        tick_seconds=said.tick,
        refit_seconds=refit,
        step_seconds=said.step,
        history_seconds=said.history,
        readiness=readiness_of(said.lag_p50, said.lag_p95, said.tiers),
        limits=Limits(
            cap=said.cap,
            stale_seconds=said.stale_after,
            hold_seconds=said.hold,
            follow_seconds=said.follow,
            budget=said.raise_budget,
        ),
        most_targets=said.max_targets_per_namespace,
        most_library_fits=said.max_library_fits_per_namespace,
        defaults=Policy(time_zone=demand.time_zone, holidays=demand.holidays),
    )


def readiness_of(lag_p50: float, lag_p95: float | None, tiers: Path | None) -> Readiness:
    """What is assumed until pods show better. Raises UsageError, InputError."""
    from ahpa.adapters.files.tiers import read_tiers
    from ahpa.core.readiness import Readiness

    if tiers is None:
        return Readiness.single(lag_of(lag_p50, lag_p95))
    readiness, _ = read_tiers(tiers)
    return readiness


def connected(cluster: Cluster) -> Origin:
    """Raises ClusterError where there is no way to a cluster."""
    from ahpa.adapters.kubernetes.api import Kube

    return Kube.connect(cluster.kubeconfig, cluster.context)


def actuators_of(cluster: Cluster, kube: KubeApi, concerns: Concern | None = None) -> dict[str, Actuator]:
    """Of the kinds that were asked for, all by default; of the objects that concern the asker, by default those that
    carry an annotation of ours. Raises ValueError for a kind that there is not."""
    from ahpa.adapters.kubernetes.concern import concerns_us
    from ahpa.adapters.kubernetes.kinds import KINDS

    asked = [kind.strip() for kind in cluster.kinds.split(",")] if cluster.kinds is not None else list(KINDS)
    if unknown := sorted(set(asked) - set(KINDS)):
        raise ValueError(f"--kinds: {unknown[0]!r} is not one of {', '.join(KINDS)}")
    return {kind: KINDS[kind].actuator(kube, cluster.namespace, concerns or concerns_us) for kind in asked}


@dataclass(frozen=True)
class Around:
    """What a command puts around the adapters; whoever looks once needs nothing of it."""

    see: See = by_lists
    """How the cluster is seen."""
    concerns: Concern | None = None
    """Which objects; None: those that carry an annotation of ours."""
    guarded: Callable[[KubeApi], KubeApi] = lambda kube: kube
    """What stands before each write."""
    kept: Callable[[Prometheus], DemandSource] = lambda prometheus: prometheus
    """What keeps the history of the demand."""
    workers: Executor | None = None
    """Other machines, for all refits."""
    apart: Executor | None = None
    """Where the fleet is learned without them; None: here."""


def ports_of(cluster: Cluster, demand: Demand, telemetry: Telemetry, around: Around = Around()) -> Ports:
    """Every adapter, put together."""
    import socket

    from ahpa.adapters.calendars import calendar_at
    from ahpa.adapters.kubernetes.api import Kube
    from ahpa.adapters.kubernetes.events import Events
    from ahpa.adapters.processes.executors import Threads
    from ahpa.adapters.processes.fits import FitPool
    from ahpa.adapters.processes.sheets import room
    from ahpa.adapters.prometheus.queries import QueryList, doubts, load_queries
    from ahpa.adapters.prometheus.source import Prometheus
    from ahpa.service.rounds import Ports
    from forecasting.choice.models import models
    from forecasting.libraries.spread import Spread

    queries = load_queries(demand.queries)
    for name, doubt in doubts(queries).items():
        telemetry.log("query.doubtful", logging.WARNING, query=name, problem=doubt)
    kube = Kube.connect(cluster.kubeconfig, cluster.context)
    sight = around.see(kube)
    calendar = calendar_from(demand.time_zone, demand.holidays)
    fits = FitPool() if around.workers is None else Spread(FitPool(), around.workers)
    prometheus = Prometheus(demand.prometheus, demand.connection, executor=Threads(4))
    return Ports(
        actuators=actuators_of(cluster, around.guarded(sight.kube), around.concerns),
        starts=sight.starts,
        demand=around.kept(prometheus),
        late=prometheus.apart(),
        queries=QueryList(queries, demand.own_queries),
        models=models(fits, calendar, Threads(2), around.workers or around.apart),
        events=Events(kube, socket.gethostname()),
        telemetry=telemetry,
        cluster_clock=kube,
        places=calendar_at,
        room=None if around.apart is None else room,
    )
