"""T12: a tenant with three thousand targets, each of which wants everything all the time, and fifty tenants with five.

All that a round shares is scarce here: the source answers a few hundred queries, and the API server takes a few hundred
writes. Counted is how many cycles anybody else's floor is behind what its owner asks for.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from ahpa.adapters.prometheus.queries import Query, QueryList
from ahpa.adapters.telemetry.telemetry import Telemetry
from ahpa.core.decision import Decision
from ahpa.core.known.reading import MOST
from ahpa.core.starts import Start
from ahpa.core.turns import in_turn, tenant_of
from ahpa.core.units import Capacity
from ahpa.ports import Reading
from ahpa.service.rounds import Ports, Service
from ahpa.targets import Measure, Target
from forecasting.panel import Panel
from tests.core.hostile_policies import BY_HAND
from tests.fakes.models import SameAsYesterday
from tests.reliability.reached import Reached
from tests.service.stage import NOW, SETTINGS

QUERIES_A_ROUND = 400
WRITES_A_ROUND = 360
"""At a tenth of a second each: as many as the time of a round has room for."""
LARGE = "large"
HOSTILE = [policy for policy in BY_HAND if "ahpa.dev/mode" not in policy]


@dataclass
class Crowd:
    """Targets of many tenants whose owners change their minimum in each cycle, so that each wants a write in each; and
    a source, pods and Events that they share."""

    large: int
    small: int = 50
    each: int = 5
    cycle: int = 0
    floors: dict[str, int] = field(default_factory=dict)
    fresh: dict[str, int] = field(default_factory=dict)
    """By key: the cycle of the last write that made the floor what its owner asks for."""
    reads: Counter[str] = field(default_factory=Counter)
    """Queries answered, by tenant."""
    events: Counter[str] = field(default_factory=Counter)
    began: float = 0.0
    spent: float = 0.0
    """Seconds that its writes took in this cycle; a busy machine takes none of it."""
    _left_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        sizes = {LARGE: self.large, **{f"team-{number}": self.each for number in range(self.small)}}
        self.names = [(tenant, f"service-{number}") for tenant, size in sizes.items() for number in range(size)]

    @property
    def wanted(self) -> int:
        return 3 + self.cycle % 2

    def targets(self, deadline: float = math.inf) -> list[Target]:
        return [
            self._target(tenant, name, self._hostile(number) if tenant == LARGE else {})
            for number, (tenant, name) in enumerate(self.names)
        ]

    def _hostile(self, number: int) -> Mapping[str, str]:
        """A tenth of the large tenant's cannot be read at all, a tenth has as many windows as one may have."""
        if number % 10 == 0:
            return HOSTILE[number % len(HOSTILE)]
        windows = [f"{at} * * * * .. {at + 30} * * * * min={self.wanted}" for at in range(MOST)]
        return {"ahpa.dev/windows": "; ".join(windows)} if number % 10 == 1 else {}

    def _target(self, tenant: str, name: str, hostile: Mapping[str, str]) -> Target:
        floor = self.floors.get(f"knative/{tenant}/{name}", 1)
        noisy = {**hostile, "ahpa.dev/mode": "apply", "ahpa.dev/min": str(self.wanted)}
        return Target(
            kind="knative", namespace=tenant, name=name, annotations=noisy, reference={"uid": f"{tenant}/{name}"},
            baseline=1, floor=floor, ready=floor, present=floor, maximum=50,
            measures=(Measure("knative/concurrency", (Capacity(10.0, None, "its target"),)),),
            managed=floor > 1, selector="app=it",
        )  # fmt: skip

    def write(self, target: Target, floors: Sequence[int]) -> bool:
        if (target.floor,) == tuple(floors):
            return False
        self.spent += 36.0 / WRITES_A_ROUND
        (self.floors[target.key],) = floors
        if floors[0] == self.wanted:
            self.fresh[target.key] = self.cycle
        return True

    def fill(self, target: Target, share: float | None) -> bool:
        return False

    def restore(self, target: Target) -> None: ...

    def starts(self, target: Target, deadline: float = math.inf) -> list[Start]:
        return []

    def tell(self, target: Target, decision: Decision, now: float) -> bool:
        self.events[target.namespace] += 1
        return True

    def say(self, target: Target, reason: str, message: str, now: float, value: int = 0, warning: bool = False) -> bool:
        self.events[target.namespace] += 1
        return True

    def read(
        self, queries: Mapping[str, str], start: float, end: float, step: float, deadline: float = math.inf
    ) -> Reading:
        """As the adapters do: in turn, and who had to go without comes first the next time."""
        first, last = math.floor(start / step) * step, math.floor(end / step) * step
        values = np.full((len(queries), round((last - first) / step)), 2.0)
        problems: dict[str, str] = {}
        if end - start <= 3600:
            order = in_turn(queries, self._left_out)
            self._left_out = tuple(order[QUERIES_A_ROUND:])
            problems = dict.fromkeys(self._left_out, "the round's time was over")
            self.reads.update(tenant_of(key) for key in order[:QUERIES_A_ROUND])
        return Reading(Panel(first, step, values, tuple(queries)), problems, frozenset())


def lived(large: int, cycles: int, most_targets: int) -> tuple[Crowd, list[int], list[float]]:
    """After so many cycles: the staleness, in cycles, of each target of the others in each cycle, and the seconds that
    the cycles took."""
    crowd = Crowd(large)
    ports = Ports(
        actuators={"knative": crowd},
        starts=crowd,
        demand=crowd,
        late=crowd,
        queries=QueryList({"it": Query("it", 'up{a="{{name}}"}', answers=frozenset({"knative/concurrency"}))}),
        models={"fleet": SameAsYesterday()},
        events=crowd,
        telemetry=Telemetry(),
    )
    limits = replace(SETTINGS.limits, budget=10**6)
    settings = replace(SETTINGS, limits=limits, most_targets=most_targets, history_seconds=86_400.0)
    service = Service(settings, ports, lambda now: True)
    service._actor = replace(service._actor, stopwatch=lambda: crowd.began + crowd.spent)
    service.refit(NOW)
    stale: list[int] = []
    seconds = []
    for crowd.cycle in range(cycles):
        crowd.spent, crowd.began, began = 0.0, time.monotonic(), time.perf_counter()
        service.tick(NOW + 60 * crowd.cycle)
        seconds.append(time.perf_counter() - began)
        if crowd.cycle:  # the first round after a start lowers nothing
            others = [f"knative/{tenant}/{name}" for tenant, name in crowd.names if tenant != LARGE]
            stale += [crowd.cycle - crowd.fresh.get(key, 0) for key in others]
    return crowd, stale, seconds


@pytest.mark.parametrize("most_targets", [100, 10**6], ids=["with a ceiling", "by turns alone"])
def test_three_hundred_greedy_targets_cost_the_others_no_cycle(most_targets: int) -> None:
    """Six hundred want a query and a write; there is room for four hundred."""
    _, stale, _ = lived(350, 4, most_targets)
    assert max(stale) == 0


def test_everybody_is_told_what_happens_to_him_however_much_news_one_tenant_has() -> None:
    """350 targets with news in each round, and fifty Events in each: the tenants take turns."""
    crowd, _, _ = lived(350, 3, 100)
    assert len(crowd.events) == 51


def test_a_tenant_that_always_has_something_to_raise_keeps_nobody_elses_floors_up() -> None:
    """900 targets that flip in each cycle, and room for 360 writes: when all others lower theirs, the large tenant
    still has raises that the last round had no time for."""
    _, stale, _ = lived(900, 3, 10**6)
    assert max(stale) == 0


@pytest.mark.soak
@pytest.mark.parametrize("most_targets", [1000, 10**6], ids=["with a ceiling", "by turns alone"])
def test_three_thousand_hostile_targets_cost_the_others_no_cycle(most_targets: int, reached: Reached) -> None:
    crowd, stale, seconds = lived(3000, 20, most_targets)
    late = float(np.quantile(stale, 0.99))
    assert late <= 2
    assert crowd.reads[LARGE] >= 19 * 100, "nor is the large tenant shut out"
    figure = f"others' p99 staleness {late:.0f} cycles, longest cycle {max(seconds):.1f} s"
    reached("T12", "3,000 hostile targets of one tenant beside 50 tenants with 5, 20 cycles", figure)
