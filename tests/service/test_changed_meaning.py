"""What was learned belongs to what was measured: a new query or unit is a new series, known by its own history only.

The situation: an HPA in apply holds 12. Its owner points `ahpa.dev/demand` at a series ten times smaller, and divides
`target-per-replica` by ten. The new numbers were read against the old history: 13, 26, 50 (the cap) for a true need of
12, held for nine minutes; and the owner's `maxReplicas: 16` was refused, since `minReplicas` was 50.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

import pytest

from ahpa.core.decision import Reason
from forecasting.libraries.calibrated import CalibratedModel
from forecasting.libraries.strategies import LastValue, SeasonalNaive
from forecasting.model import Model
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.service.stage import HPAS, NOW, Stage, add_hpa, staged

CHAT = "hpa/shop/chat"
REFIT_SECONDS = 30.0
TEN = {"ahpa.dev/demand": "knative-concurrency", "ahpa.dev/target-per-replica": "0.7"}


def serving(model: Model, most: int = 100) -> Stage:
    """An HPA whose load of 80 needs 12 at 7 a replica; another query says a tenth of it."""
    kube = FakeKube()
    add_hpa(kube, "chat", most, mode="apply", demand="mine", target_per_replica="7")
    prometheus = FakePrometheus({"x{": lambda t: 80.0, "up{": lambda t: 8.0})
    at = staged(kube, prometheus, models={"fleet": model}, stopwatch=itertools.count(0.0, REFIT_SECONDS).__next__)
    at.service.refit(NOW)
    for minute in range(4):
        at.tick(NOW + 60 * minute)
    assert minimum(at) == 12
    return at


def minimum(at: Stage) -> int:
    spec: Mapping[str, int] = at.kube.objects[f"{HPAS}/chat"]["spec"]
    return spec["minReplicas"]


def annotate(at: Stage, annotations: Mapping[str, str | None]) -> None:
    at.kube.edit(f"{HPAS}/chat", {"metadata": {"annotations": annotations}})


@pytest.mark.parametrize("strategy", [LastValue, SeasonalNaive])
def test_a_changed_query_is_read_anew_and_its_floor_never_leaves_what_is_needed(
    strategy: Callable[[], LastValue | SeasonalNaive],
) -> None:
    at, floors, plans = serving(CalibratedModel(strategy())), [], []
    annotate(at, TEN)
    for minute in range(4, 20):
        decision = at.tick(NOW + 60 * minute)[CHAT]
        floors.append(decision.floor)
        plans.append(decision.plan is not None)
        if at.service.take_wish("refit"):
            at.service.refit(NOW + 60 * minute + 1)
    assert floors == [12] * 16
    assert plans == [False] + [True] * 15, "no forecast until its own history is read, and that is at once"


def test_until_its_own_history_is_read_there_is_no_forecast_and_the_floor_is_held() -> None:
    at = serving(CalibratedModel(LastValue()))
    annotate(at, TEN)
    for minute in range(4, 15):
        decision = at.tick(NOW + 60 * minute)[CHAT]
        assert (decision.floor, decision.reason) == (12, Reason.NO_FORECAST)


def test_a_query_that_was_changed_back_knows_what_it_knew_as_soon_as_it_is_read() -> None:
    at = serving(CalibratedModel(LastValue()))
    annotate(at, TEN)
    at.tick(NOW + 240)
    at.service.refit(NOW + 250)
    at.tick(NOW + 300)
    annotate(at, {"ahpa.dev/demand": "mine", "ahpa.dev/target-per-replica": "7"})
    assert at.tick(NOW + 360)[CHAT].plan is None
    at.service.refit(NOW + 370)
    again = at.tick(NOW + 420)[CHAT]
    assert (again.floor, again.reason) == (12, Reason.DESIRED_WITHIN_RANGE)


def test_a_tenant_who_changes_the_query_in_every_round_makes_nobody_learn_all_the_time() -> None:
    at, wishes = serving(CalibratedModel(LastValue())), 0
    for minute in range(4, 34):
        annotate(at, TEN if minute % 2 else {"ahpa.dev/demand": "mine", "ahpa.dev/target-per-replica": "7"})
        at.tick(NOW + 60 * minute)
        if at.service.take_wish("refit"):
            wishes += 1
            at.service.refit(NOW + 60 * minute + 1)
    assert wishes <= 6


@pytest.mark.parametrize(
    "edit",
    [
        {"metadata": {"annotations": {"ahpa.dev/max": "8"}}},
        {"spec": {"maxReplicas": 8, "minReplicas": 1}},
    ],
    ids=["ahpa.dev/max", "both bounds in one edit, as kubectl apply of a whole manifest does"],
)
def test_an_owner_who_lowers_the_maximum_is_let_through_in_the_next_round(edit: dict[str, object]) -> None:
    """`maxReplicas: 8` alone is refused by the API while minReplicas is 12, so nobody can see it. Two ways remain that
    it cannot refuse; both are in docs/limits.md."""
    at = serving(CalibratedModel(LastValue()))
    at.prometheus.down = True
    at.kube.edit(f"{HPAS}/chat", edit)
    at.tick(NOW + 240)
    assert minimum(at) <= 8
    at.prometheus.down = False
    for minute in range(5, 9):
        at.tick(NOW + 60 * minute)
    assert minimum(at) == 8
