"""What our account may do to ScaledObjects, InferenceServices and PodAutoscalers once an overlay opts in to them, and
what the API server refuses it; on a real one, by dry runs.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from testbed import Testbed
from testbed.kube import KubeApi
from tests.manifests.account import FENCE, HOME, MIN_SCALE, RBAC, RECORD, TEAM, annotation, refusal, taken
from tests.manifests.overlays import CONFIG, render
from tests.testbed import lives
from tests.testbed.reading import token_of

pytestmark = pytest.mark.testbed

SCALED, INFERENCE, AUTOSCALER = "so", "isvc", "podautoscalers"
OPTED_IN = ("knative-1.20", "keda", "kserve")
PATCHES: list[tuple[str, str, Any, int]] = [
    ("its floor and our record", SCALED, {**annotation(RECORD, "1"), "spec": {"minReplicaCount": 4}}, 0),
    ("its ceiling", SCALED, {"spec": {"maxReplicaCount": 99}}, FENCE),
    ("its triggers", SCALED, {"spec": {"triggers": [{"type": "cron", "metadata": {}}]}}, FENCE),
    ("what it scales", SCALED, {"spec": {"scaleTargetRef": {"name": "another"}}}, FENCE),
    ("its mode", SCALED, annotation("ahpa.dev/mode", "off"), FENCE),
    ("its pause", SCALED, annotation("autoscaling.keda.sh/paused", "true"), FENCE),
    ("its label", SCALED, {"metadata": {"labels": {"a": "b"}}}, FENCE),
    ("its floor", INFERENCE, {"spec": {"predictor": {"minReplicas": 4}}}, 0),
    ("its ceiling", INFERENCE, {"spec": {"predictor": {"maxReplicas": 99}}}, FENCE),
    ("its model", INFERENCE, {"spec": {"predictor": {"containers": []}}}, FENCE),
    ("its transformer", INFERENCE, {"spec": {"transformer": {"minReplicas": 1}}}, FENCE),
    ("an annotation, even our own", INFERENCE, annotation(RECORD, "1"), FENCE),
    ("its floor", AUTOSCALER, annotation(MIN_SCALE, "4"), 0),
    ("its class", AUTOSCALER, annotation("autoscaling.knative.dev/class", "hpa.autoscaling.knative.dev"), FENCE),
    ("its spec", AUTOSCALER, {"spec": {"containerConcurrency": 1}}, FENCE),
]
NAMES = {SCALED: "chat", INFERENCE: "llm", AUTOSCALER: "chat-00001"}


def opted_in(tmp_path: Path) -> list[dict[str, Any]]:
    """The production overlay with the lines of the further kinds taken out of their comments."""
    shutil.copytree(CONFIG, tmp_path / "config")
    file = tmp_path / "config/overlays/production/kustomization.yaml"
    begins = tuple(f"# - ../../components/{name} " for name in OPTED_IN)
    lines = [line.removeprefix("# ") if line.startswith(begins) else line for line in file.read_text().splitlines()]
    file.write_text("\n".join(lines) + "\n")
    return render("production", tmp_path / "config")


@pytest.fixture(scope="module")
def ours(keda_bed: Testbed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeApi]:
    """The API as our account, after that was applied; one object of each kind in the team's namespace."""
    bed = keda_bed
    bed.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": TEAM}})
    for begin in (lives.keda, lives.knative):
        life = begin(bed, TEAM)
        life.make()
        bed.wait_for(life.ready, what=f"{life.name} is ready")
    raw = lives.kserve_raw(bed, TEAM)
    raw.make()
    bed.wait_for(raw.ready, what="the InferenceService is ready")
    objects = opted_in(tmp_path_factory.mktemp("opted-in"))
    bed.apply(*objects)
    with closing(KubeApi(bed.api_url, token_of(bed, HOME, "ahpa"), bed.ca_file)) as api:
        forbidden = {"metadata": {"labels": {"fence": "up"}}}
        paths = [bed.api.resource(resource).path(TEAM, name) for resource, name in NAMES.items()]
        bed.wait_for(lambda: {refusal(api, where, forbidden) for where in paths} == {FENCE}, what="the fences")
        yield api
    for each in objects:
        if each["kind"].startswith(("ValidatingAdmission", "ClusterRole", "Role")):
            bed.delete(each["kind"].lower(), each["metadata"]["name"], each["metadata"].get("namespace", HOME))
    bed.delete("namespaces", TEAM)


@pytest.mark.parametrize(("what", "resource", "patch", "status"), PATCHES, ids=[f"{p[1]}: {p[0]}" for p in PATCHES])
def test_a_patch_is_allowed_or_refused(
    keda_bed: Testbed, ours: KubeApi, what: str, resource: str, patch: Any, status: int
) -> None:
    """The floor, the record where it may stand, and nothing beside them."""
    where = keda_bed.api.resource(resource).path(TEAM, NAMES[resource])
    assert refusal(ours, where, patch) == status, what


@pytest.mark.parametrize("name", ["scaled-object", "keda-reads-the-floor", "inference-service"])
def test_the_api_server_takes_the_samples(keda_bed: Testbed, ours: KubeApi, name: str) -> None:
    taken(keda_bed, CONFIG / "samples" / f"{name}.yaml")


def test_our_records_are_one_config_map_and_no_other_is_ours_to_read(keda_bed: Testbed, ours: KubeApi) -> None:
    records = keda_bed.api.resource("configmaps").path(HOME, "ahpa-records")
    other = keda_bed.api.resource("configmaps").path(HOME, "kube-root-ca.crt")
    assert refusal(ours, records, {"data": {"kserve.inference.llm": "{}"}}) == 0
    assert refusal(ours, other, {"data": {"a": "b"}}) == RBAC
