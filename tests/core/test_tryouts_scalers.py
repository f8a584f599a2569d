"""Claims about the scalers of the coarse world: each lets go in its own way, and costs what the exact one does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ahpa.backtest.scaling import ByHpa, Scaling
from ahpa.core.served import HPA as HPAS
from ahpa.core.served import KPA as KNATIVES
from ahpa.core.served import Reaction
from ahpa.reactive.hpa.config import HpaConfig
from ahpa.simulation.scalers.hpa import aimed_at
from forecasting.panel import Floats
from tests.core.test_tryouts import FIRST_CONSTANT, KPA, begun, in_both_worlds, served, walked

SLOW = HpaConfig.from_spec({
    "maxReplicas": 1000,
    "behavior": {"scaleDown": {"stabilizationWindowSeconds": 1800, "policies": [
        {"type": "Percent", "value": 10, "periodSeconds": 60}
    ]}},
})  # fmt: skip


@pytest.mark.parametrize("scaling", [KPA.hpa(2.0), ByHpa(aimed_at(SLOW, 2.8), 4.0)], ids=["plain", "lets go slowly"])
def test_beside_the_hpa_costs_are_near_the_exact_ones_also_where_it_holds_what_a_queue_made_it_want(
    scaling: Scaling,
) -> None:
    """Without a floor a burst leaves a queue, and what the HPA wants for that it keeps for minutes: four times what the
    service needs, ten times where it lets go slowly."""
    late, cost, exact = in_both_worlds(scaling)
    assert cost == pytest.approx([one.replica_hours / 24 for one in exact], rel=0.35)
    assert cost[5:] == pytest.approx([one.replica_hours / 24 for one in exact[5:]], rel=0.1)
    assert late[0] == pytest.approx(exact[0].late_ratio, rel=0.2)
    assert late[-4:].max() < 1e-3


def alone(reaction: Reaction, demand: Floats) -> list[int]:
    """What the scaler above no floor wants after each minute."""
    tryouts, out = begun(needed=8.0), []
    for load in demand:
        tryouts = walked(tryouts, served(reaction=reaction), np.array([load]))
        out.append(int(tryouts.world.desired[0, FIRST_CONSTANT]))
    return out


@pytest.mark.parametrize(
    ("reaction", "wanted"),
    [
        (KNATIVES, [8, 8, 8, 2, 2, 2, 2, 2, 2, 2, 2, 2]),
        (HPAS, [8, 8, 8, 8, 8, 8, 2, 2, 2, 2, 2, 2]),
        (replace(HPAS, window_minutes=0.0), [8, 8, 8, 2, 2, 2, 2, 2, 2, 2, 2, 2]),
        (replace(HPAS, window_minutes=0.0, release=0.25), [8, 8, 8, 6, 4, 3, 2, 2, 2, 2, 2, 2]),
        (replace(HPAS, release=0.0), [8] * 12),
    ],
    ids=["knative", "hpa", "no window", "slow policies", "never down"],
)
def test_each_scaler_lets_go_in_its_own_way(reaction: Reaction, wanted: list[int]) -> None:
    """An hour of 22.4 in flight, then of 5.6; at 2.8 each. Of the HPA's five minutes it remembers three to six."""
    demand = np.concatenate([np.full(60, 22.4), np.full(40, 5.6)])
    assert alone(reaction, demand)[57:69] == wanted


def test_what_the_hpa_tolerates_changes_nothing() -> None:
    """At 8 replicas up to a tenth more or less; Knative follows at once."""
    demand = np.concatenate([np.full(60, 22.4), np.full(20, 24.0), np.full(20, 21.0)])
    assert set(alone(HPAS, demand)[58:]) == {8}
    assert set(alone(KNATIVES, demand)[58:]) == {8, 9}
