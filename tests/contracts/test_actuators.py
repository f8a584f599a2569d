"""The contract that every kind of target passes, on a fake API server and on the real one with real controllers.

A kind that is new in `KINDS` needs its `Stages` here, and nothing else.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from ahpa.adapters.kubernetes.api import Kube, Object
from ahpa.adapters.kubernetes.kinds import KINDS
from ahpa.adapters.kubernetes.revisions import MIN_SCALE
from ahpa.adapters.prometheus.queries import QueryList, load_queries
from ahpa.core.controller import step
from ahpa.core.decision import Reason
from ahpa.core.observation import Observation
from ahpa.core.units import CORES, IN_FLIGHT, Unit
from ahpa.ports import Actuator, ClusterError, Target
from testbed import Testbed
from tests.core.conftest import NOW, workload_of
from tests.fakes.kube import FakeKube

ASKED = {"ahpa.dev/mode": "apply"}


@dataclass
class Stage:
    """One target on some API server, and how a user looks at it and edits it."""

    actuator: Actuator
    minimum: Callable[[], int]
    edit: Callable[[int], object]
    """Set the minimum, as its owner would."""
    adopt: Callable[[], object]
    """Make it an object that another controller made."""
    picture: Callable[[], str]
    """Annotations, labels and spec of everything that could be written, as text."""
    baseline: int
    writes: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Our writes, on a fake API server."""

    def target(self) -> Target:
        (found,) = self.actuator.targets()
        return found

    def write(self, floor: int) -> None:
        self._until_it_fits(lambda: self.actuator.write(self.target(), (floor,)))

    def restore(self) -> None:
        self._until_it_fits(lambda: self.actuator.restore(self.target()))

    def adopted(self) -> Target:
        """The target of somebody else's object; lists come from a cache that may be a moment behind."""
        self.adopt()
        for _ in range(20):
            if self.target().refusal is not None:
                break
            time.sleep(0.2)
        return self.target()

    def _until_it_fits(self, act: Callable[[], object]) -> object:
        """A controller may write the status between our reading and our writing; the next round tries again."""
        for _ in range(20):
            try:
                return act()
            except ClusterError as error:
                if error.status != 409:
                    raise
                time.sleep(0.2)
        raise AssertionError("twenty conflicts in a row")


@dataclass(frozen=True)
class Stages:
    """Where one kind of target is played."""

    fakes: Mapping[str, Callable[[], Stage]]
    """By what the owner had set."""
    real: Callable[[Testbed, str], Stage]
    units: list[Unit]
    """In which it is measured, where its owner says nothing."""


def _picture(items: Iterable[Object]) -> str:
    faces = []
    for item in items:
        kept = {key: item["metadata"].get(key) or {} for key in ("name", "annotations", "labels")}
        faces.append({**kept, "spec": item.get("spec")})
    return json.dumps(faces, sort_keys=True)


def _owned_by(kind: str, uid: str = "uid-of-the-owner") -> dict[str, Any]:
    """The patch that makes an object somebody else's."""
    owner = {"apiVersion": "v1", "kind": kind, "name": "maker", "uid": uid, "controller": True}
    return {"metadata": {"ownerReferences": [owner]}}


def _adopt(bed: Testbed, resource: str, name: str, namespace: str) -> None:
    """By an owner that exists: else the garbage collector would take the object away."""
    meta = {"name": "maker", "namespace": namespace}
    (maker,) = bed.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})
    bed.patch(resource, name, _owned_by("ConfigMap", maker["metadata"]["uid"]), namespace)


def fake_knative(own: str | None) -> Stage:
    kube = FakeKube()
    root = "/apis/serving.knative.dev/v1/namespaces/shop"
    revision = {MIN_SCALE: own} if own is not None else {}
    service, where = f"{root}/services/chat", f"{root}/revisions/chat-00001"
    kube.put(service, {
        "metadata": {"namespace": "shop", "name": "chat", "annotations": dict(ASKED)},
        "spec": {"template": {}},
        "status": {"traffic": [{"revisionName": "chat-00001", "percent": 100}]},
    })  # fmt: skip
    kube.put(where, {
        "metadata": {"namespace": "shop", "name": "chat-00001", "annotations": revision},
        "spec": {"containerConcurrency": 10},
        "status": {"actualReplicas": 1, "desiredReplicas": 1},
    })  # fmt: skip
    return Stage(
        actuator=KINDS["knative"].actuator(kube, "shop"),
        minimum=lambda: int(kube.get(where)["metadata"]["annotations"].get(MIN_SCALE, 0)),
        edit=lambda n: kube.edit(where, {"metadata": {"annotations": {MIN_SCALE: str(n)}}}),
        adopt=lambda: kube.edit(service, _owned_by("InferenceService")),
        picture=lambda: _picture(kube.objects.values()),
        baseline=int(own or 0),
        writes=kube.writes,
    )


def fake_hpa(own: int) -> Stage:
    kube = FakeKube()
    where = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/api"
    kube.put(where, {
        "metadata": {"namespace": "shop", "name": "api", "annotations": dict(ASKED)},
        "spec": {"minReplicas": own, "maxReplicas": 20, "scaleTargetRef": {"kind": "Deployment", "name": "api"},
                 "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 70}}}]},
        "status": {"currentReplicas": 1},
    })  # fmt: skip
    return Stage(
        actuator=KINDS["hpa"].actuator(kube, "shop"),
        minimum=lambda: int(kube.get(where)["spec"]["minReplicas"]),
        edit=lambda n: kube.edit(where, {"spec": {"minReplicas": n}}),
        adopt=lambda: kube.edit(where, _owned_by("ScaledObject")),
        picture=lambda: _picture(kube.objects.values()),
        baseline=own,
        writes=kube.writes,
    )


def real_knative(bed: Testbed, namespace: str) -> Stage:
    bed.knative_service("chat", namespace, annotations=ASKED, template_annotations={MIN_SCALE: "1"}, concurrency=10)

    def minimum() -> int:
        return int(bed.get("revisions", "chat-00001", namespace)["metadata"]["annotations"].get(MIN_SCALE, 0))

    def edit(number: int) -> None:
        patch = {"metadata": {"annotations": {MIN_SCALE: str(number)}}}
        bed.patch("revisions", "chat-00001", patch, namespace)

    return Stage(
        actuator=KINDS["knative"].actuator(Kube.connect(str(bed.kubeconfig)), namespace),
        minimum=minimum,
        edit=edit,
        adopt=lambda: _adopt(bed, "ksvc", "chat", namespace),
        picture=lambda: _picture([*bed.find("ksvc", namespace), *bed.find("revisions", namespace)]),
        baseline=1,
    )


def real_hpa(bed: Testbed, namespace: str) -> Stage:
    bed.hpa_with_deployment("api", namespace, annotations=ASKED, min_replicas=2, max_replicas=20)
    return Stage(
        actuator=KINDS["hpa"].actuator(Kube.connect(str(bed.kubeconfig)), namespace),
        minimum=lambda: int(bed.get("hpa", "api", namespace)["spec"]["minReplicas"]),
        edit=lambda n: bed.patch("hpa", "api", {"spec": {"minReplicas": n}}, namespace),
        adopt=lambda: _adopt(bed, "hpa", "api", namespace),
        picture=lambda: _picture(bed.find("hpa", namespace)),
        baseline=2,
    )


STAGES = {
    "knative": Stages({"none": lambda: fake_knative(None), "3": lambda: fake_knative("3")}, real_knative, [IN_FLIGHT]),
    "hpa": Stages({"2": lambda: fake_hpa(2)}, real_hpa, [CORES]),
}


def _parameters() -> list[Any]:
    fakes = [pytest.param((kind, own), id=f"fake-{kind}-{own}") for kind in KINDS for own in STAGES[kind].fakes]
    return [*fakes, *(pytest.param((kind, ""), id=f"real-{kind}", marks=pytest.mark.testbed) for kind in KINDS)]


@pytest.fixture(params=_parameters())
def stage(request: pytest.FixtureRequest) -> Stage:
    kind, own = request.param
    if own:
        return STAGES[kind].fakes[own]()
    return STAGES[kind].real(request.getfixturevalue("bed"), request.getfixturevalue("bed_namespace"))


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_is_known_by_its_name_and_its_query_is_one_that_ships(name: str) -> None:
    kind = KINDS[name]
    target = next(iter(STAGES[name].fakes.values()))().target()
    assert (kind.name, target.kind) == (name, name)
    queries = QueryList(load_queries())
    assert [queries.of(measure, "shop").unit for measure in target.measures] == STAGES[name].units


def test_a_target_is_found_with_its_owners_minimum(stage: Stage) -> None:
    target = stage.target()
    assert (target.baseline, target.floor, target.managed, target.refusal) == (
        stage.baseline,
        stage.baseline,
        False,
        None,
    )


def test_a_floor_is_written_the_baseline_remembered_and_restored_byte_for_byte(stage: Stage) -> None:
    before = stage.picture()
    stage.write(7)
    assert stage.minimum() == 7
    target = stage.target()
    assert (target.baseline, target.floor, target.managed) == (stage.baseline, 7, True)
    stage.write(9)
    assert stage.target().baseline == stage.baseline
    stage.restore()
    assert stage.picture() == before
    assert not stage.target().managed


def test_writing_the_same_floor_twice_writes_once(stage: Stage) -> None:
    stage.write(7)
    before = stage.picture()
    assert not stage.actuator.write(stage.target(), (7,)), "and says so"
    assert stage.picture() == before
    assert len({where for where, _ in stage.writes}) == len(stage.writes)  # each object at most once


def test_a_floor_that_is_already_there_leaves_no_mark(stage: Stage) -> None:
    before = stage.picture()
    stage.write(stage.baseline)
    assert stage.picture() == before


def test_a_users_edit_becomes_the_new_baseline(stage: Stage) -> None:
    stage.write(7)
    stage.edit(4)
    target = stage.target()
    assert (target.baseline, target.floor) == (4, 4)
    stage.write(8)
    assert stage.target().baseline == 4
    stage.restore()
    assert stage.minimum() == 4


def test_an_edit_between_listing_and_writing_is_never_overwritten(stage: Stage) -> None:
    target = stage.target()
    stage.edit(5)
    with pytest.raises(ClusterError) as caught:
        stage.actuator.write(target, (9,))
    assert caught.value.status == 409
    assert stage.minimum() == 5


def test_a_restore_can_be_repeated(stage: Stage) -> None:
    stage.write(7)
    stage.restore()
    after = stage.picture()
    stage.restore()
    assert stage.picture() == after


def test_an_object_that_somebody_else_controls_is_refused_and_left_alone(stage: Stage) -> None:
    before = stage.picture()
    target = stage.adopted()
    assert "made this" in str(target.refusal)
    assert "would revert us" in str(target.refusal)
    workload = workload_of(key=target.key, floor=target.floor, baseline=target.baseline, refusal=target.refusal)
    (decision,) = step(Observation(NOW, 60.0, (workload,), {}))
    assert decision.reason == Reason.REFUSED
    assert (decision.change, decision.plan, decision.restore) == (0, None, False)  # so nothing is carried out
    assert stage.picture() == before


def test_what_somebody_else_took_over_while_we_held_it_can_still_be_given_back(stage: Stage) -> None:
    before = stage.picture()
    stage.write(7)
    assert stage.adopted().managed
    stage.restore()
    assert stage.picture() == before
