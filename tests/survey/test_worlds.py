"""Each is played under its own scaler, in its own unit, with its own starts."""

from __future__ import annotations

from dataclasses import replace
from types import NoneType

import pytest

from ahpa.adapters.kubernetes.kinds import KINDS
from ahpa.backtest.scaling import ByHpa, ByKpa
from ahpa.core.served import HPA
from ahpa.reactive.hpa.config import HpaConfig
from ahpa.reactive.kpa.config import KpaConfig
from ahpa.survey.candidates import Candidate
from ahpa.survey.worlds import World, world_of
from tests.commands.bazaar import HPAS, hpa, knative
from tests.contracts.fakes import fake_hpa, fake_keda, fake_knative, fake_kserve, fake_kserve_serverless
from tests.contracts.stage import Stage
from tests.fakes.kube import FakeKube
from tests.survey.test_candidates import annotated, one


def world(kube: FakeKube) -> World:
    found = one(kube)
    return world_of(found, KINDS[found.target.kind].scaler(found.target), 1.0)


def chat(least: int = 0, metric: str = "concurrency", **annotations: str) -> FakeKube:
    """A Revision of ten slots with these of Knative's own annotations."""
    kube = FakeKube()
    knative(kube, "shop", "chat", least, metric)
    where = "/apis/serving.knative.dev/v1/namespaces/shop/revisions/chat-00001"
    noted = {f"autoscaling.knative.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
    kube.edit(where, {"metadata": {"annotations": noted}})
    return kube


def test_a_knative_service_is_played_by_its_own_windows_and_bounds() -> None:
    scaling = world(chat(window="120s", max_scale="9", target_utilization_percentage="50")).now.scaling
    assert isinstance(scaling, ByKpa)
    assert (scaling.config.stable_window_seconds, scaling.bounds) == (120, (0, 9))
    assert (scaling.per_replica(2.0), scaling.utilization) == (5, 0.5)


def test_a_rate_of_requests_is_in_flight_for_as_long_as_each_takes() -> None:
    """Ten requests a second, of which 70 % is the target, each of two seconds: 14 in flight on 20 slots."""
    found = world(chat(metric="rps"))
    assert (found.in_flight, found.counted) == (2.0, True)
    assert found.now.scaling.per_replica(2.0) == pytest.approx(14)
    assert found.now.service.concurrency == 20


def test_an_hpa_on_cpu_is_played_by_its_behavior_as_if_a_full_replica_held_ten() -> None:
    """70 % of half a core are 7 of 10 requests, so that a core is 20 of them; how many are late is not told."""
    kube = FakeKube()
    hpa(kube, "shop", "api")
    slow = {"scaleDown": {"stabilizationWindowSeconds": 60}}
    kube.edit(f"{HPAS.format('shop')}/api", {"spec": {"behavior": slow, "maxReplicas": 30}})
    found = world(kube)
    assert isinstance(found.now.scaling, ByHpa)
    config = found.now.scaling.config
    assert config.down is not None
    assert (config.down.stabilization_seconds, found.now.scaling.bounds) == (60, (1, 30))
    assert found.in_flight == pytest.approx(20)
    assert (found.counted, found.now.service.concurrency) == (False, 10)


@pytest.mark.parametrize(("least", "lowered", "ours"), [(0, False, 0), (1, False, 1), (8, True, 1)])
def test_a_minimum_held_for_peaks_is_lowered_where_ahpa_raises_it_for_them(
    least: int, lowered: bool, ours: int
) -> None:
    found = world(chat(least))
    assert (found.lowered, found.now.scaling.bounds[0], found.ours.scaling.bounds[0]) == (lowered, least, ours)


def test_a_minimum_that_is_ours_is_not_its_owners() -> None:
    """A service that ahpa acts on already: the floor in force is seven, its owner asked for none."""
    kube = annotated(FakeKube(), mode="apply")
    actuator = KINDS["knative"].actuator(kube, "shop")
    (target,) = actuator.targets()
    actuator.write(target, (7,))
    assert world(kube).now.scaling.bounds[0] == 0


@pytest.mark.parametrize(
    ("stage", "scaler"),
    [(fake_knative(None), KpaConfig), (fake_hpa(2), HpaConfig), (fake_keda(2), HpaConfig),
     (fake_kserve_serverless(None), KpaConfig), (fake_kserve(2), NoneType)],
    ids=["knative", "hpa", "keda", "kserve, serverless", "kserve, raw"],
)  # fmt: skip
def test_each_kind_says_how_it_is_scaled_as_far_as_it_knows(stage: Stage, scaler: type) -> None:
    """The HPA of a raw InferenceService is KServe's, and is not read for that."""
    target = stage.target()
    assert type(KINDS[target.kind].scaler(target)) is scaler


@pytest.mark.parametrize(("reaction", "scaler"), [(None, ByKpa), (HPA, ByHpa)])
def test_a_kind_whose_scaler_nobody_knows_is_played_as_it_comes(reaction: object, scaler: type) -> None:
    found: Candidate = one(chat())
    if reaction is not None:
        target = replace(found.target, reaction=HPA)
        found = replace(found, asked=replace(found.asked, target=target))
    assert isinstance(world_of(found, None, 1.0).now.scaling, scaler)


def test_what_its_owner_wants_is_what_it_is_judged_by() -> None:
    found = world(annotated(FakeKube(), late_target="2%", late_after="5s"))
    assert (found.question.late_target, found.now.service.late_after_seconds) == (0.02, 5.0)
