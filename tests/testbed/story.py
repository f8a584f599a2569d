"""The whole service on the testbed, with the queries that ship, a demand that is told to it and a clock of its own."""

from __future__ import annotations

import time
from collections.abc import Callable

from ahpa.adapters.kubernetes.api import Kube
from ahpa.adapters.kubernetes.events import Events
from ahpa.adapters.kubernetes.kinds import KINDS
from ahpa.adapters.kubernetes.pods import Pods
from ahpa.adapters.prometheus.queries import QueryList, load_queries
from ahpa.adapters.telemetry.telemetry import Telemetry
from ahpa.service.rounds import Ports, Service
from tests.fakes.demand import FakePrometheus
from tests.fakes.models import SameAsNow
from tests.service.stage import SETTINGS, always
from tests.testbed.lives import Life


class Story:
    """A life, the service that watches it, and a demand that is told to it."""

    def __init__(self, life: Life, demand: float) -> None:
        self.life = life
        self.demand = demand
        kube = Kube.connect(str(life.bed.kubeconfig))
        self.telemetry = Telemetry()
        ports = Ports(
            actuators={name: kind.actuator(kube, life.namespace) for name, kind in KINDS.items()},
            starts=Pods(kube),
            demand=FakePrometheus({"": lambda now: self.demand}),
            late=FakePrometheus({}),
            queries=QueryList(load_queries(), own_label="namespace"),
            models={"fleet": SameAsNow()},
            events=Events(kube, "test"),
            telemetry=self.telemetry,
        )
        self.service = Service(SETTINGS, ports, always)
        self.floors: list[int | None] = []
        self.now = time.time()

    def tick(self) -> None:
        """One round, a minute of the service's clock after the last one: what it foresees moves by the minute."""
        self.now += 60
        self.service.tick(self.now)

    def until(self, reached: Callable[[], bool], what: str) -> None:
        """Rounds of the service until it is so."""

        def round_and_look() -> bool:
            self.tick()
            self.floors.append(self.life.minimum())
            time.sleep(0.3)
            return reached()

        self.life.bed.wait_for(round_and_look, timeout=120, what=what)

    def until_minimum(self, number: int | None, what: str) -> None:
        self.until(lambda: self.life.minimum() == number, what)


def begun(life: Life, demand: float) -> Story:
    life.make()
    life.bed.wait_for(life.ready, what="the object is ready")
    story = Story(life, demand)
    story.tick()
    story.service.refit(story.now)
    return story
