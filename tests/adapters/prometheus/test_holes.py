"""What stands for the pods of a workload in a query."""

from __future__ import annotations

import re

import pytest

from ahpa.adapters.prometheus.holes import pods_of

DEPLOYED, STATEFUL, KNATIVE = "Deployment", "StatefulSet", "KnativeService"


@pytest.mark.parametrize(
    ("workload", "kind", "pod", "its_own"),
    [
        ("api", DEPLOYED, "api-7d9f8b6c5d-x2x9z", True),
        ("api", DEPLOYED, "api-5f-zzzzz", True),
        ("api", DEPLOYED, "api-v2-7d9f8b6c5d-x2x9z", False),
        ("api", DEPLOYED, "api-v2-0", False),
        ("api", DEPLOYED, "my-api-7d9f8b6c5d-x2x9z", False),
        ("api.v1", DEPLOYED, "api.v1-7d9f8b6c5d-x2x9z", True),
        ("api.v1", DEPLOYED, "api-v1-7d9f8b6c5d-x2x9z", False),
        ("db", STATEFUL, "db-0", True),
        ("db", STATEFUL, "db-12", True),
        ("db", STATEFUL, "db-read-0", False),
        ("chat", KNATIVE, "chat-00001-deployment-7d9f8b6c5d-x2x9z", True),
        ("chat", KNATIVE, "chat-blue-deployment-7d9f8b6c5d-x2x9z", True),
        ("chat", KNATIVE, "chat-v2-00001-deployment-7d9f8b6c5d-x2x9z", False),
        ("canary", "Rollout", "canary-6d4b75cb6d-hwz9k", True),
        ("a" * 50, DEPLOYED, "a" * 50 + "-7d9f8b6x2x9z", True),
        ("a" * 45 + "-blue", DEPLOYED, "a" * 45 + "-blue-7d9f8b6x2x9z", True),
        ("a" * 45 + "-blue", DEPLOYED, "a" * 45 + "-green-7d9f8bx2x9z", False),
        ("a" * 60, DEPLOYED, "a" * 58 + "x2x9z", True),
        (
            "sentiment-classifier-predictor",
            KNATIVE,
            "sentiment-classifier-predictor-00001-deployment-7d9f8bx2x9z",
            True,
        ),
        (
            "sentiment-classifier-predictor",
            KNATIVE,
            "sentiment-classifier-predictors-00001-deployment-7d9fx2x9z",
            False,
        ),
    ],
)
def test_the_pods_of_a_workload_are_told_from_those_of_another(
    workload: str, kind: str, pod: str, its_own: bool
) -> None:
    """The longest name is that of a pod whose name was cut to 58 characters and five of its own."""
    assert (re.fullmatch(pods_of(workload, kind), pod) is not None) == its_own
