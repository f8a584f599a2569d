"""`ahpa survey` on a cluster with objects of all kinds, eight or (soak) forty: one command, a ranking and no write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from testbed import Series, Testbed
from testbed.kserve import MODE
from testbed.kube import Object
from testbed.manifests import (
    deployment,
    horizontal_pod_autoscaler,
    inference_service,
    knative_service,
    scaled_object,
)
from tests.testbed.reading import MIN_SCALE

pytestmark = [pytest.mark.testbed, pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class Crowd:
    """How many there are of each kind, and of how many days: the fewer, the fewer fits."""

    knative: int
    hpas: int
    scaled: int
    inference: int
    days: int

    @property
    def count(self) -> int:
        return self.knative + self.hpas + self.scaled + self.inference


CROWDS = [Crowd(3, 2, 2, 1, days=3), pytest.param(Crowd(16, 14, 6, 4, days=5), marks=pytest.mark.soak)]
STEP = 30.0
_FREE: dict[str, Any] = {"gpus": 0, "pull_seconds": 0, "ready_seconds": 0}
ACCOUNT = "system:serviceaccount:default:surveyor"


def objects(bed: Testbed, namespace: str, crowd: Crowd) -> list[Object]:
    """As their users have them: not one knows of us."""
    out: list[Object] = []
    for i in range(crowd.knative):
        own = {MIN_SCALE: "4"}
        out.append(
            knative_service(f"k{i}", namespace, annotations={}, template_annotations=own, concurrency=10, **_FREE)
        )
    for i in range(crowd.hpas):
        out += [deployment(f"h{i}", namespace, **_FREE), horizontal_pod_autoscaler(f"h{i}", namespace, {}, 4, 40)]
    for i in range(crowd.scaled):
        query = f'keda_demand{{namespace="{namespace}",app="s{i}"}}'
        url = bed.prometheus_url
        asked = scaled_object(f"s{i}", namespace, {}, prometheus_url=url, query=query, threshold=4, max_replicas=40)
        out += [deployment(f"s{i}", namespace, **_FREE), asked]
    for i in range(crowd.inference):
        out.append(inference_service(f"i{i}", namespace, {MODE: "RawDeployment"}, minReplicas=1, maxReplicas=20))
    return out


def history(namespace: str, until: float, crowd: Crowd) -> list[Series]:
    """Days that are alike, each service with its own height and hour."""
    times = until - STEP * np.arange(crowd.days * 86_400 / STEP)[::-1]

    def day(number: int, height: float) -> np.ndarray:
        return height * (0.15 + np.maximum(0, np.sin((times / 86_400 + number / crowd.knative) * 2 * np.pi)) ** 2)

    def cpu(name: str, cores: np.ndarray) -> Series:
        labels = {"namespace": namespace, "pod": f"{name}-7d9f8b6c5d-x2x9z", "container": "main"}
        return Series("container_cpu_usage_seconds_total", labels, times, np.cumsum(cores * STEP))

    out = []
    for i in range(crowd.knative):
        labels = {"k8s_namespace_name": namespace, "kn_service_name": f"k{i}", "kn_revision_name": f"k{i}-00001"}
        out.append(Series("kn_revision_concurrency_stable", labels, times, day(i, 60.0)))
    out += [cpu(f"h{i}", day(i, 1.0)) for i in range(crowd.hpas)]
    out += [cpu(f"i{i}-predictor", day(i, 0.8)) for i in range(crowd.inference)]
    for i in range(crowd.scaled):
        out.append(Series("keda_demand", {"namespace": namespace, "app": f"s{i}"}, times, day(i, 40.0)))
    return out


def may_read(bed: Testbed) -> Path:
    """A kubeconfig that may read everything and write nothing."""
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}]
    api, meta = "rbac.authorization.k8s.io", {"name": "surveyor"}
    account = {"kind": "ServiceAccount", "name": "surveyor", "namespace": "default"}
    role = {"apiGroup": api, "kind": "ClusterRole", "name": "surveyor"}
    bed.apply(
        {"apiVersion": f"{api}/v1", "kind": "ClusterRole", "metadata": meta, "rules": rules},
        {
            "apiVersion": f"{api}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": meta,
            "roleRef": role,
            "subjects": [account],
        },
    )
    return bed.service_account_kubeconfig("default", "surveyor")


@pytest.mark.parametrize("crowd", CROWDS, ids=lambda crowd: str(crowd.count))
def test_objects_of_all_kinds_are_ranked_and_nothing_is_written(
    crowd: Crowd, keda_bed: Testbed, bed_namespace: str, tmp_path: Path
) -> None:
    bed = keda_bed
    bed.play_kserve()
    bed.apply(*objects(bed, bed_namespace, crowd))
    until = np.floor(time.time() / 60) * 60
    bed.backfill(history(bed_namespace, until, crowd))
    bed.wait_for(
        lambda: len(bed.find("hpa", bed_namespace)) == crowd.count - crowd.knative, timeout=120, what="all HPAs"
    )
    bed.wait_for(lambda: len(bed.find("revisions", bed_namespace)) == crowd.knative, timeout=120, what="all Revisions")
    words = ["survey", "--prometheus", bed.prometheus_url, "--namespace", bed_namespace, "--own-queries", "namespace"]
    days = ["--history", f"{crowd.days}d", "--test-days", f"{crowd.days // 2}"]
    where = ["--kubeconfig", str(may_read(bed)), "--out", str(tmp_path), "--output", "json"]
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "ahpa", *words, *days, *where],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    print(f"a survey of {crowd.count} objects: {time.monotonic() - began:.0f} s")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    print(json.dumps(told, indent=1)[:4000])
    assert len(told["services"]) == crowd.count
    assert all(each["now"]["replica_hours"] > 0 for each in told["services"])
    assert bed.audit.requests(user=ACCOUNT), "it was there"
    assert bed.audit.writes(user=ACCOUNT) == []
    assert (tmp_path / "report.html").stat().st_size > 10_000
