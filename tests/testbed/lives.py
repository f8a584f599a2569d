"""One object of each kind on the testbed, as its users write it: `mode` is the only annotation of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from testbed import Testbed
from testbed.kserve import MODE
from testbed.kube import Object, condition
from testbed.manifests import (
    deployment,
    horizontal_pod_autoscaler,
    inference_service,
    knative_service,
    scaled_object,
)
from tests.testbed.reading import MIN_SCALE

OWN = 1
"""The minimum that every owner here sets."""


@dataclass(frozen=True)
class Life:
    """One object, what its owner does with it, and what can be seen of it."""

    bed: Testbed
    namespace: str
    resource: str
    name: str
    manifests: tuple[Object, ...]
    """What its owner applies; the last is the object itself."""
    per_replica: float
    """What one replica serves, in the unit in which it is measured."""
    bearer: tuple[str, str]
    """Resource and name of what bears the minimum."""
    at: tuple[str, ...]
    """Where that stands."""
    workload: str
    """What it scales, a Deployment if it is not said otherwise."""
    behind: tuple[str, ...] = ()
    """What goes with it, by the garbage collector."""
    scales: str = "deployments"
    copied: bool = False
    """Its annotations are copied to its pods, so each edit of them is a rollout of its owner's."""

    def make(self) -> None:
        """Apply what its owner has: the first time, and again and again."""
        self.bed.apply(*self.manifests)

    def ready(self) -> bool:
        found = self.bed.get(self.resource, self.name, self.namespace)
        return self.resource == "hpa" or condition(found, "Ready") == "True"

    def annotate(self, annotations: Mapping[str, str | None]) -> None:
        self.bed.patch(self.resource, self.name, {"metadata": {"annotations": dict(annotations)}}, self.namespace)

    def edit(self, number: int) -> None:
        """Set the minimum by hand."""
        patch: Any = str(number) if self.at[-1] == MIN_SCALE else number
        for key in reversed(self.at):
            patch = {key: patch}
        resource, name = self.bearer
        self.bed.patch(resource, name, patch, self.namespace)

    def minimum(self) -> int | None:
        resource, name = self.bearer
        node: Any = self.bed.get(resource, name, self.namespace)
        for key in self.at:
            node = (node or {}).get(key)
        return None if node is None else int(node)

    def replicas(self) -> int:
        """How many the Deployment behind it is asked for."""
        return int(self.bed.get(self.scales, self.workload, self.namespace)["spec"].get("replicas", 1))

    def delete(self) -> None:
        self.bed.delete(self.resource, self.name, self.namespace)

        def gone() -> bool:
            left = [self.bed.find(each, self.namespace) for each in (self.resource, "revisions", *self.behind)]
            return not any(left)

        self.bed.wait_for(gone, what="it is gone")

    def templates(self) -> tuple[int, int]:
        """How many pod templates there have been, and Revisions: one more would have replaced all pods."""
        sets = list(self.bed.find("replicasets", self.namespace))
        return len(sets), len(self.bed.find("revisions", self.namespace))


ASKED = {"ahpa.dev/mode": "apply"}
_FREE: dict[str, Any] = {"gpus": 0, "pull_seconds": 0, "ready_seconds": 0}


def knative(bed: Testbed, namespace: str) -> Life:
    """10 in flight for each at the most, 70 % of that at target."""
    own = {MIN_SCALE: str(OWN)}
    asked = knative_service("chat", namespace, annotations=ASKED, template_annotations=own, concurrency=10, **_FREE)
    bearer = ("revisions" if bed.knative != "1.20" else "podautoscalers", "chat-00001")
    where = ("metadata", "annotations", MIN_SCALE)
    return Life(bed, namespace, "ksvc", "chat", (asked,), 7.0, bearer, where, "chat-00001-deployment")


def hpa(bed: Testbed, namespace: str) -> Life:
    """70 % of the 0.1 cores that it requests."""
    pods, scaler = deployment("chat", namespace, **_FREE), horizontal_pod_autoscaler("chat", namespace, ASKED, OWN, 20)
    return Life(bed, namespace, "hpa", "chat", (pods, scaler), 0.07, ("hpa", "chat"), ("spec", "minReplicas"), "chat")


def rollout(bed: Testbed, namespace: str) -> Life:
    """An HPA over an Argo Rollout, whose pods are found by the selector that its /scale gives."""
    bed.play_rollouts()
    pods = deployment("chat", namespace, **_FREE)
    pods |= {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"}
    scaler = horizontal_pod_autoscaler("chat", namespace, ASKED, OWN, 20)
    scaler["spec"]["scaleTargetRef"] = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "chat"}
    bearer, where = ("hpa", "chat"), ("spec", "minReplicas")
    return Life(
        bed, namespace, "hpa", "chat", (pods, scaler), 0.07, bearer, where, "chat", scales="rollouts.argoproj.io"
    )


def keda(bed: Testbed, namespace: str) -> Life:
    """Its own PromQL, 4 of whatever that counts for each; KEDA itself sees none of it now."""
    query = f'absent_demand{{namespace="{namespace}"}} or vector(1)'
    asked = scaled_object(
        "chat",
        namespace,
        ASKED,
        prometheus_url=bed.prometheus_url,
        query=query,
        threshold=4,
        min_replicas=OWN,
        max_replicas=20,
    )
    pods = deployment("chat", namespace, **_FREE)
    return Life(bed, namespace, "so", "chat", (pods, asked), 4.0, ("so", "chat"), ("spec", "minReplicaCount"), "chat")


def kserve_raw(bed: Testbed, namespace: str) -> Life:
    """80 % of the 0.1 cores that it requests, as KServe's HPA has it."""
    bed.play_kserve()
    ours = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ahpa-system"}}
    records = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "ahpa-records", "namespace": "ahpa-system"},
    }
    asked = inference_service("llm", namespace, {**ASKED, MODE: "RawDeployment"}, minReplicas=OWN, maxReplicas=20)
    where = ("spec", "predictor", "minReplicas")
    return Life(
        bed,
        namespace,
        "isvc",
        "llm",
        (ours, records, asked),
        0.08,
        ("isvc", "llm"),
        where,
        "llm-predictor",
        ("hpa",),
        copied=True,
    )


def kserve_serverless(bed: Testbed, namespace: str) -> Life:
    """Knative's own default: 100 in flight for each, 70 % of that at target."""
    bed.play_kserve()
    noted = {**ASKED, "autoscaling.knative.dev/target-burst-capacity": "-1"}
    asked = inference_service("llm", namespace, noted, minReplicas=OWN, maxReplicas=20)
    where, workload = ("metadata", "annotations", MIN_SCALE), "llm-predictor-00001-deployment"
    bearer = ("revisions", "llm-predictor-00001")
    return Life(bed, namespace, "isvc", "llm", (asked,), 70.0, bearer, where, workload, ("ksvc",), copied=True)


Begin = Callable[[Testbed, str], Life]
