"""The contract of the second lever: the target of the scaler above the floor, raised for a while and put back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ahpa.adapters.kubernetes.kept import TARGET_PERCENTAGE
from ahpa.core.policy.values import TARGET_STATE
from ahpa.ports import ClusterError
from testbed import Testbed
from tests.contracts.fakes import (
    fake_hpa,
    fake_keda,
    fake_knative,
    fake_kserve,
    fake_kserve_serverless,
    fake_old_knative,
)
from tests.contracts.real import real_hpa, real_knative
from tests.contracts.stage import Stage

FAKES: dict[str, Callable[[], Stage]] = {
    "knative": lambda: fake_knative("3"),
    "knative-1.20": fake_old_knative,
    "hpa-share": lambda: fake_hpa(2),
    "hpa-value": lambda: fake_hpa(2, "3"),
}
REAL = {"knative": real_knative, "hpa": real_hpa}
FIXED: dict[str, Callable[[], Stage]] = {
    "keda": lambda: fake_keda(2),
    "kserve-raw": lambda: fake_kserve(2),
    "kserve-serverless": lambda: fake_kserve_serverless("3"),
}


RECORDS = ["", "{", "[]", "null", "[95]", '["70"]', '["9"]', '{"chat-00001":"95"}', '{"chat-00001":"x"}', "7" * 5000]
"""That nobody of us can have written."""


@pytest.fixture(
    params=[
        *(pytest.param((name, False), id=f"fake-{name}") for name in FAKES),
        *(pytest.param((name, True), id=f"real-{name}", marks=pytest.mark.testbed) for name in REAL),
    ]
)
def stage(request: pytest.FixtureRequest) -> Stage:
    name, real = request.param
    if not real:
        return FAKES[name]()
    return REAL[name](request.getfixturevalue("bed"), request.getfixturevalue("bed_namespace"))


def near(share: float) -> object:
    return pytest.approx(share, abs=0.002)


def test_a_target_is_raised_and_put_back_byte_for_byte_and_nothing_is_planned_otherwise(stage: Stage) -> None:
    """The floor stands all the while, and what a replica is said to serve is by its owner's own target."""
    stage.write(7)
    before, found = stage.picture(), stage.target()
    assert (found.lever.own, found.lever.raised, found.lever.fills) == (near(0.7), None, (0.8, 0.9, 1.0))
    for share in (0.8, 1.0, 0.9):
        stage.fill(share)
        target = stage.filled(share)
        assert (stage.aim(), target.lever.raised, target.lever.own) == (near(share), near(share), near(0.7))
        assert (target.measures, target.floor, target.baseline) == (found.measures, 7, found.baseline)
    stage.fill(None)
    assert stage.picture() == before
    assert not stage.actuator.fill(stage.filled(None), None), "there is nothing left to put back"


def test_what_the_owner_had_is_restored_byte_for_byte_floor_and_target(stage: Stage) -> None:
    before = stage.picture()
    stage.write(7)
    stage.fill(0.9)
    assert stage.filled(0.9).managed
    stage.restore()
    assert stage.picture() == before
    assert not stage.filled(None).managed


def test_a_target_alone_is_restored_too(stage: Stage) -> None:
    """Where no floor does best there is none to remember."""
    before = stage.picture()
    stage.fill(0.8)
    target = stage.filled(0.8)
    assert (target.managed, target.baseline) == (True, stage.baseline)
    stage.restore()
    assert stage.picture() == before


def test_the_same_target_twice_is_written_once(stage: Stage) -> None:
    stage.fill(0.9)
    before = stage.picture()
    assert not stage.actuator.fill(stage.filled(0.9), 0.9)
    assert stage.picture() == before


def test_a_users_edit_of_the_target_makes_it_theirs(stage: Stage) -> None:
    stage.fill(0.9)
    stage.edit_aim(85)
    assert stage.filled(None).lever.raised is None
    stage.fill(None)
    assert stage.aim() == near(0.85)
    stage.fill(1.0)
    stage.restore()
    assert stage.aim() == near(0.85)


@pytest.mark.parametrize("name", ["knative", "knative-1.20", "hpa-share"])
def test_a_target_is_never_lowered(name: str) -> None:
    """A share of something known, that is; an averageValue is what it is."""
    stage = FAKES[name]()
    stage.edit_aim(95)
    before = stage.picture()
    stage.fill(0.9)
    assert stage.picture() == before


def test_an_edit_between_listing_and_raising_is_never_overwritten(stage: Stage) -> None:
    target = stage.target()
    stage.edit_aim(75)
    with pytest.raises(ClusterError) as caught:
        stage.actuator.fill(target, 0.9)
    assert caught.value.status == 409
    assert stage.aim() == near(0.75)


@pytest.mark.parametrize("name", FAKES)
def test_floor_and_target_go_up_and_back_in_one_round(name: str) -> None:
    """Our own first write makes no conflict for the second."""
    stage = FAKES[name]()
    target = stage.target()
    assert stage.actuator.write(target, (7,))
    assert stage.actuator.fill(target, 0.9)
    assert (stage.minimum(), stage.aim()) == (7, near(0.9))
    target = stage.target()
    assert stage.actuator.fill(target, None)
    assert stage.actuator.write(target, (5,))
    assert (stage.minimum(), stage.aim()) == (5, near(0.7))


@pytest.mark.parametrize("name", FAKES)
@pytest.mark.parametrize("record", RECORDS, ids=[record[:20] for record in RECORDS])
def test_a_record_that_is_not_ours_is_not_believed(name: str, record: str) -> None:
    """Whoever wrote it: what is in force is the owner's."""
    stage = FAKES[name]()
    stage.fill(0.9)
    kube = stage.kube
    assert kube is not None
    (noted,) = [
        where for where, item in kube.objects.items() if TARGET_STATE in item["metadata"].get("annotations", {})
    ]
    kube.edit(noted, {"metadata": {"annotations": {TARGET_STATE: record}}})
    assert stage.target().lever.raised is None
    stage.restore()
    assert stage.aim() == near(0.9)


@pytest.mark.parametrize("name", FIXED)
def test_of_other_kinds_no_target_is_raised_and_it_is_said(name: str) -> None:
    stage = FIXED[name]()
    before, target = stage.picture(), stage.target()
    assert not target.lever.free
    assert "cannot be raised" in target.lever.fixed
    if name != "kserve-serverless":
        assert not stage.actuator.fill(target, 0.9)
        assert stage.picture() == before


@pytest.mark.testbed
def test_no_pod_is_replaced_and_no_revision_made(bed: Testbed, bed_namespace: str) -> None:
    """Knative copies the annotation to the PodAutoscaler and nowhere else, and follows it."""
    stage = real_knative(bed, bed_namespace)
    stage.write(2)

    def pods() -> set[str]:
        return {pod["metadata"]["uid"] for pod in bed.find("pods", bed_namespace)}

    bed.wait_for(lambda: len(pods()) == 2, what="two pods")
    before = pods()
    stage.fill(0.9)

    def followed(percent: str | None) -> bool:
        annotations = bed.get("podautoscalers", "chat-00001", bed_namespace)["metadata"]["annotations"]
        return bool(annotations.get(TARGET_PERCENTAGE) == percent)

    bed.wait_for(lambda: followed("90"), what="the raised target on the PodAutoscaler")
    stage.fill(None)
    bed.wait_for(lambda: followed(None), what="its own target on the PodAutoscaler")
    assert pods() == before
    assert len(bed.find("revisions", bed_namespace)) == 1
