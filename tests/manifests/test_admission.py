"""What our account may do and what the API server refuses it, on a real one: RBAC, then the fences.

Requests are dry runs (admission runs all the same), so the cases do not depend on each other.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import closing
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ahpa.adapters.kubernetes.events import Events
from ahpa.adapters.kubernetes.kinds import KINDS
from ahpa.adapters.kubernetes.leases import KubeLeases
from ahpa.adapters.kubernetes.pods import Pods
from ahpa.adapters.kubernetes.watched import Watched
from ahpa.core.election import Record
from testbed import Testbed
from testbed.build import find_parts
from testbed.kube import KubeApi, KubeError
from testbed.manifests import horizontal_pod_autoscaler
from tests.docs.commands import blocks
from tests.manifests.account import (
    FENCE,
    HOME,
    HPA,
    MERGE,
    MIN_SCALE,
    RBAC,
    RECORD,
    REVISION,
    SERVICE,
    TEAM,
    Recording,
    annotation,
    raise_and_restore,
    refusal,
    taken,
)
from tests.manifests.overlays import CONFIG, one, render
from tests.manifests.test_config_files import RIGHTS, USUAL

pytestmark = pytest.mark.testbed
SAMPLES = ("hpa", "hpa-reads-the-floor", "knative-service")
"""Of kinds that the plain bed has; the others are in test_more_kinds.py."""


PATCHES: list[tuple[str, str, Any, int]] = [
    ("the record on a Service", SERVICE, annotation(RECORD, "{}"), 0),
    ("the record away again", SERVICE, annotation(RECORD, None), 0),
    ("the floor of a Revision", REVISION, annotation(MIN_SCALE, "3"), 0),
    ("the floor away again", REVISION, annotation(MIN_SCALE, None), 0),
    ("the floor and the record of an HPA", HPA, {**annotation(RECORD, "2"), "spec": {"minReplicas": 4}}, 0),
    ("the floor of an HPA back", HPA, {**annotation(RECORD, None), "spec": {"minReplicas": 2}}, 0),
    ("a Service's template", SERVICE, {"spec": {"template": annotation(MIN_SCALE, "3")}}, FENCE),
    ("a Service's traffic", SERVICE, {"spec": {"traffic": [{"latestRevision": False, "percent": 0}]}}, FENCE),
    ("a Service's mode", SERVICE, annotation("ahpa.dev/mode", "off"), FENCE),
    ("a Service's foreign annotation", SERVICE, annotation("team/owner", "us"), FENCE),
    ("a Service's foreign annotation away", SERVICE, annotation("team/owner", None), FENCE),
    ("a Service's label", SERVICE, {"metadata": {"labels": {"a": "b"}}}, FENCE),
    ("a Service's finalizer", SERVICE, {"metadata": {"finalizers": ["ahpa.dev/x"]}}, FENCE),
    ("a Revision's ceiling", REVISION, annotation("autoscaling.knative.dev/max-scale", "99"), FENCE),
    ("a Revision's foreign annotation", REVISION, annotation("ahpa.dev/baseline", "1"), FENCE),
    (
        "a Revision's annotation away",
        REVISION,
        annotation("autoscaling.knative.dev/target-burst-capacity", None),
        FENCE,
    ),
    ("a Revision's label", REVISION, {"metadata": {"labels": {"a": "b"}}}, FENCE),
    ("a Revision's owner", REVISION, {"metadata": {"ownerReferences": []}}, FENCE),
    ("an HPA's ceiling", HPA, {"spec": {"maxReplicas": 500}}, FENCE),
    ("an HPA's target", HPA, {"spec": {"scaleTargetRef": {"name": "another"}}}, FENCE),
    ("an HPA's metrics", HPA, {"spec": {"metrics": None}}, FENCE),
    ("an HPA's new behavior", HPA, {"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 1}}}}, FENCE),
    ("an HPA's mode", HPA, annotation("ahpa.dev/mode", None), FENCE),
    ("an HPA's foreign annotation", HPA, annotation("team/owner", "us"), FENCE),
    ("an HPA's label", HPA, {"metadata": {"labels": {"a": "b"}}}, FENCE),
]


@pytest.mark.parametrize(("what", "resource", "patch", "status"), PATCHES, ids=[case[0] for case in PATCHES])
def test_a_patch_is_allowed_or_refused(
    bed: Testbed, ours: KubeApi, targets: str, what: str, resource: str, patch: Any, status: int
) -> None:
    """The floor and the record, and nothing beside them."""
    name = {SERVICE: "chat", REVISION: targets, HPA: "api"}[resource]
    assert refusal(ours, bed.api.resource(resource).path(TEAM, name), patch) == status, what


def test_a_patch_through_an_older_version_is_fenced_too(ours: KubeApi) -> None:
    where = f"/apis/autoscaling/v1/namespaces/{TEAM}/horizontalpodautoscalers/api"
    assert refusal(ours, where, {"spec": {"minReplicas": 3}}) == 0
    assert refusal(ours, where, {"spec": {"maxReplicas": 500}}) == FENCE


def test_a_stale_resource_version_is_a_conflict_not_an_overwrite(bed: Testbed, ours: KubeApi) -> None:
    where = bed.api.resource(HPA).path(TEAM, "api")
    assert refusal(ours, where, {"metadata": {"resourceVersion": "1"}, "spec": {"minReplicas": 4}}) == 409


def test_what_rbac_refuses(bed: Testbed, ours: KubeApi) -> None:
    """No deleting, no creating (a server-side apply to a missing HPA is one), no secrets, no replicas, no self-help."""

    def status(method: str, where: str, body: Any = None, content_type: str = "application/json") -> int:
        try:
            ours.request(method, where, body, content_type, params={"dryRun": "All", "fieldManager": "x"})
        except KubeError as error:
            return error.status
        return 0

    at = {name: bed.api.resource(name) for name in (SERVICE, REVISION, HPA, "secrets", "deployments", "clusterroles")}
    new = horizontal_pod_autoscaler("new", TEAM, {}, 1, 2)
    assert {
        "delete an HPA": status("DELETE", at[HPA].path(TEAM, "api")),
        "delete a Service": status("DELETE", at[SERVICE].path(TEAM, "chat")),
        "create an HPA": status("POST", at[HPA].path(TEAM), new),
        "apply a missing HPA": status("PATCH", at[HPA].path(TEAM, "new"), new, "application/apply-patch+yaml"),
        "list secrets": status("GET", at["secrets"].path(TEAM)),
        "list own secrets": status("GET", at["secrets"].path(HOME)),
        "set replicas": status("PATCH", at["deployments"].path(TEAM, "api", "scale"), {}, MERGE),
        "patch a Deployment": status("PATCH", at["deployments"].path(TEAM, "api"), {}, MERGE),
        "grant itself more": status("PATCH", at["clusterroles"].path(None, "ahpa-hpa"), {}, MERGE),
        "a wrong token": _with_wrong_token(bed),
    } == {
        "delete an HPA": RBAC,
        "delete a Service": RBAC,
        "create an HPA": RBAC,
        "apply a missing HPA": RBAC,
        "list secrets": RBAC,
        "list own secrets": RBAC,
        "set replicas": RBAC,
        "patch a Deployment": RBAC,
        "grant itself more": RBAC,
        "a wrong token": 401,
    }


def _with_wrong_token(bed: Testbed) -> int:
    with closing(KubeApi(bed.api_url, "not-a-token", bed.ca_file)) as api:
        return refusal(api, bed.api.resource(HPA).path(TEAM, "api"), {})


def test_another_namespace_is_reached_only_with_cluster_wide_rights(
    bed: Testbed, ours: KubeApi, request: pytest.FixtureRequest
) -> None:
    expected = 0 if "production" in request.node.name else RBAC

    def status(where: str) -> int:
        try:
            ours.request("GET", where)
        except KubeError as error:
            return error.status
        return 0

    resource = bed.api.resource(HPA)
    assert [status(resource.path(None)), status(resource.path("default"))] == [expected] * 2
    assert status(resource.path(TEAM)) == 0


def test_the_fence_is_for_us_alone(bed: Testbed, ours: KubeApi) -> None:
    assert refusal(bed.api, bed.api.resource(HPA).path(TEAM, "api"), {"spec": {"maxReplicas": 9}}) == 0


def test_the_adapters_live_on_these_rights_and_use_every_one(bed: Testbed, ours: KubeApi, targets: str) -> None:
    """Raise, restore, learn from pods, tell and lead, as our account: every call is granted, every grant is used."""
    account = Recording.connect(str(bed.service_account_kubeconfig(HOME, "ahpa")))
    account.used = set()
    with closing(Watched(account, TEAM)) as kube:
        for kind in (KINDS["knative"], KINDS["hpa"]):
            target = raise_and_restore(bed, kind.actuator(kube, TEAM))
            assert Events(kube, "test").say(target, "Tested", "as our account", 1_764_000_000.0)
            Pods(kube, kube.departed).starts(target)
        leases = KubeLeases(account, HOME, time.time)
        made = leases.write("ahpa-15", Record(beat=1, seconds=15), 10)
        assert leases.write("ahpa-15", replace(made, beat=2), 10) == leases.read(10)["ahpa-15"]
        bed.delete("leases", "ahpa-15", HOME)
        granted = set().union(*(RIGHTS[name] for name in USUAL))
        elsewhere = {right for right in granted if right[1] in ("statefulsets", "rollouts/scale")}
        bed.wait_for(lambda: granted - account.used == elsewhere, what="all rights but of what is not here are used")


def test_the_service_runs_on_the_settings_and_rights_that_are_installed(
    bed: Testbed, ours: KubeApi, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The container's own arguments and environment, with our account's token and the testbed's Prometheus: one
    round, and nothing was out of reach."""
    objects = render("production" if "production" in request.node.name else "single-namespace")
    queries = tmp_path / "queries.yaml"
    queries.write_text(one(objects, "ConfigMap", "ahpa-queries")["data"]["queries.yaml"])
    settings = one(objects, "ConfigMap", "ahpa-settings")["data"]
    here = {"AHPA_SERVE_QUERIES": str(queries), "AHPA_SERVE_PROMETHEUS": bed.prometheus_url}
    (container,) = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    words = [sys.executable, "-m", "ahpa", *container["args"], "--once"]
    account = ["--kubeconfig", str(bed.service_account_kubeconfig(HOME, "ahpa"))]
    environment = os.environ | settings | here
    done = subprocess.run([*words, *account], env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    log = [json.loads(line) for line in done.stderr.splitlines()]
    assert {row["event"] for row in log} <= {
        "refit.done",
        "tick.no_data",
        "tick.done",
        "decision",
        "targets.unavailable",
        *("lease.gained", "lease.lost", "lease.unreachable", "lease.reachable"),  # of a bed that is busy
    }, done.stderr
    assert {row["kind"] for row in log if row["event"] == "targets.unavailable"} == {"keda", "kserve"}, "not opted in"
    decided = {row["target"] for row in log if row["event"] == "decision"}
    of_team = {target for target in decided if f"/{TEAM}/" in target}  # other tests have targets here too
    assert of_team == {f"knative/{TEAM}/chat", f"hpa/{TEAM}/api"}


def test_the_documented_way_out_switches_off_what_holds_a_record_and_nothing_else(
    bed: Testbed, ours: KubeApi, tmp_path: Path
) -> None:
    """The shell block of docs/install.md, word for word."""
    (block,) = [each for each in blocks() if "while read" in each]
    (tmp_path / "kubectl").symlink_to(find_parts().binaries["kubectl"])
    environment = os.environ | {"KUBECONFIG": str(bed.kubeconfig), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    bed.patch(SERVICE, "chat", annotation(RECORD, "{}"), TEAM)
    try:
        subprocess.run(["sh", "-c", block], env=environment, check=True, capture_output=True, text=True, timeout=240)
        modes = [
            bed.get(resource, name, TEAM)["metadata"]["annotations"]["ahpa.dev/mode"]
            for resource, name in ((SERVICE, "chat"), (HPA, "api"))
        ]
        assert modes == ["off", "apply"]
    finally:
        bed.patch(SERVICE, "chat", {"metadata": {"annotations": {RECORD: None, "ahpa.dev/mode": "apply"}}}, TEAM)


@pytest.mark.parametrize(
    "file",
    [*(CONFIG / "samples" / f"{name}.yaml" for name in SAMPLES), *CONFIG.glob("components/network-policy/n*.yaml")],
    ids=lambda file: file.stem,
)
def test_the_api_server_takes_what_no_overlay_holds(bed: Testbed, ours: KubeApi, file: Path) -> None:
    """The samples and the optional component; Knative's own webhook looks at its Service."""
    taken(bed, file)


def test_the_pod_passes_the_restricted_standard(bed: Testbed, ours: KubeApi) -> None:
    """The namespace enforces it; a root file system one could write to is beyond it, so that is not the control."""
    (template,) = (each["spec"]["template"] for each in render("observe") if each["kind"] == "Deployment")
    where = bed.api.resource("pods").path(HOME)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe"}, "spec": template["spec"]}
    bed.api.request("POST", where, pod, params={"dryRun": "All"})
    loose = deepcopy(pod)
    del loose["spec"]["containers"][0]["securityContext"]["capabilities"]
    with pytest.raises(KubeError, match="violates PodSecurity") as refused:
        bed.api.request("POST", where, loose, params={"dryRun": "All"})
    assert refused.value.status == RBAC
