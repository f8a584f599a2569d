"""What must not be written to is not written to, whatever its mode."""

from __future__ import annotations

import pytest

from ahpa.core.decision import Reason
from tests.service.stage import NOW, ROOT, stage

ADOPTED = {"metadata": {"ownerReferences": [{"kind": "Platform", "name": "llm", "controller": True}]}}


@pytest.mark.parametrize("mode", ["apply", "observe"])
def test_an_object_that_is_refused_is_not_restored_either(mode: str) -> None:
    """Another controller took it over while we held its floor: to write now would start a fight."""
    at = stage()
    at.tick()
    assert at.kube.writes
    at.kube.edit(f"{ROOT}/services/chat", {"metadata": {"annotations": {"ahpa.dev/mode": mode}}})
    at.kube.edit(f"{ROOT}/services/chat", ADOPTED)
    at.kube.writes.clear()
    decision = at.tick(NOW + 60)["knative/shop/chat"]
    assert decision.reason is Reason.REFUSED
    assert not decision.restore
    assert at.kube.writes == []
