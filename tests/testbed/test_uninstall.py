"""Installed, checked, raised, uninstalled by the Job's own command: every object is as before, on the real thing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from ahpa.adapters.kubernetes.api import Kube
from ahpa.adapters.kubernetes.kinds import KINDS
from ahpa.adapters.kubernetes.preflight import Preflight
from ahpa.check.cluster import cluster_findings
from ahpa.check.finding import Outcome
from ahpa.ports import ClusterError
from testbed import Testbed
from testbed.kube import KubeError
from tests.manifests.account import HOME, HPA, REVISION, SERVICE, TEAM, kind_of
from tests.manifests.overlays import CONFIG, render

pytestmark = pytest.mark.testbed
MINE = {"ahpa.dev/mode": "apply", "team/owner": "ml"}
OBJECTS = ((SERVICE, "chat"), (REVISION, "chat-00001"), (HPA, "api"))
FLOOR = 5


def faces(bed: Testbed) -> dict[str, str]:
    """Annotations and spec of each, byte for byte."""
    found = {name: bed.get(resource, name, TEAM) for resource, name in OBJECTS}
    return {
        name: json.dumps([each["metadata"].get("annotations"), each["spec"]], sort_keys=True)
        for name, each in found.items()
    }


@pytest.fixture(scope="module")
def installed(bed: Testbed) -> Iterator[Kube]:
    """The overlay `production` and config/uninstall, as `kubectl apply -k` would, but for the Job, whose command the
    test runs itself; the API as our account."""
    bed.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": TEAM}})
    bed.knative_service("chat", TEAM, annotations=MINE)
    bed.hpa_with_deployment("api", TEAM, annotations=MINE, min_replicas=2, max_replicas=9)
    objects = [*render("production"), *yaml.safe_load_all((CONFIG / "uninstall/rbac.yaml").read_text())]
    bed.apply(*objects)
    yield Kube.connect(str(bed.service_account_kubeconfig(HOME, "ahpa")))
    for each in reversed(objects):
        if each["kind"] not in ("Namespace", "ServiceAccount"):
            with suppress(KubeError):
                bed.delete(kind_of(each), each["metadata"]["name"], each["metadata"].get("namespace", HOME))
    bed.delete("namespaces", TEAM)
    bed.wait_for(
        lambda: TEAM not in {each["metadata"]["name"] for each in bed.find("namespaces", None)}, what="it gone"
    )


def uninstall(kubeconfig: Path) -> subprocess.CompletedProcess[str]:
    """As the Job does."""
    job: Mapping[str, Any] = yaml.safe_load((CONFIG / "uninstall/job.yaml").read_text())
    (container,) = job["spec"]["template"]["spec"]["containers"]
    words = [sys.executable, "-m", "ahpa", *container["args"], "--kubeconfig", str(kubeconfig)]
    said = {each["name"]: each.get("value", "x") for each in container["env"]}  # the pod's name and uid: of none here
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=200, env={**os.environ, **said})


def test_the_whole_check_of_an_installation_fails_in_nothing(bed: Testbed, installed: Kube) -> None:
    """Typed by an administrator, with the PromQL that a real Prometheus has to understand."""
    words = ["check", "--kubeconfig", str(bed.kubeconfig), "--prometheus", bed.prometheus_url, "--kinds", "knative,hpa"]

    def checked() -> list[dict[str, str]]:
        done = subprocess.run(
            [sys.executable, "-m", "ahpa", *words, "-o", "json"], capture_output=True, text=True, check=False
        )  # fmt: skip
        rows: list[dict[str, str]] = json.loads(done.stdout)
        known = {row["what"]: row["said"] for row in rows if row["what"] in ("prometheus", "scrape interval")}
        # A Prometheus that has just begun has no samples yet.
        return rows if done.returncode == 0 and "half of all targets every" in known["scrape interval"] else []

    rows = bed.wait_for(checked, what="a check without a failure")
    assert "answers, and scrapes" in next(row["said"] for row in rows if row["what"] == "prometheus")
    assert {row["where"] for row in rows if row["what"] == "clock"} == {"kubernetes", "prometheus"}
    assert {row["outcome"] for row in rows if row["what"] in ("rights", "fence", "version")} == {"ok"}


def test_every_object_is_as_before_byte_for_byte(bed: Testbed, installed: Kube) -> None:
    """The service's Deployment has a pod, which the command ends first; and the account that does all this passes the
    check before, seen by itself and by an administrator."""
    before = faces(bed)
    for ask in (Preflight(installed), Preflight(Kube.connect(str(bed.kubeconfig)))):
        seen = list(cluster_findings(ask, ["knative", "hpa"], None, f"{HOME}/ahpa"))
        failed = [each for each in seen if each.outcome in (Outcome.FAILED, Outcome.UNREACHABLE)]
        assert failed == []
    assert {each.what for each in seen if each.outcome == Outcome.OK} == {"version", "rights", "fence"}
    bed.wait_for(lambda: bed.find("pods", HOME), what="a pod of the service")

    def raised() -> bool:
        for kind in ("knative", "hpa"):
            (target,) = KINDS[kind].actuator(installed, TEAM).targets()
            with suppress(ClusterError):  # 409: another writer; or the list was a moment behind
                KINDS[kind].actuator(installed, TEAM).write(target, (FLOOR,))
        now = [target for kind in ("knative", "hpa") for target in KINDS[kind].actuator(installed, TEAM).targets()]
        return all(target.managed and target.floor == FLOOR for target in now)

    bed.wait_for(raised, what="both raised")
    assert all(faces(bed)[name] != before[name] for name in before)
    done = uninstall(bed.service_account_kubeconfig(HOME, "ahpa"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 of 2 are as their owners had them" in done.stdout
    assert faces(bed) == before
    assert list(bed.find("pods", HOME)) == []
    again = uninstall(bed.service_account_kubeconfig(HOME, "ahpa"))
    assert (again.returncode, again.stdout) == (0, "nothing to put back: no object carries our record\n")
