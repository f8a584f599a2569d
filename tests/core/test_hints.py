"""A name that is no parameter is answered with the one that was meant, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ahpa.core.policy.hints import ELSEWHERE, nearest
from ahpa.core.policy.parameters import BY_NAME

SLIPS = [
    ("targetPerReplica", "target-per-replica"),
    ("gpu-target-per-replica-count", "target-per-replica"),
    ("quantil", "quantile"),
    ("releases", "release"),
    ("serviceTime", "service-time"),
    ("lateTarget", "late-target"),
    ("late-traget", "late-target"),
    ("late", None),
    ("replicas", None),
    ("minMax", None),
    ("cost", None),
    ("", None),
    ("_floor_", "min"),
]
HPA = [
    ("minReplicas", "min"),
    ("maxReplicas", "max"),
    ("max-replicas", "max"),
    ("averageValue", "target-per-replica"),
    ("stabilizationWindowSeconds", None),
    ("minReadySeconds", None),
    ("maxUnavailable", None),
    ("tolerance", None),
]
KNATIVE = [
    ("minScale", "min"),
    ("min-scale", "min"),
    ("max_scale", "max"),
    ("metric", "demand"),
    ("max-scale-up-rate", None),
    ("max-scale-down-rate", "release"),
    ("target", None),
    ("target-utilization-percentage", None),
    ("window", "windows"),
    ("scale-down-delay", None),
    ("initial-scale", None),
    ("class", None),
]
KEDA = [
    ("minReplicaCount", "min"),
    ("maxReplicaCount", "max"),
    ("threshold", "target-per-replica"),
    ("query", "demand"),
    ("metricName", "demand"),
    ("paused-replicas", "paused"),
    ("cooldownPeriod", None),
    ("pollingInterval", None),
    ("idleReplicaCount", None),
    ("timezone", "time-zone"),
]
PREDICTORS = [
    ("scaleStrategy", "mode"),
    ("scaleUpForward", "lead"),
    ("instanceBounds", "windows"),
    ("predictWindowSeconds", "lead"),
    ("predictionWindowSeconds", "lead"),
    ("lookAhead", "lead"),
    ("scale-up-ahead-seconds", "lead"),
    ("SchedulingBufferTime", "lead"),
    ("algorithmType", "model"),
    ("predictionModel", "model"),
    ("percentile", "quantile"),
    ("predictionQuantile", "quantile"),
    ("crons", "windows"),
    ("dryRun", "mode"),
]


@pytest.mark.parametrize(("written", "meant"), [*SLIPS, *HPA, *KNATIVE, *KEDA, *PREDICTORS])
def test_a_hint_is_right_or_is_not_given(written: str, meant: str | None) -> None:
    """`ahpa.dev/maxReplicas` was answered with "did you mean replica-cost?", `max-scale-up-rate` with max. What this
    build does not know (windows, time-zone) it does not propose."""
    assert nearest(written) == (meant if meant in BY_NAME else None)


def test_no_parameter_is_answered_with_another() -> None:
    assert {name: nearest(name) for name in BY_NAME} == {name: name for name in BY_NAME}
    assert not ELSEWHERE.keys() & BY_NAME.keys()


@given(st.text(max_size=80))
def test_no_key_makes_the_hint_fail(written: str) -> None:
    assert nearest(written) is None or nearest(written) in BY_NAME
