"""Whose an object is, and who set a field of it."""

from __future__ import annotations

import pytest

from ahpa.adapters.kubernetes.api import Object
from ahpa.adapters.kubernetes.objects import owns, somebody_elses


def test_ownership_is_what_the_api_server_says() -> None:
    fields: Object = {"f:spec": {"f:minReplicas": {}}}
    item = {"metadata": {"managedFields": [{"manager": "ahpa", "fieldsV1": fields}]}}
    assert owns(item, "spec", "minReplicas")
    assert not owns(item, "spec", "maxReplicas")
    assert not owns(
        {"metadata": {"managedFields": [{"manager": "kubectl", "fieldsV1": fields}]}}, "spec", "minReplicas"
    )
    assert not owns({"metadata": {}}, "spec")


@pytest.mark.parametrize(
    ("meta", "said"),
    [
        ({}, None),
        ({"ownerReferences": [{"kind": "Application", "name": "shop"}]}, None),
        (
            {"ownerReferences": [{"kind": "Platform", "name": "api", "controller": True}]},
            "Platform/api made this HPA and would revert us; "
            "set the minimum there, because annotating that object is not supported yet",
        ),
        (
            {"ownerReferences": [{"kind": "ScaledObject", "name": "api", "controller": True}]},
            "ScaledObject/api made this HPA and would revert us; annotate that ScaledObject",
        ),
        (
            {"ownerReferences": [{"kind": "PodAutoscaler", "name": "api-00001", "controller": True}]},
            "PodAutoscaler/api-00001 made this HPA and would revert us; "
            "annotate the Knative Service that it belongs to",
        ),
        (
            {"ownerReferences": [{"kind": "InferenceService", "name": "llm", "controller": True}]},
            "InferenceService/llm made this HPA and would revert us; annotate that InferenceService",
        ),
        (
            {"labels": {"scaledobject.keda.sh/name": "api"}},
            "KEDA made this HPA and would revert us; annotate that ScaledObject",
        ),
    ],
)
def test_what_another_controller_made_is_refused_with_a_way_out(meta: Object, said: str | None) -> None:
    assert somebody_elses({"metadata": meta}, "HPA") == said
