"""What one object says, or a fault of ours over it, harms that object alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from ahpa.adapters.kubernetes.knative import KnativeServices
from ahpa.core.decision import Reason
from ahpa.core.units import Capacity
from ahpa.targets import Measure, Target
from tests.fakes.kube import FakeKube
from tests.service.stage import NOW, add_knative
from tests.service.test_units import at, chat, revision, service


@pytest.mark.parametrize("target", ["1e308", "1e300", "0.01"])
@pytest.mark.parametrize("own", [{}, {"demand": "istio-rps", "service_time": "1ms"}, {"min": "5"}, {"mode": "off"}])
def test_no_target_of_one_tenants_ends_the_round_for_all(target: str, own: dict[str, str]) -> None:
    """Two Revisions with a target of 1e308 and a service time of 1 ms: infinite once converted, and the mean of both
    was a division by zero that ended every round."""
    kube = FakeKube()
    service(kube, {"chat-00001": 50, "chat-00002": 50}, **own)
    revision(kube, "chat-00001", {"target": target})
    revision(kube, "chat-00002", {"target": target})
    add_knative(kube, "other", mode="apply")
    stage = at(kube, {"istio": 30.0, "concurrency": 30.0})
    for minute in range(9):
        decisions = stage.tick(NOW + 60 * minute)
    assert decisions["knative/shop/other"].floor == 5


class Faulty(Mapping[str, str]):
    """Annotations that cannot be gone through: a fault of ours that only one object meets."""

    def __getitem__(self, key: str) -> str:
        raise ZeroDivisionError("float division by zero")

    def __iter__(self) -> Iterator[str]:
        raise ZeroDivisionError("float division by zero")

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize("at_asking", [True, False])
def test_a_fault_over_one_target_leaves_out_that_target_with_its_reason(
    at_asking: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the fault is, the neighbours are served."""
    kube = chat({})
    add_knative(kube, "other", mode="apply")
    stage = at(kube, {"concurrency": 30.0})
    listed = KnativeServices.targets

    measure = Measure("knative/concurrency", (Capacity(1.0),) * 2)

    def targets(self: KnativeServices, deadline: float = 0.0) -> list[Target]:
        broken = {"annotations": Faulty()} if at_asking else {"parts": (), "measures": (measure,)}
        return [replace(t, **broken) if t.name == "chat" else t for t in listed(self)]

    monkeypatch.setattr(KnativeServices, "targets", targets)
    for minute in range(9):
        decisions = stage.tick(NOW + 60 * minute)
    assert decisions["knative/shop/other"].floor == 5
    left_out = decisions["knative/shop/chat"]
    assert left_out.reason is Reason.REFUSED
    assert "division by zero" in left_out.message
    assert not [where for where, _ in kube.writes if where.endswith("/chat")]
    if not at_asking:  # what it is measured by was read before
        seen = {each.decision.key: each.workload for each in stage.service.shown.rounds}
        assert seen["knative/shop/chat"].coverage == seen["knative/shop/other"].coverage > 0
