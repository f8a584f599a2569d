"""What is special about Knative: Revisions, rollouts, splits, crashes in between, old versions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ahpa.adapters.kubernetes.kept import MIN_SCALE
from ahpa.adapters.kubernetes.knative import KnativeServices, _Listed
from ahpa.core.capacity import apportion
from ahpa.core.policy.values import AHPA_CLASS
from ahpa.ports import ClusterError
from ahpa.targets import Target
from tests.contracts.stage import ASKED
from tests.fakes.kube import FakeKube

ROOT = "/apis/serving.knative.dev/v1/namespaces/shop"
SERVICE = f"{ROOT}/services/chat"


def cluster(**shares: int) -> tuple[FakeKube, KnativeServices]:
    """A Service whose Revisions r1, r2, ... receive these percents."""
    kube = FakeKube()
    traffic = [{"revisionName": name, "percent": percent} for name, percent in shares.items()]
    meta = {"namespace": "shop", "name": "chat", "annotations": dict(ASKED)}
    kube.put(SERVICE, {"metadata": meta, "spec": {}, "status": {"traffic": traffic}})
    for name in shares:
        revision(kube, name)
    return kube, KnativeServices(kube)


def revision(kube: FakeKube, name: str, **annotations: str) -> None:
    noted = {f"autoscaling.knative.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
    meta = {"namespace": "shop", "name": name, "annotations": noted}
    kube.put(f"{ROOT}/revisions/{name}", {"metadata": meta, "spec": {}, "status": {"actualReplicas": 1}})


def min_scale(kube: FakeKube, name: str) -> str | None:
    value = kube.get(f"{ROOT}/revisions/{name}")["metadata"]["annotations"].get(MIN_SCALE)
    return None if value is None else str(value)


def only(actuator: KnativeServices) -> Target:
    (target,) = actuator.targets()
    return target


def write(actuator: KnativeServices, target: Target, floor: int) -> None:
    """A floor, split as the demand for it would be."""
    actuator.write(target, apportion(floor, target.parts))


def test_what_alibabas_ahpa_scales_is_refused_and_told_how_to_move_over() -> None:
    """Its class has no autoscaler but AHPA itself: a floor there is nobody's, or a second predictor's."""
    kube, actuator = cluster(r1=100)
    revision(kube, "r1", **{"class": AHPA_CLASS, "metric": "rt", "target": "500"})
    refusal = str(only(actuator).refusal)
    assert refusal.startswith("r1 is of class ahpa.autoscaling.knative.dev: Alibaba's AHPA scales it")
    assert "Remove autoscaling.knative.dev/class from the Service's template" in refusal
    assert "ahpa migrate" in refusal
    revision(kube, "r1", **{"class": "hpa.autoscaling.knative.dev"})
    assert only(actuator).refusal is None


def test_the_service_template_is_never_written() -> None:
    kube, actuator = cluster(r1=100)
    write(actuator, only(actuator), 5)
    assert all("spec" not in body for _, body in kube.writes)
    assert {where for where, _ in kube.writes} == {SERVICE, f"{ROOT}/revisions/r1"}


def test_nothing_but_min_scale_is_written_to_a_revision() -> None:
    kube, actuator = cluster(r1=100)
    write(actuator, only(actuator), 5)
    bodies = [body for where, body in kube.writes if "/revisions/" in where]
    assert [set(body["metadata"]["annotations"]) for body in bodies] == [{MIN_SCALE}]


def test_the_record_is_written_before_the_floor_and_a_crash_in_between_is_harmless() -> None:
    kube, actuator = cluster(r1=100)
    kube.fail = lambda method, where: ClusterError(0, "crash") if method == "PATCH" and "/revisions/" in where else None
    with pytest.raises(ClusterError):
        write(actuator, only(actuator), 5)
    assert min_scale(kube, "r1") is None
    kube.fail = lambda method, where: None
    target = only(actuator)
    assert (target.baseline, target.floor, target.managed) == (0, 0, True)
    write(actuator, target, 5)
    actuator.restore(only(actuator))
    assert min_scale(kube, "r1") is None


def test_after_a_rollout_the_floor_moves_to_the_new_revision_and_the_old_one_gets_its_own_back() -> None:
    kube, actuator = cluster(r1=100)
    write(actuator, only(actuator), 5)
    revision(kube, "r2", min_scale="2")
    kube.objects[SERVICE]["status"]["traffic"] = [{"revisionName": "r2", "percent": 100}]
    target = only(actuator)
    assert (target.baseline, target.floor) == (2, 2)
    write(actuator, target, 6)
    assert (min_scale(kube, "r1"), min_scale(kube, "r2")) == (None, "6")
    actuator.restore(only(actuator))
    assert min_scale(kube, "r2") == "2"


def test_a_split_of_traffic_splits_the_floor() -> None:
    kube, actuator = cluster(r1=90, r2=10)
    write(actuator, only(actuator), 10)
    assert (min_scale(kube, "r1"), min_scale(kube, "r2")) == ("9", "1")
    assert only(actuator).floor == 10


def test_no_revision_gets_more_than_its_own_maximum() -> None:
    """Knative would refuse the whole patch, and the service would wait out a back-off for nothing. Where more is wanted
    than the plan asks for (6: the traffic of r2 needs one), the others take it, so that the floor is what was said."""
    kube, actuator = cluster(r1=90, r2=10)
    for name in ("r1", "r2"):
        revision(kube, name, max_scale="5")
    target = only(actuator)
    assert target.maximum == 10
    write(actuator, target, 6)
    assert (min_scale(kube, "r1"), min_scale(kube, "r2")) == ("5", "1")
    write(actuator, only(actuator), 10)
    assert (min_scale(kube, "r1"), min_scale(kube, "r2")) == ("5", "5")


def test_without_traffic_the_service_is_left_alone() -> None:
    _, actuator = cluster()
    assert "no Revision receives traffic" in str(only(actuator).refusal)


@pytest.mark.parametrize(
    ("version", "refused"), [("1.20.3", True), ("1.21.0", False), ("v1.23", False), ("devel", False)]
)
def test_a_knative_that_would_restart_the_pods_is_refused(version: str, refused: bool) -> None:
    kube, actuator = cluster(r1=100)
    kube.install_knative(version)
    assert (only(actuator).refusal is not None) is refused


def test_a_knative_of_unknown_version_is_refused() -> None:
    kube, actuator = cluster(r1=100)
    kube.fail = lambda method, where: ClusterError(403, "forbidden") if "knative-serving" in where else None
    assert "version is unknown" in str(only(actuator).refusal)


@pytest.mark.parametrize("record", ["not json", "[1]", '{"r1": "many"}', "x" * 5000, '{"r1": ' + "[" * 3000])
def test_a_damaged_record_is_no_record(record: str) -> None:
    kube, actuator = cluster(r1=100)
    kube.edit(SERVICE, {"metadata": {"annotations": {"ahpa.dev/baseline": record}}})
    assert only(actuator).baseline == 0


def test_a_service_that_kserve_made_may_be_annotated_itself() -> None:
    """KServe copies annotations of an InferenceService to its template, so each one there is a new Revision; those of
    the Service it leaves alone."""
    kube, actuator = cluster(r1=100)
    owner = {"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "name": "llm", "controller": True}
    kube.objects[SERVICE]["metadata"]["ownerReferences"] = [owner]
    assert (only(actuator).refusal, only(actuator).maker) == (None, "kserve/shop/llm")


def test_an_owner_that_does_not_control_the_service_is_no_reason_to_refuse() -> None:
    kube, actuator = cluster(r1=100)
    kube.edit(SERVICE, {"metadata": {"ownerReferences": [{"kind": "Application", "name": "shop"}]}})
    assert only(actuator).refusal is None


def test_a_number_in_the_record_is_given_back_as_the_text_that_an_annotation_is() -> None:
    kube, actuator = cluster(r1=100)
    write(actuator, only(actuator), 5)
    kube.edit(SERVICE, {"metadata": {"annotations": {"ahpa.dev/baseline": '{"r1": 3}'}}})
    assert only(actuator).baseline == 3
    actuator.restore(only(actuator))
    assert kube.get(f"{ROOT}/revisions/r1")["metadata"]["annotations"][MIN_SCALE] == "3"


def unlisted(kube: FakeKube, actuator: KnativeServices, *names: str) -> Target:
    """As listed by a cache of the API server that does not know these Revisions, which have traffic."""
    gone = {f"{ROOT}/revisions/{name}": kube.objects.pop(f"{ROOT}/revisions/{name}") for name in names}
    target = only(actuator)
    kube.objects |= gone
    return target


@pytest.mark.parametrize("names", [("r2",), ("r1", "r2")])
def test_a_revision_that_has_traffic_and_is_not_listed_refuses_the_service_for_the_round(
    names: tuple[str, ...],
) -> None:
    """One stale list: what the missing Revision has and needs is not known, and nothing is planned without it."""
    kube, actuator = cluster(r1=50, r2=50)
    target = unlisted(kube, actuator, *names)
    assert target.refusal == f"its Revision {', '.join(names)} receives traffic and was not among those listed"
    assert only(actuator).refusal is None


def test_what_the_owner_had_is_remembered_of_a_revision_that_one_list_lacks() -> None:
    """Its record was dropped, and in the next round our 6 of it became its owner's minimum for ever."""
    kube, actuator = cluster(r1=50, r2=50)
    write(actuator, only(actuator), 12)
    write(actuator, unlisted(kube, actuator, "r2"), 8)
    assert (only(actuator).baseline, min_scale(kube, "r2")) == (0, "6")
    actuator.restore(only(actuator))
    assert (min_scale(kube, "r1"), min_scale(kube, "r2")) == (None, None)


def test_a_restore_by_a_list_that_lacks_a_revision_keeps_the_record_of_that_one() -> None:
    kube, actuator = cluster(r1=50, r2=50)
    write(actuator, only(actuator), 12)
    actuator.restore(unlisted(kube, actuator, "r2"))
    assert (min_scale(kube, "r1"), min_scale(kube, "r2")) == (None, "6")
    assert only(actuator).managed
    actuator.restore(only(actuator))
    assert min_scale(kube, "r2") is None
    assert not only(actuator).managed


def test_a_restore_by_a_revision_that_was_seen_before_we_raised_it_leaves_none_raised() -> None:
    """The answer to that write was lost, and the watch is behind: the record goes with this, so it must be known."""
    kube, actuator = cluster(r1=100)
    before = only(actuator)
    write(actuator, before, 5)
    now = only(actuator)
    assert isinstance(before.handle, _Listed)
    assert isinstance(now.handle, _Listed)
    actuator.restore(replace(now, handle=replace(now.handle, active=before.handle.active)))
    assert min_scale(kube, "r1") is None
    assert not only(actuator).managed


def test_the_record_of_a_revision_that_was_deleted_goes_though_we_may_get_none() -> None:
    """Our rights are to list, watch and patch them: who gets one is refused, and a record that stays is no restore."""
    kube, actuator = cluster(r1=50, r2=50)
    write(actuator, only(actuator), 4)
    where = next(where for where in kube.objects if where.endswith("/revisions/r2"))
    del kube.objects[where]
    kube.fail = lambda method, path: ClusterError(403, "no") if method == "GET" and "/revisions/" in path else None
    actuator.restore(only(actuator))
    kube.fail = lambda method, path: None
    assert min_scale(kube, "r1") is None
    assert not only(actuator).managed
