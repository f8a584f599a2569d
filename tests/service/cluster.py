"""The service in a cluster that answers: a fake API server, behind which an exact KPA scales a simulated service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from ahpa.adapters.kubernetes.kept import MIN_SCALE, TARGET_PERCENTAGE
from ahpa.core.decision import Decision
from ahpa.core.readiness import Lag, Readiness
from ahpa.reactive.kpa.config import KpaConfig
from ahpa.service.settings import Settings
from ahpa.simulation.outcome import Outcome
from ahpa.simulation.scalers.kpa import KpaLoop
from ahpa.simulation.scalers.kpa_inputs import KpaInputs
from ahpa.simulation.stream import SimulatedService
from ahpa.simulation.traffic import Traffic, spread_over_seconds
from ahpa.simulation.world import World
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.service.stage import DAY, NOW, ROOT, SETTINGS, Stage, add_knative, staged

SLOTS = 10
FOUR_DAYS = replace(SETTINGS, history_seconds=4 * DAY)
REVISION = f"{ROOT}/revisions/chat-00001"


def wave(now: float) -> float:
    """20 in flight; from the tenth minute of each hour on 60 for twenty minutes, as on every day."""
    return 60.0 if 600 <= now % 3600 < 1800 else 20.0


@dataclass
class Cluster:
    """One Knative Service, `chat`, with these annotations of ours."""

    annotations: dict[str, str]
    minutes: int = 60
    demand: Callable[[float], float] = wave
    """Requests in flight, by unix seconds."""
    start: float = NOW
    settings: Settings = FOUR_DAYS
    kube: FakeKube = field(default_factory=FakeKube)
    at: Stage = field(init=False)
    world: World = field(init=False)
    filled: list[float] = field(default_factory=list)
    """Minute by minute: the share to which the KPA was told to fill replicas."""

    def __post_init__(self) -> None:
        add_knative(self.kube, "chat", mode="apply", **self.annotations)
        self.restart()
        service = SimulatedService(concurrency=SLOTS, readiness=Readiness.single(Lag.of(180, 300)))
        rng = np.random.default_rng(7)
        counts = (
            np.array([self.demand(self.start + 60 * i) for i in range(self.minutes)]) * 60 / service.service_seconds
        )
        traffic = Traffic(self.start, spread_over_seconds(rng.poisson(counts).astype(float), 60, rng), service)
        config = self._config
        self.world = World(traffic, KpaLoop(config, KpaInputs(traffic, config), self.start, 3), rng, 3)

    def restart(self) -> None:
        """A new process in the old world."""
        self.at = staged(self.kube, FakePrometheus({"chat": self.demand}), self.settings)

    def live(self, minutes: int) -> Decision:
        """The last decision."""
        decisions: dict[str, Decision] = {}
        for _ in range(minutes):
            now = self.world.now
            seen = self.world.replicas
            status = {"actualReplicas": seen.ready, "desiredReplicas": seen.present}
            self.kube.objects[REVISION]["status"] = status
            if len(self.filled) % 60 in (0, 1):  # the second of all tries the settings on the days before
                self.at.service.refit(now)
            decisions = self.at.tick(now)
            self.world.floor = int(self.said.get(MIN_SCALE, 0))
            scaler = self.world.scaler
            assert isinstance(scaler, KpaLoop)
            scaler.retarget(self._config)
            self.filled.append(self._config.target_value / SLOTS)
            self.world.advance(now + 60)
        (decision,) = decisions.values()
        return decision

    def outcome(self) -> Outcome:
        return self.world.run("chat", "service", "").outcome

    @property
    def said(self) -> dict[str, str]:
        """The annotations of its Revision."""
        found: dict[str, str] = self.kube.objects[REVISION]["metadata"]["annotations"]
        return found

    @property
    def _config(self) -> KpaConfig:
        said = {key: value for key, value in self.said.items() if key == TARGET_PERCENTAGE}
        return KpaConfig.from_annotations(said, container_concurrency=SLOTS)
