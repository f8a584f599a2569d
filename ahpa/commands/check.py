"""`ahpa check`: would the service work here?"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from ahpa.commands.cluster import (
    Cluster,
    Deciding,
    Demand,
    connected,
    demand_from,
    ended_in_words,
    ports_of,
    settings_of,
)
from ahpa.commands.looking import looking_options
from ahpa.commands.options import chosen, namespaced, read_by

if TYPE_CHECKING:
    from ahpa.check.check import Scope


def _account(text: str) -> str:
    namespace, name = namespaced(text)
    return f"{namespace}/{name}"


ACCOUNT = read_by(_account, "account", "namespace/name of a service account, as ahpa-system/ahpa")


@click.command("check", short_help="Would it work here? Rights, versions, fences, Prometheus, clocks.")
@click.option("--account", type=ACCOUNT, default="ahpa-system/ahpa", show_default=True,
              help="The service account whose rights are looked at.")  # fmt: skip
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@looking_options
def command(account: str, output: str, **given: object) -> None:
    """Would `ahpa serve` do its work in this cluster, with these options?

    Before an installation, after an upgrade, or in an initContainer. The account's rights (all that the manifests
    grant, and none that it must not have), versions, admission fences, Prometheus, how often it scrapes and how far
    back it goes, what it has of each annotated service, clocks. It only asks. Rights of another account, and fences,
    are seen by an administrator. Exit code 0: nothing failed (there may be warnings); 1: something did; 3: the cluster
    or Prometheus cannot be reached.

    \b
    Examples:
      ahpa check --prometheus http://localhost:9090
      ahpa check --prometheus http://localhost:9090 --namespace shop --kinds hpa
      ahpa check --prometheus http://localhost:9090 --output json | jq '.[] | select(.outcome == "failed")'
    """
    from ahpa.adapters.kubernetes.preflight import Preflight
    from ahpa.adapters.telemetry.logs import log_nowhere
    from ahpa.adapters.telemetry.telemetry import Telemetry
    from ahpa.check.check import Scope
    from ahpa.service.loop import wall_clock

    given = demand_from(given)
    with ended_in_words("check"):
        log_nowhere()
        cluster, demand = chosen(Cluster, given), chosen(Demand, given)
        settings = settings_of(chosen(Deciding, given), demand)
        ports = ports_of(cluster, demand, Telemetry())
        ask = Preflight(connected(cluster))
        scope = Scope(ask, ports, settings, cluster.namespace, account, demand.prometheus)
        sys.exit(checked(scope, output, wall_clock))


def checked(scope: Scope, output: str, clock: Callable[[], float]) -> int:
    """On stdout, a line as soon as it is found; the exit code."""
    from ahpa.check.check import findings
    from ahpa.check.faces import as_json, lines, summary
    from ahpa.check.finding import exit_code

    found = []
    for finding in findings(scope, clock):
        found.append(finding)
        for line in lines(finding) if output == "text" else ():
            click.echo(line)
    click.echo(summary(found) if output == "text" else json.dumps(as_json(found), indent=1))
    return exit_code(found)
