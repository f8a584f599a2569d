"""Claims about what an HPA's spec comes to where it is tried minute by minute."""

from __future__ import annotations

import pytest

from ahpa.core.served import HPA
from ahpa.reactive.hpa.config import HpaConfig
from ahpa.reactive.hpa.reaction import reaction_of

PODS = {"type": "Pods", "value": 1, "periodSeconds": 60}
SLOW = {"type": "Percent", "value": 5, "periodSeconds": 30}


@pytest.mark.parametrize(
    ("down", "window_minutes", "release"),
    [
        ({}, 5.0, 1.0),
        ({"stabilizationWindowSeconds": 0}, 0.0, 1.0),
        ({"policies": [PODS]}, 5.0, 0.1),
        ({"policies": [PODS, {**SLOW, "value": 20}]}, 5.0, 0.4),
        ({"policies": [PODS, {**SLOW, "value": 20}], "selectPolicy": "Min"}, 5.0, 0.1),
        ({"selectPolicy": "Disabled"}, 5.0, 0.0),
    ],
)
def test_behavior_downwards_is_a_window_and_a_share_that_may_go_in_a_minute(
    down: dict[str, object], window_minutes: float, release: float
) -> None:
    """Of policies the one that counts; a pod is taken for a tenth."""
    found = reaction_of(HpaConfig.from_spec({"maxReplicas": 9, "behavior": {"scaleDown": down}}))
    assert found.window_minutes == window_minutes
    assert found.release == pytest.approx(release)


def test_without_behavior_it_is_kubernetes_own_rule() -> None:
    assert reaction_of(HpaConfig.from_spec({"maxReplicas": 9})) == HPA
