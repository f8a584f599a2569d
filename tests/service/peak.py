"""A service at the peak of its day, with a floor of 23, for the tests of what must not lower it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ahpa.core.decision import Decision
from ahpa.core.observation import Limits
from ahpa.ports import Reading
from forecasting.libraries.calibrated import CalibratedModel
from forecasting.libraries.strategies import SeasonalNaive
from forecasting.panel import Floats
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.service.stage import DAY, NOW, ROOT, SETTINGS, Stage, add_knative, staged

CHAT = "knative/shop/chat"
HOLD = 15
UNFORESEEN = Limits(follow_seconds=0)
"""A hold by itself: nothing that was foreseen keeps a floor up after it."""


@dataclass(frozen=True)
class Flaky(SeasonalNaive):
    """Seasonal, until it runs out of memory."""

    name: str = "flaky"
    faults: list[Exception] = field(default_factory=list, hash=False)
    """While there are any, a fit raises the last of them."""

    def fit(self, values: Floats, step: float) -> SeasonalNaive:
        if self.faults:
            raise self.faults[-1]
        return super().fit(values, step)


class Shards(FakePrometheus):
    """While `gone` of its four shards are gone, demands are that much smaller, and it warns."""

    gone = 0

    def read(
        self, queries: Mapping[str, str], start: float, end: float, step: float, deadline: float = math.inf
    ) -> Reading:
        self.warns = self.gone > 0
        reading = super().read(queries, start, end, step, deadline)
        panel = reading.panel
        return replace(reading, panel=replace(panel, values=panel.values * (1 - self.gone / 4)))


@dataclass
class ApiClock:
    """What the API server says of the time."""

    skew: float = 0.0


def at_its_peak(flaky: Flaky, prometheus: FakePrometheus | None = None, clock: ApiClock | None = None) -> Stage:
    """A load of 160 at 7 a replica: 23, which it holds."""
    kube = FakeKube()
    add_knative(kube, "chat", mode="apply")
    settings = replace(SETTINGS, history_seconds=2 * DAY, limits=UNFORESEEN)
    prometheus = prometheus or Shards({"chat": lambda t: 160.0})
    at = staged(kube, prometheus, settings, models={"fleet": CalibratedModel(flaky)}, cluster_clock=clock)
    at.service.refit(NOW)
    assert run(at, range(6))[-1].floor == 23
    return at


def run(at: Stage, minutes: Sequence[int] | range) -> list[Decision]:
    """Ticks at these minutes, beside a cluster that obeys."""
    decisions = []
    for minute in minutes:
        decisions.append(at.tick(NOW + 60 * minute)[CHAT])
        floor = int(at.min_scale("chat") or 0)
        at.kube.objects[f"{ROOT}/revisions/chat-00001"]["status"]["actualReplicas"] = max(1, floor)
    return decisions


def floors(decisions: Sequence[Decision]) -> list[int]:
    return [decision.floor for decision in decisions]
