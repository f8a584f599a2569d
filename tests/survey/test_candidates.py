"""Who is looked at, as if each carried the one annotation: what its own annotations say counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ahpa.ports import ClusterError
from ahpa.service.settings import Settings
from ahpa.survey.candidates import Candidate, Candidates, candidates
from ahpa.targets import Target
from tests.backtest.examples import Spread
from tests.commands.bazaar import DAY, HPAS, NOW, flat, hpa, knative, pod, ports_of
from tests.fakes.kube import FakeKube

SETTINGS = Settings(history_seconds=DAY)


def looked_at(kube: FakeKube, settings: Settings = SETTINGS) -> Candidates:
    ports = ports_of(kube, {"chat": flat(5), "api": flat(2)}, {"fleet": Spread()})
    return candidates(ports.actuators, ports, settings, NOW)


def one(kube: FakeKube) -> Candidate:
    (found,) = looked_at(kube).judged
    return found


def annotated(kube: FakeKube, **annotations: str) -> FakeKube:
    """`chat`, as its owner annotated it."""
    knative(kube, "shop", "chat")
    where = "/apis/serving.knative.dev/v1/namespaces/shop/services/chat"
    noted = {f"ahpa.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
    kube.edit(where, {"metadata": {"annotations": noted}})
    return kube


def test_nobody_has_to_annotate_anything() -> None:
    found = one(annotated(FakeKube()))
    assert found.mode == ""
    assert found.workload.per_replica == 7
    assert found.asked.words == "knative-concurrency, 7 requests in flight for a replica (the target of chat-00001)"


def test_all_of_a_namespace_are_looked_at_however_few_a_service_would_serve() -> None:
    kube = FakeKube()
    for name in ("chat", "chat-b"):
        knative(kube, "shop", name)
    found = looked_at(kube, replace(SETTINGS, most_targets=1))
    assert {"knative/shop/chat", "knative/shop/chat-b"} == {each.asked.target.key for each in found.judged}


def test_what_its_owner_says_already_counts() -> None:
    policy = one(annotated(FakeKube(), late_target="1%", service_time="6s")).workload.policy.policy
    assert (policy.late_target, policy.service_time) == (0.01, 6.0)


@pytest.mark.parametrize("mode", ["observe", "apply", "off"])
def test_who_has_us_already_is_looked_at_too(mode: str) -> None:
    """Also whom its owner switched off, or paused: a survey does nothing to it."""
    assert one(annotated(FakeKube(), mode=mode, paused="true")).mode == mode


def test_what_is_wrong_with_its_annotations_is_the_reason() -> None:
    assert (
        "ahpa.dev/late-target: 'few'"
        in looked_at(annotated(FakeKube(), late_target="few")).left_out["knative/shop/chat"]
    )


def test_starts_are_learned_from_its_pods() -> None:
    kube = FakeKube()
    hpa(kube, "shop", "api")
    for i in range(30):
        pod(kube, "shop", f"p{i}", 60.0)
    readiness = one(kube).workload.readiness
    assert readiness.learned == 30
    assert readiness.longest(0.5) == pytest.approx(60, rel=0.01)


def test_whoever_was_made_by_another_target_is_left_to_that() -> None:
    """KEDA's HPA and its ScaledObject would be counted twice, and the HPA cannot be written to."""

    class Made:
        """The HPA as it is listed beside its maker."""

        def targets(self, deadline: float = 0.0) -> list[Target]:
            kube = FakeKube()
            hpa(kube, "shop", "api")
            (target,) = ports_of(kube, {}, {"fleet": Spread()}).actuators["hpa"].targets()
            return [target, replace(target, name="keda-hpa-api", maker=target.key)]

        def write(self, target: Target, floors: object) -> bool:
            raise AssertionError

        def fill(self, target: Target, share: float | None) -> bool:
            raise AssertionError

        def restore(self, target: Target) -> None:
            raise AssertionError

    ports = ports_of(FakeKube(), {"api": flat(2)}, {"fleet": Spread()})
    found = candidates({"hpa": Made()}, ports, Settings(history_seconds=DAY), NOW)
    assert [each.target.name for each in found.judged] == ["api"]
    assert found.left_out == {"hpa/shop/keda-hpa-api": "hpa/shop/api made it and speaks for it: look there"}


@pytest.mark.parametrize(("status", "told"), [(403, True), (404, False)])
def test_a_kind_that_is_not_installed_is_no_news(status: int, told: bool) -> None:
    """One that cannot be listed is."""
    kube = annotated(FakeKube())
    kube.fail = lambda method, where: ClusterError(status, "no") if HPAS[:20] in where else None
    assert ("hpa" in looked_at(kube).left_out) is told
