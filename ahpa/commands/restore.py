"""`ahpa restore`: put back what the owners had, and leave no trace."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from ahpa.commands.cluster import Cluster, actuators_of, cluster_options, connected, ended_in_words
from ahpa.commands.leading import Leading, elector_of, fence_of, held, leading_options
from ahpa.commands.named import named
from ahpa.commands.options import MOST_SAID, chosen, namespaced, read_by
from ahpa.commands.progress import progress
from ahpa.core.words import printable

if TYPE_CHECKING:
    from ahpa.ports import Actuator
    from ahpa.service.restore import Stoppable
    from ahpa.targets import Target


@dataclass(frozen=True)
class Wish:
    """Whose minimum is put back."""

    services: tuple[str, ...]
    all: bool
    yes: bool
    write_rate: float
    stop: tuple[str, str] | None


DEPLOYMENT = read_by(namespaced, "deployment", "namespace/name of a Deployment, as ahpa-system/ahpa")


@click.command("restore", short_help="Put back what the owners had, exactly.")
@click.argument("services", nargs=-1, metavar="[SERVICE]...")
@click.option("--all", is_flag=True, help="Every object that carries our record, in the namespaces that are looked at.")
@click.option("--yes", "-y", is_flag=True, help="Do it; without it you see what would be done, and are asked.")
@click.option("--write-rate", type=click.FloatRange(min=0.1), default=50.0, show_default=True,
              help="Writes per second at most; fewer while the API server is busy.")  # fmt: skip
@click.option("--stop", type=DEPLOYMENT, metavar="DEPLOYMENT",
              help="First scale this to zero (as ahpa-system/ahpa) and wait until its pods are gone.")  # fmt: skip
@leading_options
@cluster_options
def command(**given: object) -> None:
    """Put back the minimum that the owners had set, and take our record off the objects.

    SERVICE is namespace/name or kind/namespace/name. It needs no Prometheus and no running service; one that runs
    raises again whose mode is apply, so annotate ahpa.dev/mode=off first, or let --stop end it. Exit code 0: all is as
    its owner had it; 1: something is not, and is listed. config/uninstall is a Job that does the second example.
    With --leader-elect it holds all Leases while it writes, as the fence asks of a pod with the service's own account;
    with rights of your own you need none of them.

    \b
    Examples:
      ahpa restore shop/chat                              show what would be done, then ask
      ahpa restore --all --yes --stop ahpa-system/ahpa    everything, before ahpa is uninstalled
      ahpa restore --all --namespace shop
    """
    wish = chosen(Wish, given)
    if bool(wish.services) == wish.all:
        raise click.UsageError("name services, or say --all for every object that carries our record")
    if wish.stop and not (wish.all and wish.yes):
        raise click.UsageError(
            "--stop goes with --all --yes: the service is stopped for all, and before anything is shown"
        )
    with ended_in_words("restore"):
        sys.exit(_restore(chosen(Cluster, given), wish, chosen(Leading, given)))


def _restore(cluster: Cluster, wish: Wish, leading: Leading) -> int:
    from ahpa.adapters.kubernetes.deployment import Deployment
    from ahpa.adapters.kubernetes.paced import Paced
    from ahpa.adapters.kubernetes.pages import InPages
    from ahpa.adapters.telemetry.telemetry import Telemetry
    from ahpa.service.loop import Pace

    kube = connected(cluster)
    if wish.stop is not None and not stopped(Deployment(kube, *wish.stop)):
        return 1
    pace, elector = Pace(wish.write_rate), elector_of(leading, cluster, Telemetry(), ready=lambda: True)
    paced = Paced(fence_of(elector)(InPages(kube)), pace, pace.answered)
    with held(elector):
        return restored(actuators_of(cluster, paced), wish.services, wish.yes)


def stopped(service: Stoppable, sleep: Callable[[float], object] = time.sleep) -> bool:
    """Whether nobody is left who could raise again what is put back; else it is said. Raises ClusterError."""
    from ahpa.service.restore import stop

    left = stop(service, sleep)
    if left is not None:
        said = printable(left, MOST_SAID)
        click.echo(f"ahpa restore: the service did not stop, so nothing was put back: {said}", err=True)
    return left is None


def restored(
    actuators: Mapping[str, Actuator],
    services: Collection[str],
    yes: bool,
    sleep: Callable[[float], object] = time.sleep,
) -> int:
    """Show what would be put back (of all where no `services` are named), ask, do it; the exit code. Raises
    ClusterError if nothing can be listed, UsageError for a service that carries no record."""
    from ahpa.service.restore import found_at_last, restore

    found, unlisted = found_at_last(actuators, sleep)
    if len(unlisted) == len(actuators):
        raise next(iter(unlisted.values()))
    there = {kind: error for kind, error in unlisted.items() if error.status != 404}
    for kind, error in there.items():
        click.echo(f"ahpa restore: {kind} could not be listed: {printable(str(error), MOST_SAID)}", err=True)
    keys = list(dict.fromkeys(named(word, found, "carries our record") for word in services)) or sorted(found)
    if not keys:
        click.echo("nothing to put back: no object carries our record")
        return 1 if there else 0
    for key in keys:
        click.echo(_preview(found[key]))
    if not yes and not click.confirm(f"Put back {len(keys)} as their owners had them?"):
        click.echo("nothing was changed", err=True)
        return 1
    with progress(len(keys), "restoring", "put back", f"putting back {len(keys)}") as advance:
        result = restore(actuators, keys, sleep, advance)
    click.echo(f"{len(result.done)} of {len(keys)} are as their owners had them")
    for key, why in result.failed.items():
        click.echo(f"not put back: {printable(key)}: {printable(why, MOST_SAID)}", err=True)
    return 1 if result.failed or there else 0


def _preview(target: Target) -> str:
    """What would be done with one, in a line."""
    if target.floor == target.baseline:
        return f"{printable(target.key)}: {target.floor} stays, our record goes"
    return f"{printable(target.key)}: {target.floor} -> {target.baseline}"
