"""T15 and T16 of our reliability tests, at their sizes: a load that grows with what it is given, and metrics that
vanish at the peak and come back in the trough.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from ahpa.adapters.kubernetes.kept import MIN_SCALE
from ahpa.core.decision import Reason
from ahpa.core.observation import Limits
from forecasting.libraries.calibrated import CalibratedModel
from forecasting.libraries.strategies import LastValue
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.reliability.reached import Reached
from tests.service.stage import DAY, NOW, ROOT, SETTINGS, Stage, add_knative, staged

CHAT = "knative/shop/chat"
SETTING = replace(SETTINGS, history_seconds=2 * DAY)
HOLD_MINUTES = 15


def obey(at: Stage) -> int:
    """The cluster has as many replicas as the floor asks for, one at least."""
    floor = int(at.min_scale("chat") or 0)
    at.kube.objects[f"{ROOT}/revisions/chat-00001"]["status"]["actualReplicas"] = max(1, floor)
    return floor


@dataclass
class Feedback:
    """More replicas, more load: `gain` times what they serve, until it stops."""

    gain: float
    measured: dict[float, float] = field(default_factory=dict)

    def __call__(self, t: float) -> float:
        return self.measured.get(math.floor(t / 60) * 60, 5.0 + t // 60 % 7)


@pytest.mark.parametrize("gain", [1.05, 1.5, 3.0])
def test_a_load_that_grows_with_what_it_is_given_ends_at_the_cap_and_grows_no_more_when_it_stops(
    gain: float, reached: Reached
) -> None:
    """T15, 500 rounds: never above the cap, at most two changes of direction (one replica more or less at the edge of
    what a peak needs is none), no growth after the load stops."""
    cap, stop, feedback = 50, 300, Feedback(gain)
    kube = FakeKube()
    add_knative(kube, "chat", mode="apply")
    settings = replace(SETTING, limits=Limits(cap=cap))
    at = staged(kube, FakePrometheus({"chat": feedback}), settings, models={"fleet": CalibratedModel(LastValue())})
    at.service.refit(NOW)
    floors = []
    for i in range(500):
        now = NOW + 60 * i
        if i and i % 60 == 0:
            at.service.refit(now)
        feedback.measured[now] = gain * 7 * max(1, obey(at)) if i < stop else 5.0
        floors.append(at.tick(now + 60)[CHAT].floor)
    moves = [np.sign(b - a) for a, b in itertools.pairwise(floors) if abs(b - a) > 1]
    assert max(floors) <= cap
    turns = sum(a != b for a, b in itertools.pairwise(moves))
    assert turns <= 2
    assert max(floors[stop + 1 :]) <= floors[stop]
    figure = f"highest floor {max(floors)} of {cap}; {turns} changes of direction; no growth after"
    reached("T15", size="500 rounds", figure=figure)


class Losing(FakePrometheus):
    """May lose all that it had stored before a moment."""

    def wipe(self, before: float) -> None:
        for name, demand in list(self.demands.items()):
            self.demands[name] = _after(before, demand)


def _after(moment: float, demand: Callable[[float], float]) -> Callable[[float], float]:
    return lambda t: math.nan if t < moment else demand(t)


def a_day(seed: int) -> Callable[[float], float]:
    """From a trough of up to 5 to a peak of 30 to 200 at noon, with noise."""
    rng = np.random.default_rng(seed)
    peak, trough, noise = rng.uniform(30, 200), rng.uniform(0, 5), rng.uniform(0, 0.1)

    def demand(t: float) -> float:
        wave = (1 + math.sin(2 * math.pi * t / DAY - math.pi / 2)) / 2
        drawn = math.sin(t * 12.9898) * 43758.5453 % 1
        return float(max(0.0, trough + (peak - trough) * wave**3 * (1 + noise * (drawn - 0.5))))

    return demand


@pytest.mark.parametrize("restart", [False, True], ids=["goes on", "restarts into it"])
@pytest.mark.parametrize("seed", [*range(20), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(20, 100))])
def test_metrics_that_vanish_at_the_peak_lower_nothing_for_a_hold_and_then_a_tenth_a_round(
    seed: int, restart: bool, reached: Reached
) -> None:
    """T16, 200 drills (160 of them with `make soak`): losses of ten minutes to six hours, baselines of none, 1
    and 3, and in every third the history is gone when Prometheus comes back."""
    baseline, minutes, wiped = (0, 1, 3)[seed % 3], (10, 30, 60, 360)[seed % 4], seed % 3 == 0
    kube = FakeKube()
    add_knative(kube, "chat", mode="apply")
    if baseline:
        kube.edit(f"{ROOT}/revisions/chat-00001", {"metadata": {"annotations": {MIN_SCALE: str(baseline)}}})
    prometheus = Losing({"chat": a_day(seed)})
    at, noon = staged(kube, prometheus, SETTING), NOW + 3 * 3600
    at.service.refit(noon - 1800)
    for minute in range(-30, 0):
        before = at.tick(noon + 60 * minute)[CHAT].floor
        obey(at)
    prometheus.down = True
    if restart:
        at = staged(kube, prometheus, SETTING)
        at.service.refit(noon)
    floors = [before]
    for minute in range(minutes):
        if minute % 60 == 59:
            at.service.refit(noon + 60 * minute)
        floors.append(at.tick(noon + 60 * minute)[CHAT].floor)
        obey(at)
    assert min(floors[: HOLD_MINUTES + 2]) >= before
    assert all(a - b <= max(1, math.ceil(0.1 * a)) for a, b in itertools.pairwise(floors))
    assert min(floors) >= baseline
    prometheus.down = False
    if wiped:
        prometheus.wipe(noon + 60 * minutes)
    for minute in range(minutes, minutes + 20):
        decision = at.tick(noon + 60 * minute)[CHAT]
        obey(at)
        untrusted = decision.reason in (Reason.PARTIAL_DATA, Reason.NO_RECENT_DATA, Reason.DOUBTFUL_DATA)
        assert not (decision.change < 0 and untrusted and minutes <= HOLD_MINUTES)
        assert decision.floor >= baseline
    reached("T16", size="an outage at the peak", figure="0 below the floor in a hold; then at most 10 % or one a round")
