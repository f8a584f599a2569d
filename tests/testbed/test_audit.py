"""Who wrote what: the API server's own log tells, of refused requests too."""

from __future__ import annotations

import pytest

from testbed import Testbed
from testbed.kube import KubeApi, KubeError
from tests.testbed.reading import may, token_of

pytestmark = pytest.mark.testbed


def test_the_writes_of_one_user_are_told_apart_from_its_reads(bed: Testbed, bed_namespace: str) -> None:
    """An account without rights reads and is heard; a dry run keeps nothing; an attempt to write is one, if refused."""
    user = f"system:serviceaccount:{bed_namespace}:looker"
    api = KubeApi(bed.api_url, token_of(bed, bed_namespace, "looker"), bed.ca_file)
    try:
        assert not may(api, "pods", bed_namespace)
        assert [(each.verb, each.resource, each.code) for each in bed.audit.requests(user)] == [("list", "pods", 403)]
        assert bed.audit.writes(user) == []

        path = f"/api/v1/namespaces/{bed_namespace}/configmaps"
        map_ = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine"}}
        for params in ({"dryRun": "All"}, {"fieldManager": "somebody"}):
            assert not_allowed(api, path, map_, params)
    finally:
        api.close()
    (write,) = bed.audit.writes(user)
    assert (write.verb, write.resource, write.namespace, write.manager) == (
        "create",
        "configmaps",
        bed_namespace,
        "somebody",
    )
    assert bed.audit.writes(manager="somebody") == [write]


def test_what_the_testbed_itself_applies_is_its_own(bed: Testbed, bed_namespace: str) -> None:
    found = [each for each in bed.audit.writes(manager="testbed") if each.name == bed_namespace]
    assert [(each.verb, each.resource, each.code) for each in found] == [("patch", "namespaces", 201)]


def not_allowed(api: KubeApi, path: str, body: object, params: dict[str, str]) -> bool:
    try:
        api.request("POST", path, body, params=params)
    except KubeError as error:
        return error.status == 403
    return False
