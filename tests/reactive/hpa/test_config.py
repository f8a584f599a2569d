"""A spec means what the API server and the controller make of it."""

import pytest

from ahpa.reactive.hpa.config import (
    DEFAULT_DOWN,
    DEFAULT_UP,
    HpaConfig,
    HpaSpecError,
    Metric,
    ScalingRules,
    approximate,
    milli,
)


def test_a_spec_is_read_with_the_api_servers_defaults() -> None:
    read = HpaConfig.from_spec({"maxReplicas": 5})
    assert read == HpaConfig(5, (Metric("Resource", "cpu", "Utilization", 80),))
    behavior = {"scaleUp": {"stabilizationWindowSeconds": 30, "tolerance": "50m"}, "scaleDown": {"selectPolicy": "Min"}}
    read = HpaConfig.from_spec({"minReplicas": 2, "maxReplicas": 5, "behavior": behavior})
    assert read.up == ScalingRules(DEFAULT_UP.policies, 30)
    assert read.down == ScalingRules(DEFAULT_DOWN.policies, 300, "Min")
    assert (read.tolerances.up, read.tolerances.down) == (0.05, 0.1)


def test_all_problems_of_a_spec_are_reported_together() -> None:
    spec = {
        "minReplicas": 0,
        "maxReplicas": "many",
        "metrics": [{"type": "Pods", "pods": {"metric": {"name": "x"}, "target": {"averageValue": "1x"}}}],
        "behavior": {"scaleUp": {"policies": [{"type": "Pods", "value": 0, "periodSeconds": 9999}]}},
    }
    with pytest.raises(HpaSpecError) as caught:
        HpaConfig.from_spec(spec)
    assert len(caught.value.problems) == 5


@pytest.mark.parametrize(
    ("text", "thousandths"),
    [("1", 1000), ("500m", 500), ("1.5", 1500), ("2k", 2_000_000), ("1Ki", 1_024_000), ("100u", 1), ("1e2", 100_000)],
)
def test_quantities(text: str, thousandths: int) -> None:
    assert milli(text) == thousandths


def test_tolerances_are_read_as_the_controller_reads_them() -> None:
    assert [approximate(text) for text in ("0", "0.05", "0.3", "1.5", "0.0005")] == [0, 0.05, 0.3, 1.5, 0.0005]
