"""The whole check, part by part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ahpa.adapters.kubernetes.preflight import Preflight
from ahpa.check.cluster import cluster_findings
from ahpa.check.demand import clock_findings, demand_findings
from ahpa.check.finding import Finding, Outcome
from ahpa.ports import ClusterError
from ahpa.service.listing import Listing
from ahpa.service.rounds import Ports, observer_of
from ahpa.service.settings import Settings

NOW = "vector(1)"
"""What any Prometheus answers."""


@dataclass(frozen=True)
class Scope:
    """What is looked at, and with which options the service would run."""

    ask: Preflight
    ports: Ports
    settings: Settings
    namespace: str | None
    account: str
    """Whose rights: `namespace/name` of a service account."""
    prometheus: str
    """Its address, as it is told."""


def findings(scope: Scope, clock: Callable[[], float]) -> Iterator[Finding]:
    """One after the other, as they are found; writes nothing. Raises nothing."""
    reached = True
    for finding in cluster_findings(scope.ask, list(scope.ports.actuators), scope.namespace, scope.account):
        reached = reached and finding.outcome != Outcome.UNREACHABLE
        yield finding
    listing = _listing(scope) if reached else None
    yield from demand_findings(scope.ports.demand, listing, scope.settings, scope.prometheus, clock())
    yield from clock_findings(_skews(scope, reached, clock()), scope.settings.limits.skew_seconds)


def _listing(scope: Scope) -> Listing:
    """What is annotated; where nothing can be listed, each kind's reason."""
    try:
        return observer_of(scope.settings, scope.ports).list()
    except ClusterError as error:
        return Listing((), dict.fromkeys(scope.ports.actuators, error))


def _skews(scope: Scope, reached: bool, now: float) -> dict[str, float]:
    """By server, of those that answer and tell the time."""
    cluster, step = scope.ports.cluster_clock, scope.settings.step_seconds
    reading = scope.ports.demand.read({"now": NOW}, now - 2 * step, now, step)
    told = {"kubernetes": cluster.skew} if cluster is not None and reached else {}
    return told | ({} if reading.problems else {"prometheus": reading.skew})
