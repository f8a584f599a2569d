"""What is special about KServe's InferenceServices: which of its objects bears the floor, and where the record is."""

from __future__ import annotations

import json
from typing import Self

import pytest

from ahpa.adapters.kubernetes.kept import MIN_SCALE
from ahpa.adapters.kubernetes.kserve import InferenceServices
from ahpa.ports import ClusterError
from ahpa.targets import Target
from tests.fakes.kube import FakeKube

WHERE = "/apis/serving.kserve.io/v1beta1/namespaces/shop/inferenceservices/llm"
RECORDS = "/api/v1/namespaces/ahpa-system/configmaps/ahpa-records"
HPA = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/llm-predictor"
KNATIVE = "/apis/serving.knative.dev/v1/namespaces/shop"


def cluster(annotations: dict[str, str] | None = None) -> FakeKube:
    kube = FakeKube()
    noted = {"ahpa.dev/mode": "apply", **(annotations or {})}
    kube.put(WHERE, {
        "metadata": {"namespace": "shop", "name": "llm", "annotations": noted},
        "spec": {"predictor": {"minReplicas": 2, "maxReplicas": 9}},
    })  # fmt: skip
    kube.put(RECORDS, {"metadata": {"namespace": "ahpa-system", "name": "ahpa-records"}, "data": {}})
    return kube


def raw(kube: FakeKube) -> FakeKube:
    """With what KServe makes of a raw one."""
    value = {"type": "Resource", "resource": {"name": "memory", "target": {"averageValue": "10Gi"}}}
    meta = {"namespace": "shop", "name": "llm-predictor"}
    kube.put(HPA, {"metadata": dict(meta), "spec": {"minReplicas": 2, "maxReplicas": 9, "metrics": [value]}})
    kube.put("/apis/apps/v1/namespaces/shop/deployments/llm-predictor", {
        "metadata": dict(meta),
        "spec": {"replicas": 4, "selector": {"matchLabels": {"app": "isvc.llm-predictor"}}},
        "status": {"readyReplicas": 3},
    })  # fmt: skip
    return kube


def serverless(kube: FakeKube) -> FakeKube:
    owner = {"kind": "InferenceService", "name": "llm", "controller": True}
    kube.put(f"{KNATIVE}/services/llm-predictor", {
        "metadata": {"namespace": "shop", "name": "llm-predictor", "annotations": {}, "ownerReferences": [owner]},
        "spec": {},
        "status": {"traffic": [{"revisionName": "llm-predictor-00001", "percent": 100}]},
    })  # fmt: skip
    kube.put(f"{KNATIVE}/revisions/llm-predictor-00001", {
        "metadata": {"namespace": "shop", "name": "llm-predictor-00001", "annotations": {MIN_SCALE: "2"}},
        "spec": {"containerConcurrency": 10},
        "status": {"actualReplicas": 2},
    })  # fmt: skip
    return kube


def target(kube: FakeKube) -> Target:
    (found,) = InferenceServices(kube).targets()
    return found


class Bounded(FakeKube):
    """It notes how long it may take."""

    def __init__(self) -> None:
        super().__init__()
        self.deadlines: set[float] = set()

    def within(self, deadline: float) -> Self:
        self.deadlines.add(deadline)
        return self


def test_what_is_behind_it_is_looked_up_within_the_time_of_the_round() -> None:
    kube = Bounded()
    kube.objects = serverless(cluster()).objects
    assert len(InferenceServices(kube).targets(5.0)) == 1
    assert kube.deadlines == {5.0}


def test_a_raw_one_is_read_from_what_kserve_made() -> None:
    found = target(raw(cluster()))
    assert (found.key, found.baseline, found.floor, found.maximum) == ("kserve/shop/llm", 2, 2, 9)
    assert (found.ready, found.present, found.selector) == (3, 4, "app=isvc.llm-predictor")
    assert [(one.metric, one.capacities[0].value) for one in found.measures] == [("resource/memory", 10.0 * 2**30)]
    assert found.names == {"name": "llm-predictor", "workload": "llm-predictor", "workload-kind": "Deployment"}


def test_a_raw_ones_floor_is_its_own_minimum_and_its_record_stands_elsewhere() -> None:
    """An annotation on it would be copied to its pods and replace them all."""
    kube = raw(cluster())
    actuator = InferenceServices(kube)
    actuator.write(target(kube), (5,))
    assert kube.get(WHERE)["spec"]["predictor"]["minReplicas"] == 5
    assert "ahpa.dev/baseline" not in kube.get(WHERE)["metadata"]["annotations"]
    ((key, text),) = kube.get(RECORDS)["data"].items()
    assert (key, json.loads(text)["own"]) == ("kserve.shop.llm", 2)
    assert [where for where, _ in kube.writes] == [RECORDS, WHERE], "the record comes first"


def test_one_that_was_made_anew_has_no_record() -> None:
    """Of the same name, with a minimum of its own."""
    kube = raw(cluster())
    InferenceServices(kube).write(target(kube), (5,))
    kube.put(WHERE, {
        "metadata": {"namespace": "shop", "name": "llm", "annotations": {"ahpa.dev/mode": "apply"}},
        "spec": {"predictor": {"minReplicas": 5, "maxReplicas": 9}},
    })  # fmt: skip
    kube.objects[WHERE]["metadata"]["uid"] = "another"
    found = target(kube)
    assert (found.baseline, found.managed) == (5, False)


@pytest.mark.parametrize("status", [403, 500, 0])
def test_where_the_records_cannot_be_read_nothing_is_listed(status: int) -> None:
    """A floor of ours would be taken for its owner's minimum."""
    kube = raw(cluster())
    kube.fail = lambda method, where: ClusterError(status, where) if where == RECORDS else None
    with pytest.raises(ClusterError):
        InferenceServices(kube).targets()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"uid":1}', '{"uid":"x","own":-1}', '{"uid":"x","own":true}', "x" * 600]
)
def test_a_damaged_record_is_none(text: str) -> None:
    kube = raw(cluster())
    kube.objects[RECORDS]["data"] = {"kserve.shop.llm": text, "something": "else"}
    assert not target(kube).managed


def test_a_serverless_ones_floor_is_on_its_revision() -> None:
    """A minReplicas would become an annotation of the template, and so a new Revision."""
    kube = serverless(cluster())
    actuator = InferenceServices(kube)
    found = target(kube)
    assert (found.key, found.baseline, found.refusal) == ("kserve/shop/llm", 2, None)
    assert found.measures[0].metric == "knative/concurrency"
    assert found.names["name"] == "llm-predictor", "by which Knative's metrics know it"
    actuator.write(found, (5,))
    assert kube.get(f"{KNATIVE}/revisions/llm-predictor-00001")["metadata"]["annotations"][MIN_SCALE] == "5"
    assert kube.get(WHERE)["spec"]["predictor"]["minReplicas"] == 2
    assert target(kube).baseline == 2
    actuator.restore(target(kube))
    assert kube.get(f"{KNATIVE}/revisions/llm-predictor-00001")["metadata"]["annotations"][MIN_SCALE] == "2"


def test_a_serverless_one_is_in_the_shard_of_the_service_that_is_written_to_a_raw_one_in_its_own() -> None:
    """The API server's fence sees only the Revision, and by its label the Service."""
    behind, own = serverless(cluster()), raw(cluster())
    service = behind.get(f"{KNATIVE}/services/llm-predictor")["metadata"]["uid"]
    assert (target(behind).uid, target(behind).reference["uid"] == service) == (service, False)
    assert target(own).uid == own.get(WHERE)["metadata"]["uid"]


@pytest.mark.parametrize(
    ("annotations", "said"),
    [
        ({"serving.kserve.io/autoscalerClass": "external"}, "annotate that one"),
        ({"serving.kserve.io/autoscalerClass": "none"}, "nothing scales it"),
        ({}, "neither a Knative Service nor an HPA"),
    ],
)
def test_one_whose_minimum_would_move_nothing_is_refused(annotations: dict[str, str], said: str) -> None:
    assert said in str(target(cluster(annotations)).refusal)


def test_a_raw_one_whose_annotations_were_taken_off_is_given_back_what_it_had() -> None:
    """Our record is not on it: it was forgotten, and our floor stayed for ever."""
    kube = raw(cluster())
    actuator = InferenceServices(kube)
    actuator.write(target(kube), (5,))
    kube.edit(WHERE, {"metadata": {"annotations": {"ahpa.dev/mode": None}}})
    found = target(kube)
    assert (found.managed, found.baseline, found.floor) == (True, 2, 5)
    actuator.restore(found)
    assert kube.get(WHERE)["spec"]["predictor"]["minReplicas"] == 2
    assert actuator.targets() == []


def test_without_a_maximum_a_raw_one_is_a_fixed_fleet() -> None:
    """KServe takes the minimum for it: with ours it would have raised its HPA's maximum to our cap."""
    kube = raw(cluster())
    del kube.objects[WHERE]["spec"]["predictor"]["maxReplicas"]
    assert target(kube).maximum == 2


def test_without_a_right_to_knative_those_on_deployments_are_served() -> None:
    kube = raw(cluster())
    kube.fail = lambda method, where: ClusterError(403, where) if "knative" in where else None
    assert target(kube).refusal is None


def test_the_service_of_a_transformer_is_no_predictor() -> None:
    """`llm-transformer` is made by `llm` too, and an InferenceService may be called so."""
    kube = serverless(cluster())
    kube.objects[f"{KNATIVE}/services/llm-predictor"]["metadata"]["name"] = "llm-transformer"
    kube.objects[f"{KNATIVE}/services/llm-transformer"] = kube.objects.pop(f"{KNATIVE}/services/llm-predictor")
    assert "neither a Knative Service nor an HPA" in str(target(kube).refusal)


def test_one_that_keda_scales_is_measured_by_its_triggers() -> None:
    kube = raw(cluster({"serving.kserve.io/autoscalerClass": "keda"}))
    trigger = {"type": "prometheus", "metadata": {"query": "sum(vllm:num_requests_running)", "threshold": "4"}}
    kube.put("/apis/keda.sh/v1alpha1/namespaces/shop/scaledobjects/llm-predictor", {
        "metadata": {"namespace": "shop", "name": "llm-predictor"}, "spec": {"triggers": [trigger]},
    })  # fmt: skip
    assert [(one.metric, one.capacities[0].value) for one in target(kube).measures] == [("keda/prometheus", 4.0)]
