"""What `ahpa status`, `plan` and `explain` share: one look at a cluster by the service's own code. It writes nothing,
neither to services nor as Events.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ahpa.commands.cluster import (
    Cluster,
    Deciding,
    Demand,
    cluster_options,
    deciding_options,
    demand_from,
    demand_options,
    ended_in_words,
    ports_of,
    settings_of,
)
from ahpa.commands.options import Command, chosen
from ahpa.commands.progress import stages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ahpa.core.ahead import Ahead
    from ahpa.core.decision import Decision
    from ahpa.service.rounds import Ports, Service
    from ahpa.service.settings import Settings
    from ahpa.service.showing import Shown
    from ahpa.targets import Target
    from forecasting.forecast import Forecast

AHEAD_SECONDS = 12 * 3600.0
"""So far is looked for the next change."""


def looking_options(command: Command) -> Command:
    """How the cluster and its demand are reached, and what decides; as `ahpa serve` has them."""
    return demand_options(cluster_options(deciding_options(command)))


class NoEvents:
    """Tells nobody."""

    def tell(self, target: Target, decision: Decision, now: float) -> bool:
        return False

    def say(self, target: Target, reason: str, message: str, now: float, value: int = 0, warning: bool = False) -> bool:
        return False


@dataclass(frozen=True)
class Looking:
    """A service that may not write, and the moment at which it looks."""

    ports: Ports
    service: Service
    clock: Callable[[], float]

    def first(self) -> Shown:
        """What it would decide now. It takes as long as learning does, and says what it is about. Raises
        ClusterError."""
        from ahpa.service.look import look

        with stages() as say:
            return look(self.service, self.clock(), say)

    def again(self) -> Shown:
        """Raises ClusterError."""
        from ahpa.service.look import look_again

        return look_again(self.service, self.clock())

    def steps(self) -> Forecast | None:
        """What is foreseen of every series in the coming hours."""
        return self.service.ahead(AHEAD_SECONDS)

    def ahead(self, steps: Forecast | None) -> dict[str, Ahead]:
        """By key: the floors that plans will ask for by these `steps`, of those of whom something is foreseen."""
        from ahpa.core.ahead import ahead

        shown, settings = self.service.shown, self.service.settings
        rows = {} if steps is None else {key: row for row, key in enumerate(steps.keys)}
        out = {}
        for each in shown.rounds:
            row = rows.get(shown.listing.series[each.decision.key])
            if steps is None or row is None or each.outlook is None or each.decision.plan is None:
                continue
            found = ahead(each.workload, each.outlook, steps, row, each.decision.floor, shown.at, settings.limits,
                          settings.tick_seconds)  # fmt: skip
            if found is not None:
                out[each.decision.key] = found
        return out


def looking(ports: Ports, settings: Settings, clock: Callable[[], float]) -> Looking:
    """At these ports, whatever they are; nothing is written."""
    from ahpa.service.rounds import Service

    silent = replace(ports, events=NoEvents(), journal=None)
    return Looking(silent, Service(settings, silent, lambda now: False), clock)


def run(name: str, given: Mapping[str, object], go: Callable[[Looking], int]) -> None:
    """Look at the cluster that was `given` and end the process with what `go` says, or with a sentence for what went
    wrong. Raises UsageError."""
    from ahpa.adapters.telemetry.logs import log_nowhere
    from ahpa.adapters.telemetry.telemetry import Telemetry
    from ahpa.service.loop import wall_clock

    given = demand_from(dict(given))
    with ended_in_words(name):
        log_nowhere()
        demand = chosen(Demand, given)
        settings = settings_of(chosen(Deciding, given), demand)
        ports = ports_of(chosen(Cluster, given), demand, Telemetry())
        sys.exit(go(looking(ports, settings, wall_clock)))
