"""What a Revision says of itself, and what the cluster says where it says nothing."""

from __future__ import annotations

from typing import Any

import pytest

from ahpa.adapters.kubernetes.api import Object
from ahpa.adapters.kubernetes.cluster_defaults import KnativeDefaults
from ahpa.adapters.kubernetes.revisions import facts
from ahpa.core.served import HPA
from ahpa.core.units import BYTES, CORES, IN_FLIGHT, MESSAGES, PER_SECOND, Capacity
from ahpa.reactive.kpa.config import ClusterDefaults
from ahpa.reactive.kpa.hpa_class import HPA_CLASS


@pytest.mark.parametrize(
    ("annotations", "concurrency", "expected"),
    [
        ({}, 0, {"per_replica": 70.0, "maximum": None, "baseline": 0}),
        ({}, 10, {"per_replica": 7.0}),
        ({"target": "5"}, 10, {"per_replica": 3.5}),
        ({"metric": "rps", "target": "100"}, 0, {"per_replica": 70.0}),
        ({"target-utilization-percentage": "90"}, 10, {"per_replica": 9.0}),
        ({"class": "hpa.autoscaling.knative.dev", "metric": "cpu"}, 0, {"per_replica": None}),
        ({"max-scale": "8"}, 0, {"maximum": 8}),
        ({"maxScale": "8"}, 0, {"maximum": 8}),
        ({"max-scale": "0"}, 0, {"maximum": None}),
        ({"max-scale": "8", "activation-scale": "3"}, 0, {"maximum": 3}),
        ({"minScale": "2"}, 0, {"baseline": 2, "floor": 2}),
        ({"minScale": "2", "min-scale": "4"}, 0, {"baseline": 4}),
        ({"maxScale": "2", "max-scale": "4"}, 0, {"maximum": 4}),
        ({"targetUtilizationPercentage": "90"}, 10, {"per_replica": 9.0}),
        ({"targetUtilizationPercentage": "50", "target-utilization-percentage": "90"}, 10, {"per_replica": 9.0}),
        ({"min-scale": "four"}, 0, {"baseline": 0}),
    ],
)
def test_what_a_revision_says_of_itself(
    annotations: dict[str, str], concurrency: int, expected: dict[str, float | None]
) -> None:
    noted = {f"autoscaling.knative.dev/{key}": value for key, value in annotations.items()}
    item = {"metadata": {"name": "r1", "annotations": noted}, "spec": {"containerConcurrency": concurrency}}
    found = facts(item, {}, KnativeDefaults())
    said = {**vars(found), "per_replica": found.capacity.value}
    assert {key: said[key] for key in expected} == pytest.approx(expected)


def revision(concurrency: int | None = None, /, **annotations: str) -> Object:
    noted = {f"autoscaling.knative.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
    spec = {} if concurrency is None else {"containerConcurrency": concurrency}
    return {"metadata": {"name": "r1", "annotations": noted}, "spec": spec}


def test_the_unit_and_the_query_are_those_of_the_revisions_metric() -> None:
    slots, rate = facts(revision(), {}, KnativeDefaults()), facts(revision(metric="rps"), {}, KnativeDefaults())
    assert (slots.capacity, slots.metric) == (Capacity(70.0, IN_FLIGHT, "the target of r1", 0.7), "knative/concurrency")
    assert (rate.capacity, rate.metric) == (Capacity(140.0, PER_SECOND, "the target of r1", 0.7), "knative/rps")


@pytest.mark.parametrize(
    ("said", "defaults", "concurrency", "expected"),
    [
        ({}, {"concurrency_target": 10.0}, None, {"per_replica": 7.0}),
        ({}, {"concurrency_utilization_ratio": 0.5}, None, {"per_replica": 50.0}),
        ({"metric": "rps"}, {"rps_target": 50.0}, None, {"per_replica": 35.0}),
        ({"target": "20"}, {"concurrency_target": 10.0}, None, {"per_replica": 14.0}),
        ({}, {"concurrency_target": 10.0}, 4, {"per_replica": 2.8}),
        ({}, {"min_scale": 2}, None, {"baseline": 2, "floor": 2}),
        ({"min_scale": "0"}, {"min_scale": 2}, None, {"baseline": 0, "floor": 0}),
        ({}, {"max_scale": 9}, None, {"maximum": 9}),
        ({"max_scale": "20"}, {"max_scale": 9}, None, {"maximum": 20}),
        ({"max_scale": "0"}, {"max_scale": 9}, None, {"maximum": None}),
        ({}, {"max_scale": 9, "max_scale_limit": 12}, None, {"maximum": 9}),
        ({"max_scale": "0"}, {"max_scale": 9, "max_scale_limit": 12}, None, {"maximum": 12}),
        (
            {},
            {"autoscaler_class": "hpa.autoscaling.knative.dev"},
            None,
            {"per_replica": None, "metric": "resource/cpu"},
        ),
        ({"class": "kpa.autoscaling.knative.dev"}, {"autoscaler_class": "x.dev"}, None, {"per_replica": 70.0}),
    ],
)
def test_the_clusters_defaults_decide_where_no_annotation_does(
    said: dict[str, str], defaults: dict[str, Any], concurrency: int | None, expected: dict[str, float | None]
) -> None:
    found = facts(revision(concurrency, **said), {}, KnativeDefaults(ClusterDefaults(**defaults)))
    read = {**vars(found), "per_replica": found.capacity.value}
    assert {key: read[key] for key in expected} == pytest.approx(expected)


def test_the_clusters_container_concurrency_counts_where_the_revision_has_none() -> None:
    assert facts(revision(), {}, KnativeDefaults(container_concurrency=4)).capacity.value == pytest.approx(2.8)
    assert facts(revision(0), {}, KnativeDefaults(container_concurrency=4)).capacity.value == pytest.approx(70)


def share(cores: float, percent: int) -> Capacity:
    return Capacity(cores, CORES, f"{percent} % of the cpu that it requests")


@pytest.mark.parametrize(
    ("said", "metric", "capacity"),
    [
        ({}, "resource/cpu", share(0.42, 80)),
        ({"metric": "cpu", "target": "70"}, "resource/cpu", share(0.3675, 70)),
        ({"metric": "cpu", "target": "70.5"}, "resource/cpu", share(0.37275, 71)),
        ({"metric": "memory", "target": "512"}, "resource/memory",
         Capacity(512.0 * 2**20, BYTES, "the averageValue of its metric memory")),
        ({"metric": "queue_messages", "target": "30"}, "pods/queue_messages",
         Capacity(30.0, MESSAGES, "the averageValue of its metric queue_messages")),
    ],
)  # fmt: skip
def test_a_revision_of_the_class_hpa_is_scaled_as_the_hpa_that_knative_makes(
    said: dict[str, str], metric: str, capacity: Capacity
) -> None:
    """Its user and the queue-proxy request 0.5 and 0.025 cores."""
    annotations = {"class": HPA_CLASS, **said}
    requests = {"user": {"cpu": 0.5}, "queue-proxy": {"cpu": 0.025}}
    found = facts(revision(None, **annotations), {}, KnativeDefaults(), lambda revision: requests)
    assert (found.metric, found.capacity.unit, found.capacity.source) == (metric, capacity.unit, capacity.source)
    assert found.capacity.value == pytest.approx(capacity.value)
    assert found.reaction is HPA


def test_a_class_of_somebody_elses_is_not_guessed_at() -> None:
    found = facts(revision(None, **{"class": "ahpa.autoscaling.knative.dev", "metric": "rt"}), {}, KnativeDefaults())
    assert (found.metric, found.capacity.value) == ("", None)
    assert found.capacity.source == "the class ahpa.autoscaling.knative.dev is not Knative's own"
