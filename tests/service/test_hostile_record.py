"""What stands in our record is hostile until checked: a tenant writes it, and we may patch what it may not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ahpa.core.observation import Limits
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.service.stage import HPAS, NOW, ROOT, SETTINGS, Stage, add_hpa, add_knative, morning, staged


def capped(cap: int = 10) -> Stage:
    kube = FakeKube()
    add_knative(kube, "chat", mode="apply")
    add_hpa(kube, "other", 100_000, mode="apply", demand="mine", target_per_replica="7")
    settings = replace(SETTINGS, limits=Limits(cap=cap))
    at = staged(kube, FakePrometheus({"chat": morning, "other": morning}), settings)
    at.service.refit(NOW)
    for minute in range(3):
        at.tick(NOW + 60 * minute)
    return at


def floors(at: Stage) -> tuple[int, int]:
    return int(at.min_scale("chat") or 0), at.kube.objects[f"{HPAS}/other"]["spec"]["minReplicas"]


@pytest.mark.parametrize("forged", [11, 50, 5000, 999_999_999])
def test_a_record_that_a_tenant_forges_raises_nothing(forged: int) -> None:
    """Cap 10; the tenant edits only `ahpa.dev/baseline`. It got floors of 5000, on Revisions it may not patch."""
    at = capped()
    before = floors(at)
    record = f'{{"chat-00001":"{forged}"}}'
    at.kube.edit(f"{ROOT}/services/chat", {"metadata": {"annotations": {"ahpa.dev/baseline": record}}})
    at.kube.edit(f"{HPAS}/other", {"metadata": {"annotations": {"ahpa.dev/baseline": str(forged)}}})
    for minute in range(3, 20):
        chat, other = floors(at)
        at.kube.objects[f"{ROOT}/revisions/chat-00001"]["status"]["actualReplicas"] = chat
        at.kube.objects[f"{HPAS}/other"]["status"]["currentReplicas"] = other
        at.tick(NOW + 60 * minute)
        assert floors(at) == before


@pytest.mark.parametrize("mode", ["off", "observe"])
def test_a_forged_record_is_not_restored_either(mode: str) -> None:
    at = capped()
    before = floors(at)
    noted = {"ahpa.dev/mode": mode}
    at.kube.edit(
        f"{ROOT}/services/chat",
        {"metadata": {"annotations": {**noted, "ahpa.dev/baseline": '{"chat-00001":"5000"}'}}},
    )
    at.kube.edit(f"{HPAS}/other", {"metadata": {"annotations": {**noted, "ahpa.dev/baseline": "5000"}}})
    at.tick(NOW + 180)
    assert floors(at) == before
    for where in (f"{ROOT}/services/chat", f"{HPAS}/other"):
        assert "ahpa.dev/baseline" not in at.kube.objects[where]["metadata"]["annotations"]


def test_a_minimum_that_an_owner_sets_above_our_cap_stays_theirs() -> None:
    at = capped()
    at.kube.edit(f"{HPAS}/other", {"spec": {"minReplicas": 40}})
    for minute in range(3, 8):
        decision = at.tick(NOW + 60 * minute)["hpa/shop/other"]
        assert (decision.floor, decision.change) == (40, 0)
