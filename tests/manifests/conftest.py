"""Targets on a real API server, and our account there, as the overlays install it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import pytest

from testbed import Testbed
from testbed.kube import KubeApi, KubeError
from tests.manifests.account import FENCE, HOME, HPA, RBAC, REVISION, SERVICE, TEAM, kind_of, refusal
from tests.manifests.overlays import render


@pytest.fixture(scope="package")
def targets(bed: Testbed) -> Iterator[str]:
    """A Knative Service and an HPA in apply mode, in the namespace of the samples; the Revision's name."""
    bed.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": TEAM}})
    mine = {"ahpa.dev/mode": "apply", "team/owner": "ml"}
    service = bed.knative_service("chat", TEAM, annotations=mine)
    bed.hpa_with_deployment("api", TEAM, annotations=mine, min_replicas=2, max_replicas=6)
    yield str(service["status"]["latestReadyRevisionName"])
    bed.delete("namespaces", TEAM)


@pytest.fixture(scope="package", params=["production", "single-namespace"])
def ours(bed: Testbed, targets: str, request: pytest.FixtureRequest) -> Iterator[KubeApi]:
    """The API as our account, after an overlay was applied just as `kubectl apply -k` would."""
    objects = render(request.param)
    bed.apply(*objects)
    config = json.loads(bed.service_account_kubeconfig(HOME, "ahpa").read_text())
    with closing(KubeApi(bed.api_url, config["users"][0]["user"]["token"], bed.ca_file)) as api:
        paths = [bed.api.resource(r).path(TEAM, n) for r, n in ((SERVICE, "chat"), (REVISION, targets), (HPA, "api"))]
        _await(bed, api, paths, FENCE)
        yield api
        # Step by step, since the next overlay must not be seen behind what the API server still knows of this one.
        fences = [each for each in objects if each["kind"].startswith("ValidatingAdmission")]
        _delete(bed, fences)
        _await(bed, api, paths, 0)
        _delete(bed, [each for each in objects if each not in fences])
        _await(bed, api, paths, RBAC)


def _await(bed: Testbed, api: KubeApi, paths: list[str], status: int) -> None:
    """Until a patch that the fences forbid ends with `status` at each path."""
    forbidden = {"metadata": {"labels": {"fence": "up"}}}
    bed.wait_for(lambda: {refusal(api, where, forbidden) for where in paths} == {status}, what=f"{status} for us")


def _delete(bed: Testbed, objects: list[dict[str, Any]]) -> None:
    """All but the namespace and the account, which is still to show what it may do."""
    for each in objects:
        if each["kind"] not in ("Namespace", "ServiceAccount"):
            with suppress(KubeError):
                bed.delete(kind_of(each), each["metadata"]["name"], each["metadata"].get("namespace", HOME))
