"""Who leads where several copies of `ahpa serve` run: the options of it, and what they make."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from ahpa.commands.cluster import Cluster
from ahpa.commands.options import SECONDS, Command, with_options
from ahpa.core.shards import DIGITS, MOST_SHARDS
from ahpa.core.sight import Sight

if TYPE_CHECKING:
    from ahpa.adapters.kubernetes.api import KubeApi
    from ahpa.service.elector import Elector, Herald

LEASE = "ahpa"
"""The leases are called `ahpa-0`, `ahpa-1`, ...; the right to change them is given by name (config/base/rbac.yaml)."""


@dataclass(frozen=True)
class Leading:
    """How copies agree on who writes."""

    leader_elect: bool
    shards: int
    lease_duration: float
    renew_deadline: float
    retry_period: float
    lease_namespace: str
    identity: str | None


def leading_options(command: Command) -> Command:
    """The fields of `Leading`."""
    return with_options(
        command,
        click.option("--leader-elect", is_flag=True,
                     help="Write only while we hold a Lease, so that several copies can run; the others stand ready."),
        click.option("--shards", type=click.IntRange(1, MOST_SHARDS), default=1, show_default=True,
                     help="Leases by which several copies share the targets; needs --leader-elect."),
        click.option("--lease-duration", type=SECONDS, default="15s", show_default=True,
                     help="A Lease without a sign of life is taken after so long."),
        click.option("--renew-deadline", type=SECONDS, default="10s", show_default=True,
                     help="Who could not renew its Lease for so long stops writing."),
        click.option("--retry-period", type=SECONDS, default="2s", show_default=True,
                     help="How often a Lease is renewed."),
        click.option("--lease-namespace", default="ahpa-system", show_default=True, help="Where the Leases are."),
        click.option("--identity", help="POD-NAME_POD-UID: so the fence knows who holds a Lease.  [default: the host]"),
    )  # fmt: skip


def elector_of(
    leading: Leading,
    cluster: Cluster,
    herald: Herald,
    ready: Callable[[], bool],
    sight: Callable[[], Sight] = Sight,
) -> Elector | None:
    """None where none is asked for; it leads nothing before it is `ready`, and gives way to who has better `sight`.
    Raises ClusterError where there is no way to a cluster, UsageError for times that cannot work."""
    if not leading.leader_elect:
        if leading.shards > 1:
            raise click.UsageError("--shards needs --leader-elect: without Leases each copy would write to all targets")
        return None
    import secrets
    import socket

    from ahpa.adapters.kubernetes.leases import KubeLeases
    from ahpa.commands.cluster import connected
    from ahpa.core.election import Terms
    from ahpa.core.shards import shards
    from ahpa.service.elector import Elector
    from ahpa.service.loop import wall_clock

    try:
        terms = Terms(leading.lease_duration, leading.renew_deadline, leading.retry_period)
    except ValueError as error:
        raise click.UsageError(f"--lease-duration, --renew-deadline, --retry-period: {error}") from error
    store = KubeLeases(connected(cluster), leading.lease_namespace, wall_clock)
    me = f"{leading.identity or socket.gethostname()}_{secrets.token_hex(4)}"  # no two processes are called the same
    return Elector(store, me, shards(LEASE, leading.shards), terms, herald, ready=ready, sight=sight)


def fence_of(elector: Elector | None) -> Callable[[KubeApi], KubeApi]:
    """What stands around the API that targets are written through."""
    if elector is None:
        return lambda kube: kube
    from ahpa.adapters.kubernetes.fenced import Fenced

    return lambda kube: Fenced(kube, elector.seconds_left)


@contextmanager
def held(elector: Elector | None, seconds: float = 60.0) -> Iterator[None]:
    """Lead everything for the time of a command, as a Job does that writes with the service's own account; None: there
    is no election. Raises ClusterError where that does not come about in so long: then somebody else leads on."""
    from ahpa.ports import ClusterError

    if elector is None:
        yield
        return
    elector.start()
    try:
        until = time.monotonic() + seconds
        while not all(map(elector.holds, DIGITS)):
            if time.monotonic() > until:
                raise ClusterError(409, f"another process holds a Lease {LEASE}-*: scale its Deployment to 0 first")
            time.sleep(0.1)
        yield
    finally:
        elector.stop()
