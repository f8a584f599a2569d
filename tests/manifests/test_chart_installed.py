"""Installed by Helm on a real API server, for every kind: admitted, able to do its work and nothing beyond; and owners
have their own back before it is deleted.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from ahpa.adapters.kubernetes.kinds import KINDS
from testbed import Testbed
from testbed.build import find_parts
from testbed.kube import KubeApi, KubeError, Object
from tests.manifests.account import FENCE, HOME, HPA, MERGE, RBAC, TEAM, annotation, refusal, token_of_ours
from tests.manifests.chart import CHART, Refused, charted, helm
from tests.manifests.overlays import CONFIG, OVERLAYS
from tests.manifests.pods import ready_pod, run, told
from tests.testbed import lives

pytestmark = [pytest.mark.testbed, pytest.mark.helm]
EVERY = list(KINDS)
FLOOR = 3
ALWAYS = {"ahpa.dev/windows": f"* * * * * min={FLOOR}"}
"""A floor that needs no history."""
NEXT_DOOR = "not-ours"
DRY = {"dryRun": "All", "fieldManager": "test"}


class Installation:
    """A release of the chart, and what its four targets have."""

    def __init__(self, bed: Testbed) -> None:
        self.bed = bed
        self.lives = {
            "knative": lives.knative(bed, TEAM),
            "keda": lives.keda(bed, TEAM),
            "kserve": lives.kserve_raw(bed, TEAM),
        }

    def helm(self, *words: str) -> str:
        return helm(*words, "-n", HOME, "--kubeconfig", str(self.bed.kubeconfig))

    def minimums(self) -> dict[str, int | None]:
        found = {kind: life.minimum() for kind, life in self.lives.items()}
        return found | {"hpa": self.bed.get(HPA, "api", TEAM)["spec"]["minReplicas"]}


POD = "(a pod of ours)"
LABELLED: Any = {"metadata": {"labels": {"a": "b"}}}
TOKEN = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
ADMIN = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": "x"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
}
POLICY, BINDING = "validatingadmissionpolicies", "validatingadmissionpolicybindings"
FORBIDDEN: list[tuple[str, str, tuple[str, str | None, str, str], Any, int]] = [
    ("list Secrets", "GET", ("secrets", HOME, "", ""), None, RBAC),
    ("read another ConfigMap", "GET", ("configmaps", HOME, "ahpa-settings", ""), None, RBAC),
    ("create a pod", "POST", ("pods", HOME, "", ""), {"metadata": {"name": "x"}}, RBAC),
    ("run a command in a pod", "POST", ("pods", HOME, POD, "exec"), None, RBAC),
    ("read a pod's log", "GET", ("pods", HOME, POD, "log"), None, RBAC),
    ("evict a pod", "POST", ("pods", HOME, POD, "eviction"), {"metadata": {"name": "x"}}, RBAC),
    ("scale a Deployment", "PATCH", ("deployments", TEAM, "api", "scale"), {"spec": {"replicas": 0}}, RBAC),
    ("scale itself", "PATCH", ("deployments", HOME, "ahpa", "scale"), {"spec": {"replicas": 0}}, RBAC),
    ("patch its own Deployment", "PATCH", ("deployments", HOME, "ahpa", ""), LABELLED, RBAC),
    ("delete an HPA", "DELETE", (HPA, TEAM, "api", ""), None, RBAC),
    ("create an HPA", "POST", (HPA, TEAM, "", ""), {"metadata": {"name": "x"}}, RBAC),
    ("patch a node", "PATCH", ("nodes", None, "gpu-0", ""), LABELLED, RBAC),
    ("change another Lease", "PATCH", ("leases", "kube-system", "kube-scheduler", ""), LABELLED, RBAC),
    ("delete its own Lease", "DELETE", ("leases", HOME, "ahpa-0", ""), None, RBAC),
    ("change a fence", "PATCH", (POLICY, None, "ahpa-hpas", ""), {"spec": {"failurePolicy": "Ignore"}}, RBAC),
    ("take a fence down", "DELETE", (BINDING, None, "ahpa-leader", ""), None, RBAC),
    ("widen its role", "PATCH", ("clusterroles", None, "ahpa", ""), {"rules": []}, RBAC),
    ("make itself admin", "POST", ("clusterrolebindings", None, "", ""), ADMIN, RBAC),
    ("make a token", "POST", ("serviceaccounts", HOME, "ahpa", "token"), TOKEN, RBAC),
    ("relabel its namespace", "PATCH", ("namespaces", None, HOME, ""), LABELLED, RBAC),
    ("an HPA's ceiling", "PATCH", (HPA, TEAM, "api", ""), {"spec": {"maxReplicas": 500}}, FENCE),
    ("what an HPA scales", "PATCH", (HPA, TEAM, "api", ""), {"spec": {"scaleTargetRef": {"name": "x"}}}, FENCE),
    ("a Service's mode", "PATCH", ("ksvc", TEAM, "chat", ""), annotation("ahpa.dev/mode", "off"), FENCE),
    ("a ScaledObject's triggers", "PATCH", ("so", TEAM, "chat", ""), {"spec": {"maxReplicaCount": 99}}, FENCE),
    ("a model", "PATCH", ("isvc", TEAM, "llm", ""), {"spec": {"predictor": {"maxReplicas": 99}}}, FENCE),
]
"""What, method, (resource, namespace, name, subresource), body, status."""
OF_THE_CHART = ("deployments", "services", "configmaps", "serviceaccounts", "roles", "rolebindings", "clusterroles",
                "clusterrolebindings", POLICY, BINDING, "poddisruptionbudgets")  # fmt: skip


@pytest.fixture(scope="module")
def installed(keda_bed: Testbed) -> Iterator[Installation]:
    """The chart, watching all kinds; one object of each asks for a floor."""
    bed = keda_bed
    bed.apply(*({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in (TEAM, NEXT_DOOR)))
    release = Installation(bed)
    for life in release.lives.values():
        life.make()
        bed.wait_for(life.ready, what=f"{life.name} is ready")
        life.annotate(ALWAYS)
    # PromQL of its own is not read unless the operator says so; the list's is, by the file that the chart mounts.
    release.lives["keda"].annotate({"ahpa.dev/demand": "spring-rps", "ahpa.dev/target-per-replica": "30"})
    for place in (TEAM, NEXT_DOOR):
        bed.hpa_with_deployment("api", place, annotations={**lives.ASKED, **ALWAYS}, max_replicas=9)
    bed.delete("configmaps", "ahpa-records", HOME)  # of the stage; it comes with the chart
    bed.apply(yaml.safe_load((CONFIG / "base/namespace.yaml").read_text()))
    kinds = f"serve.kinds={{{','.join(EVERY)}}}"
    asked = ("--set", kinds, "--set", f"serve.prometheus={bed.prometheus_url}")
    # Of the tests before there may be an account still, and the fence of the Leases stays for good.
    release.helm("install", "ahpa", str(CHART), "--take-ownership", *asked)
    yield release
    for name in (TEAM, NEXT_DOOR):
        bed.delete("namespaces", name)
    # The next module makes its own of that name.
    bed.wait_for(
        lambda: TEAM not in {each["metadata"]["name"] for each in bed.find("namespaces", None)}, what="it gone"
    )


def kubectl(bed: Testbed, *words: str, given: str = "") -> str:
    command = [str(find_parts().binaries["kubectl"]), "--kubeconfig", str(bed.kubeconfig), *words]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_api_server_takes_every_overlay_and_the_chart_strictly(installed: Installation) -> None:
    """Server-side, each field known: as `kubectl apply -k config/overlays/observe` is meant."""
    strict = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
    for folder in (*(f"overlays/{overlay}" for overlay in OVERLAYS), "uninstall"):
        kubectl(installed.bed, *strict, "-k", str(CONFIG / folder))
    asked = {"serve.kinds": EVERY, "knative.before121": True, "networkPolicy.enabled": True}
    asked |= {"history.enabled": True, "dask.enabled": True}
    text = yaml.safe_dump_all(charted(asked))
    assert "deployment.apps/ahpa serverside-applied" in kubectl(installed.bed, *strict, "-f", "-", given=text)


def test_a_namespace_that_is_restricted_admits_our_pods_and_no_looser_ones(installed: Installation) -> None:
    """The service's two are there. A worker, a scheduler, and the Job that restores would be let in as well."""
    bed = installed.bed
    bed.wait_for(lambda: bed.get("deployments", "ahpa", HOME)["status"].get("readyReplicas") == 2, what="both ready")
    asked = {"dask.enabled": True, "history.enabled": True}
    templates = [each["spec"]["template"] for each in charted(asked) if each["kind"] in ("Deployment", "Job")]
    assert len(templates) == 4
    loose = deepcopy(templates[0])
    loose["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    assert [_admitted(bed, each) for each in (*templates, loose)] == [0, 0, 0, 0, RBAC]


def _admitted(bed: Testbed, template: Mapping[str, Any]) -> int:
    """0, or the status with which a pod of this template is refused."""
    meta = {**template["metadata"], "name": "tried"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"]}
    return status_of(lambda: bed.api.request("POST", bed.api.resource("pods").path(HOME), pod, params=DRY))


def status_of(call: Callable[[], object]) -> int:
    """0, or the status with which it is refused."""
    try:
        call()
    except KubeError as error:
        return error.status
    return 0


def test_as_it_stands_it_decides_for_every_kind_and_writes_nothing(installed: Installation, tmp_path: Path) -> None:
    """By the rights that came with it, in a pod's place."""
    before = installed.minimums()
    done = run(installed.bed, ready_pod(installed.bed), tmp_path, "--once")
    decided = {row["target"] for row in told(done, "decision")}
    assert decided >= {f"{kind}/{TEAM}/{life.name}" for kind, life in installed.lives.items()} | {f"hpa/{TEAM}/api"}
    assert told(done, "targets.unavailable") == []
    assert installed.minimums() == before == dict.fromkeys(before, lives.OWN)


def test_let_loose_it_raises_every_kind(installed: Installation, tmp_path: Path) -> None:
    """The notes' own next step. All fences are on, that of the leader too: the token is bound to the pod."""
    notes = installed.helm("get", "notes", "ahpa")
    assert "annotate ksvc NAME ahpa.dev/mode=observe" in notes
    assert "--reuse-values --set serve.dryRun=false" in notes
    former = ready_pod(installed.bed)["spec"]
    installed.helm("upgrade", "ahpa", str(CHART), "--reuse-values", "--set", "serve.dryRun=false")

    def rolled() -> Object | None:
        """A pod of the new settings."""
        wanted = installed.bed.get("deployments", "ahpa", HOME)["spec"]["template"]["metadata"]["annotations"]
        pod = ready_pod(installed.bed)
        return pod if pod["metadata"]["annotations"].items() >= wanted.items() else None

    pod = installed.bed.wait_for(rolled, what="a pod of the new settings")
    assert pod["spec"]["containers"][0]["envFrom"] == former["containers"][0]["envFrom"]

    def raised() -> bool:
        told(run(installed.bed, pod, tmp_path, "--once"), "decision")
        return set(installed.minimums().values()) == {FLOOR}

    installed.bed.wait_for(raised, what="all four raised")  # a conflict with another writer is tried again


def test_what_else_it_would_do_is_refused(installed: Installation) -> None:
    """Dry runs of what a stolen token would be used for. What may be written, and would be by a pod that leads, is not
    by one that does not."""
    bed = installed.bed
    pod = ready_pod(bed)
    with ExitStack() as stack:
        podless, bound = (
            stack.enter_context(closing(KubeApi(bed.api_url, token_of_ours(bed, of), bed.ca_file)))
            for of in (None, pod["metadata"])
        )

        def status(api: KubeApi, method: str, where: tuple[str, str | None, str, str], body: Any) -> int:
            resource, namespace, name, part = where
            filled = pod["metadata"]["name"] if name == POD else name
            path = bed.api.resource(resource).path(namespace, filled or None, part or None)
            kind = MERGE if method == "PATCH" else "application/json"
            return status_of(lambda: api.request(method, path, body, kind, params=DRY))

        found = {what: status(podless, method, where, body) for what, method, where, body, _ in FORBIDDEN}
        assert found == {what: expected for what, _, _, _, expected in FORBIDDEN}
        floor = ("PATCH", (HPA, TEAM, "api", ""), {"spec": {"minReplicas": 4}})
        assert (status(podless, *floor), status(bound, *floor)) == (0, FENCE)
    headers = {"Authorization": f"Bearer {token_of_ours(bed, None)}", "Impersonate-User": "system:admin"}
    answer = requests.get(f"{bed.api_url}/api/v1/pods", headers=headers, verify=str(bed.ca_file), timeout=30)
    assert answer.status_code == RBAC, "be somebody else"


def test_in_one_namespace_the_next_is_out_of_reach(installed: Installation) -> None:
    """An upgrade to `serve.namespace` takes the rights in all others away."""
    bed = installed.bed
    paths = [bed.api.resource(HPA).path(place, "api") for place in (TEAM, NEXT_DOOR)]
    floor = {"spec": {"minReplicas": 4}}
    with closing(KubeApi(bed.api_url, token_of_ours(bed, None), bed.ca_file)) as api:
        assert [refusal(api, where, floor) for where in paths] == [0, 0]
        installed.helm("upgrade", "ahpa", str(CHART), "--reuse-values", "--set", f"serve.namespace={TEAM}")
        bed.wait_for(lambda: refusal(api, paths[1], floor) == RBAC, what="no right next door")
        assert refusal(api, paths[0], floor) == 0


def test_helm_deletes_when_every_owner_has_their_own_again(installed: Installation, tmp_path: Path) -> None:
    """Its hook's Job is created by Helm, with the rights that it needs; the test plays its container. Until that
    ended well nothing is deleted, and Helm can be asked again; after that nothing of the chart is left."""
    bed = installed.bed
    with pytest.raises(Refused, match="timed out"):
        installed.helm("uninstall", "ahpa", "--timeout", "3s")
    assert bed.get("deployments", "ahpa", HOME)["spec"]["replicas"] == 2
    assert set(installed.minimums().values()) == {FLOOR}
    jobs = "app.kubernetes.io/name=ahpa-uninstall"
    former = {pod["metadata"]["name"] for pod in bed.find("pods", HOME, jobs)}
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(installed.helm, "uninstall", "ahpa", "--timeout", "3m")
        job = ready_pod(bed, jobs, but=former)
        done = run(bed, job, tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert re.search(r"^(\d+) of \1 are as their owners had them$", done.stdout, re.MULTILINE)
        where = bed.api.resource("pods").path(HOME, job["metadata"]["name"], "status")
        bed.api.request("PATCH", where, {"status": {"phase": "Succeeded"}}, MERGE)
        assert "uninstalled" in ended.result(300)
    assert set(installed.minimums().values()) == {lives.OWN}
    left = [each for kind in OF_THE_CHART for each in bed.find(kind, None, "app.kubernetes.io/instance=ahpa")]
    assert [each for each in left if "helm.sh/resource-policy" not in each["metadata"].get("annotations", {})] == []
