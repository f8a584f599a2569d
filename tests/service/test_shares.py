"""How many targets of one namespace are served, and who they are."""

from __future__ import annotations

from dataclasses import replace

from ahpa.core.decision import Reason
from ahpa.ports import ClusterError
from ahpa.service.listing import NOBODY
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.fakes.models import SameAsYesterday
from tests.service.stage import HPAS, NOW, ROOT, SETTINGS, add_hpa, add_knative, morning, stage, staged


def test_of_a_namespace_that_asks_for_too_many_the_rest_are_refused_and_told_why() -> None:
    at = stage("chat", "chat-b", "chat-c", settings=replace(SETTINGS, most_targets=2))
    decisions = at.tick()
    refused = {key: decision for key, decision in decisions.items() if decision.reason is Reason.REFUSED}
    assert list(refused) == ["knative/shop/chat-c"]
    assert "asks for 3 targets, of which the 2 that came first" in refused["knative/shop/chat-c"].message
    assert "--max-targets-per-namespace" in refused["knative/shop/chat-c"].message
    assert at.min_scale("chat-c") is None
    assert int(at.min_scale("chat") or 0) >= 4


def test_a_newcomer_puts_nobody_out_whatever_it_is_called() -> None:
    """By name alone `a-first` would take the place of one whose floor stands."""
    at = stage("chat", "chat-b", settings=replace(SETTINGS, most_targets=2))
    at.tick()
    add_knative(at.kube, "a-first-chat", mode="apply")
    decisions = at.tick(NOW + 60)
    assert decisions["knative/shop/a-first-chat"].reason is Reason.REFUSED
    assert decisions["knative/shop/chat"].reason is not Reason.REFUSED


def test_after_a_restart_those_that_hold_a_floor_stay_in() -> None:
    at = stage("chat", "chat-b", settings=replace(SETTINGS, most_targets=2))
    at.tick()
    add_knative(at.kube, "a-first-chat", mode="apply")
    at.service._memory.listed = NOBODY
    decisions = at.tick(NOW + 60)
    assert [key for key, one in decisions.items() if one.reason is Reason.REFUSED] == ["knative/shop/a-first-chat"]


def test_who_is_switched_off_is_restored_and_takes_nobodys_place() -> None:
    at = stage("chat", "chat-b", settings=replace(SETTINGS, most_targets=1))
    at.tick()
    at.kube.edit(f"{ROOT}/services/chat", {"metadata": {"annotations": {"ahpa.dev/mode": "off"}}})
    decisions = at.tick(NOW + 60)
    assert decisions["knative/shop/chat"].reason is Reason.RESTORED
    assert decisions["knative/shop/chat-b"].reason is not Reason.REFUSED


def test_a_kind_that_does_not_answer_keeps_its_places() -> None:
    """Else those of the other kind would take them for a round, and put their holders out when they come back."""
    at = stage("chat", settings=replace(SETTINGS, most_targets=1))
    at.tick()
    add_hpa(at.kube, "other", mode="apply", demand="mine", target_per_replica="10")

    def fail(method: str, where: str) -> ClusterError | None:
        return ClusterError(503, "not now") if method == "LIST" and where.endswith("/services") else None

    at.kube.fail = fail
    decisions = at.tick(NOW + 60)
    assert decisions["hpa/shop/other"].reason is Reason.REFUSED
    assert f"{HPAS}/other" not in [where for where, _ in at.kube.writes]


def test_a_namespace_has_so_many_fits_of_its_own_and_the_others_are_learned_together() -> None:
    """Each is asked for by name, and one that goes without is told, and planned for."""
    slow = {"fleet": SameAsYesterday(), "prophet": SameAsYesterday()}
    kube = FakeKube()
    for name in ("chat", "chat-b"):
        add_knative(kube, name, mode="apply", model="prophet")
    at = staged(
        kube, FakePrometheus({"chat": morning}), replace(SETTINGS, most_library_fits=1), models=slow
    )  # fmt: skip
    listing = at.observer.list()
    assert [asked.parsed.policy.model for asked in listing.asked] == ["prophet", "fleet"]
    assert "--max-library-fits-per-namespace" in " ".join(listing.asked[1].parsed.inert)
    at.service.refit(NOW)
    at.tick()
    assert all(int(at.min_scale(name) or 0) >= 4 for name in ("chat", "chat-b"))
    assert "NotActedOn" in {body["reason"] for _, body in kube.created}
