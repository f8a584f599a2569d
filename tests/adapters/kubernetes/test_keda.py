"""What is special about KEDA's ScaledObjects: what its triggers are of, and when KEDA does nothing about a minimum."""

from __future__ import annotations

from typing import Any

import pytest

from ahpa.adapters.kubernetes.api import Object
from ahpa.adapters.kubernetes.keda import ScaledObjects
from ahpa.core.known.reading import windows_in
from ahpa.core.units import IN_FLIGHT
from ahpa.targets import Target
from tests.fakes.kube import FakeKube

WHERE = "/apis/keda.sh/v1alpha1/namespaces/shop/scaledobjects/orders"
QUERY = "sum(rate(http_requests_total{app='orders'}[2m]))"


def target(spec: Object | None = None, meta: Object | None = None, status: Object | None = None) -> Target:
    """A Deployment `orders` of four replicas, of which three are ready; each requests half a core."""
    kube = FakeKube()
    noted = {"ahpa.dev/mode": "apply", **((meta or {}).get("annotations") or {})}
    kube.put(WHERE, {
        "metadata": {"namespace": "shop", "name": "orders", **(meta or {}), "annotations": noted},
        "spec": {"scaleTargetRef": {"name": "orders"}, **(spec or {})},
        "status": status or {},
    })  # fmt: skip
    container = {"name": "app", "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}}
    kube.put("/apis/apps/v1/namespaces/shop/deployments/orders", {
        "metadata": {"namespace": "shop", "name": "orders"},
        "spec": {"replicas": 4, "selector": {"matchLabels": {"app": "orders"}},
                 "template": {"spec": {"containers": [container]}}},
        "status": {"readyReplicas": 3},
    })  # fmt: skip
    (found,) = ScaledObjects(kube).targets()
    return found


def test_what_is_read() -> None:
    found = target({"minReplicaCount": 2})
    assert (found.key, found.baseline, found.floor, found.maximum) == ("keda/shop/orders", 2, 2, 100)
    assert (found.ready, found.present, found.selector) == (3, 4, "app=orders")
    assert found.names == {"workload": "orders", "workload-kind": "Deployment"}


def test_the_label_that_keda_gives_to_what_it_makes_stands_on_its_own_objects_too() -> None:
    """Each ScaledObject that KEDA had seen was refused as one that KEDA made."""
    assert target(meta={"labels": {"scaledobject.keda.sh/name": "orders"}}).refusal is None


def test_what_cannot_be_read_is_not_taken_for_nothing() -> None:
    """ "the floor of 5 is in force, and 0 are asked for" was said of a kind whose scale we may not read."""
    found = target(
        {"minReplicaCount": 5, "scaleTargetRef": {"apiVersion": "acme.io/v1", "kind": "Worker", "name": "w"}}
    )
    assert (found.ready, found.present) == (5, 5)


def test_without_a_minimum_it_may_sleep() -> None:
    found = target({"maxReplicaCount": 9})
    assert (found.baseline, found.floor, found.maximum) == (0, 0, 9)


TRIGGERS: list[tuple[str, Object, tuple[str, float | None]]] = [
    ("cpu by share", {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "70"}}, ("resource/cpu", 0.35)),
    ("cpu as it once was", {"type": "cpu", "metadata": {"type": "Utilization", "value": "70"}}, ("resource/cpu", 0.35)),
    ("memory by value", {"type": "memory", "metricType": "AverageValue", "metadata": {"value": "512Mi"}},
     ("resource/memory", 512.0 * 2**20)),
    ("cpu of one container",
     {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "50", "containerName": "app"}},
     ("container-resource/cpu", 0.25)),
    ("PromQL", {"type": "prometheus", "metadata": {"query": QUERY, "threshold": "9"}}, ("keda/prometheus", 9.0)),
    ("for all at once",
     {"type": "prometheus", "metricType": "Value", "metadata": {"query": QUERY, "threshold": "100"}},
     ("keda/prometheus", None)),
    ("Kafka", {"type": "kafka", "metadata": {"topic": "orders", "consumerGroup": "shop", "lagThreshold": "10"}},
     ("keda/kafka", 1.0)),
    ("a queue", {"type": "rabbitmq", "metadata": {"queueName": "q", "mode": "QueueLength", "value": "20"}},
     ("keda/rabbitmq", 20.0)),
]  # fmt: skip


@pytest.mark.parametrize(("trigger", "read"), [row[1:] for row in TRIGGERS], ids=[row[0] for row in TRIGGERS])
def test_each_trigger_is_one_thing_that_it_is_scaled_by(trigger: Object, read: tuple[str, float | None]) -> None:
    (measure,) = target({"triggers": [trigger]}).measures
    assert measure.metric == read[0]
    assert measure.capacities[0].value == pytest.approx(read[1])


@pytest.mark.parametrize("kind", ["cpu", "memory", "external"])
def test_a_trigger_that_is_no_number_says_nothing_of_one_replica(kind: str) -> None:
    """The whole ScaledObject was refused, and a floor that it had could not even be given back."""
    found = target({"triggers": [{"type": kind, "metricType": "AverageValue", "metadata": {"value": "high"}}]})
    assert (found.refusal, found.measures[0].capacities[0].value) == (None, None)


def test_the_topic_and_the_group_of_kafka_fill_its_query() -> None:
    """A consumer has one message in hand: how long it has it (ahpa.dev/service-time) makes that messages per second."""
    kafka = {"type": "kafka", "metadata": {"topic": "orders", "consumerGroup": "shop", "lagThreshold": "10"}}
    (measure,) = target({"triggers": [kafka]}).measures
    assert measure.names == {"topic": "orders", "group": "shop"}
    assert measure.capacities[0].unit is IN_FLIGHT


def test_a_trigger_of_all_topics_has_no_topic() -> None:
    """It became the topic "None"."""
    (measure,) = target({"triggers": [{"type": "kafka", "metadata": {"consumerGroup": "shop"}}]}).measures
    assert measure.names == {"group": "shop"}


OFFICE = {"timezone": "Europe/Berlin", "start": "0 8 * * 1-5", "end": "0 20 * * 1-5", "desiredReplicas": "5"}


@pytest.mark.parametrize(
    ("metadata", "own", "windows"),
    [
        (OFFICE, {}, "0 8 * * 1-5 .. 0 20 * * 1-5 min=5 zone=Europe/Berlin"),
        (OFFICE, {"ahpa.dev/windows": "0 9 * * * .. 0 10 * * * min=2"}, "0 9 * * * .. 0 10 * * * min=2"),
        ({**OFFICE, "start": "whenever"}, {}, None),
        ({**OFFICE, "timezone": "Atlantis"}, {}, None),
        ({}, {}, None),
    ],
    ids=["read", "its owner says otherwise", "no cron", "no such place", "empty"],
)
def test_a_cron_trigger_is_a_window_that_is_met_when_it_begins(
    metadata: Object, own: dict[str, str], windows: str | None
) -> None:
    """KEDA itself begins when the hour strikes. What cannot be read is no mistake of its owner's towards us."""
    found = target({"triggers": [{"type": "cron", "metadata": metadata}]}, {"annotations": own})
    assert found.annotations.get("ahpa.dev/windows") == windows
    assert found.measures == ()


def test_of_more_cron_triggers_than_we_take_the_first_count() -> None:
    """Thirty long ones made an object invalid whose owner wrote no window: too many characters of them all."""
    minutes = ",".join(str(minute) for minute in range(0, 60, 2))
    trigger = {"type": "cron", "metadata": {**OFFICE, "start": f"{minutes} 8 * * 1-5"}}
    found = target({"triggers": [trigger] * 30}).annotations["ahpa.dev/windows"]
    assert 20 < len(windows_in(found)) < 30


def test_a_trigger_that_reads_our_own_floor_is_no_demand() -> None:
    """Else what we foresaw would be the demand that we foresee from."""
    ours = {"type": "prometheus", "metadata": {"query": 'max(ahpa_floor_replicas{name="orders"})', "threshold": "1"}}
    theirs = {"type": "prometheus", "metadata": {"query": QUERY, "threshold": "100"}}
    assert [measure.promql for measure in target({"triggers": [ours, theirs]}).measures] == [QUERY]


def test_triggers_that_a_formula_joins_are_not_guessed_at() -> None:
    cpu = {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "70"}}
    spec = {"triggers": [cpu], "advanced": {"scalingModifiers": {"formula": "a + b", "target": "2"}}}
    assert target(spec).measures == ()


@pytest.mark.parametrize(
    ("annotations", "refused"),
    [
        ({"autoscaling.keda.sh/paused": "true"}, True),
        ({"autoscaling.keda.sh/paused": "false"}, False),
        ({"autoscaling.keda.sh/paused-replicas": "0"}, True),
        ({"autoscaling.keda.sh/paused-scale-out": "true"}, True),
        ({"autoscaling.keda.sh/paused-scale-in": "true"}, False),
    ],
)
def test_while_its_owner_has_paused_it_nothing_is_written(annotations: dict[str, str], refused: bool) -> None:
    found = target(meta={"annotations": annotations})
    assert (found.refusal is not None) == refused
    if refused:
        assert next(iter(annotations)) in str(found.refusal)


def test_a_minimum_that_keda_ignores_while_it_idles_is_refused_with_a_way_out() -> None:
    assert "docs/without-writing.md" in str(target({"idleReplicaCount": 0, "minReplicaCount": 2}).refusal)


@pytest.mark.parametrize(("state", "doubted"), [("True", True), ("False", False)])
def test_while_keda_has_fallen_back_nothing_is_released(state: str, doubted: bool) -> None:
    found = target(status={"conditions": [{"type": "Fallback", "status": state}, {"type": "Ready", "status": "True"}]})
    assert (found.doubt is not None) == doubted


@pytest.mark.parametrize("spec", [{"minReplicaCount": "2"}, {"maxReplicaCount": -1}, {"triggers": ["cpu"]},
                                  {"scaleTargetRef": "orders"}])  # fmt: skip
def test_what_cannot_be_read_is_refused_and_harms_no_other(spec: dict[str, Any]) -> None:
    assert "this ScaledObject cannot be read: " in str(target(spec).refusal)
