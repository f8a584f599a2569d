"""The testbed with Knative 1.20: the same cluster, in which another object holds the floor."""

from __future__ import annotations

import pytest

from testbed import Testbed
from testbed.pytest_plugin import ON_EACH_KNATIVE, ON_OLDER_KNATIVE
from tests.testbed.reading import MIN_SCALE, replicas

pytestmark = pytest.mark.testbed


def raise_to(bed: Testbed, resource: str, revision: str, replicas: int, namespace: str) -> None:
    bed.patch(resource, revision, {"metadata": {"annotations": {MIN_SCALE: str(replicas)}}}, namespace)


@ON_OLDER_KNATIVE
def test_the_pod_autoscaler_holds_the_floor_and_the_revision_does_not(bed: Testbed, bed_namespace: str) -> None:
    """A min-scale on the Revision changes no replica; on its PodAutoscaler it does, and stays there."""
    service = bed.knative_service("chat", bed_namespace)
    revision = service["status"]["latestReadyRevisionName"]
    deployment = f"{revision}-deployment"
    bed.load(bed_namespace, revision, 1)  # else the one replica would go, as idle
    before = bed.get("deployments", deployment, bed_namespace)["metadata"]["generation"]

    raise_to(bed, "revisions", revision, 3, bed_namespace)
    bed.wait_for(lambda: changed(bed, deployment, bed_namespace, before), what="the rolling restart that it costs")
    assert replicas(bed, deployment, bed_namespace) == 1

    raise_to(bed, "podautoscalers", revision, 4, bed_namespace)
    bed.wait_for(lambda: replicas(bed, deployment, bed_namespace) == 4, what="4 replicas")
    kept = bed.get("podautoscalers", revision, bed_namespace)["metadata"]["annotations"]
    assert kept[MIN_SCALE] == "4"
    bed.load(bed_namespace, revision, 0)


@ON_EACH_KNATIVE
def test_the_version_is_where_a_cluster_has_it(bed: Testbed) -> None:
    label = bed.get("deployments", "controller", "knative-serving")["metadata"]["labels"]["app.kubernetes.io/version"]
    assert label == f"{bed.knative}.0"


def changed(bed: Testbed, deployment: str, namespace: str, generation: int) -> bool:
    return bool(bed.get("deployments", deployment, namespace)["metadata"]["generation"] > generation)
