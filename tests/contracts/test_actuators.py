"""The contract that every kind of target passes, on a fake API server and on the real one with real controllers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from ahpa.adapters.kubernetes.api import Kube, KubeError
from ahpa.adapters.kubernetes.hpa import HorizontalPodAutoscalers
from ahpa.adapters.kubernetes.knative import KnativeServices
from ahpa.adapters.kubernetes.target import Actuator, Target
from tests.fakes.kube import FakeKube

ASKED = {"ahpa.dev/mode": "apply"}
MIN_SCALE = "autoscaling.knative.dev/min-scale"


@dataclass
class Stage:
    """One target on some API server, and how a user looks at and edits its minimum."""

    actuator: Actuator
    minimum: Callable[[], int]
    edit: Callable[[int], None]
    picture: Callable[[], str]
    """Annotations, labels and spec of everything that could be written, as text."""
    baseline: int
    extra: dict[str, Any] = field(default_factory=dict)

    def target(self) -> Target:
        (found,) = self.actuator.targets()
        return found

    def write(self, floor: int) -> None:
        self._until_it_fits(lambda: self.actuator.write(self.target(), floor))

    def restore(self) -> None:
        self._until_it_fits(lambda: self.actuator.restore(self.target()))

    def _until_it_fits(self, act: Callable[[], None]) -> None:
        """A controller may write the status between our reading and our writing; the next round tries again."""
        for _ in range(20):
            try:
                return act()
            except KubeError as error:
                if error.status != 409:
                    raise
                time.sleep(0.2)
        raise AssertionError("twenty conflicts in a row")


def _face(item: dict[str, Any]) -> dict[str, Any]:
    meta = item["metadata"]
    return {"annotations": meta.get("annotations") or {}, "labels": meta.get("labels") or {}, "spec": item.get("spec")}


def fake_knative(own: str | None) -> Stage:
    kube = FakeKube()
    root = "/apis/serving.knative.dev/v1/namespaces/shop"
    revision = {MIN_SCALE: own} if own is not None else {}
    kube.put(f"{root}/services/chat", {
        "metadata": {"namespace": "shop", "name": "chat", "annotations": dict(ASKED)},
        "spec": {"template": {}},
        "status": {"traffic": [{"revisionName": "chat-00001", "percent": 100}]},
    })  # fmt: skip
    where = f"{root}/revisions/chat-00001"
    kube.put(where, {
        "metadata": {"namespace": "shop", "name": "chat-00001", "annotations": revision},
        "spec": {"containerConcurrency": 10},
        "status": {"actualReplicas": 1, "desiredReplicas": 1},
    })  # fmt: skip
    return Stage(
        KnativeServices(kube, "shop"),  # type: ignore[arg-type]
        lambda: int(kube.get(where)["metadata"]["annotations"].get(MIN_SCALE, 0)),
        lambda n: kube.edit(where, {"metadata": {"annotations": {MIN_SCALE: str(n)}}}),
        lambda: json.dumps({k: _face(v) for k, v in kube.objects.items()}, sort_keys=True),
        int(own or 0),
        {"kube": kube},
    )


def fake_hpa(own: int) -> Stage:
    kube = FakeKube()
    where = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/api"
    kube.put(where, {
        "metadata": {"namespace": "shop", "name": "api", "annotations": dict(ASKED)},
        "spec": {"minReplicas": own, "maxReplicas": 20, "scaleTargetRef": {"kind": "Deployment", "name": "api"}},
        "status": {"currentReplicas": 1},
    })  # fmt: skip
    return Stage(
        HorizontalPodAutoscalers(kube, "shop"),  # type: ignore[arg-type]
        lambda: int(kube.get(where)["spec"]["minReplicas"]),
        lambda n: kube.edit(where, {"spec": {"minReplicas": n}}),
        lambda: json.dumps({k: _face(v) for k, v in kube.objects.items()}, sort_keys=True),
        own,
        {"kube": kube},
    )


def real_knative(bed: Any, namespace: str) -> Stage:
    template = {MIN_SCALE: "1"}
    bed.knative_service("chat", namespace, annotations=ASKED, template_annotations=template, concurrency=10)
    find = lambda kind: bed.find(kind, namespace)  # noqa: E731
    patch = lambda n: bed.patch(  # noqa: E731
        "revisions", "chat-00001", {"metadata": {"annotations": {MIN_SCALE: str(n)}}}, namespace
    )
    return Stage(
        KnativeServices(Kube.connect(str(bed.kubeconfig)), namespace),
        lambda: int(bed.get("revisions", "chat-00001", namespace)["metadata"]["annotations"].get(MIN_SCALE, 0)),
        patch,
        lambda: json.dumps([_face(item) for kind in ("ksvc", "revisions") for item in find(kind)], sort_keys=True),
        1,
    )


def real_hpa(bed: Any, namespace: str) -> Stage:
    bed.hpa_with_deployment("api", namespace, annotations=ASKED, min_replicas=2, max_replicas=20)
    return Stage(
        HorizontalPodAutoscalers(Kube.connect(str(bed.kubeconfig)), namespace),
        lambda: int(bed.get("hpa", "api", namespace)["spec"]["minReplicas"]),
        lambda n: bed.patch("hpa", "api", {"spec": {"minReplicas": n}}, namespace),
        lambda: json.dumps([_face(item) for item in bed.find("hpa", namespace)], sort_keys=True),
        2,
    )


@pytest.fixture(
    params=[
        "fake-knative-none",
        "fake-knative-3",
        "fake-hpa",
        pytest.param("real-knative", marks=pytest.mark.testbed),
        pytest.param("real-hpa", marks=pytest.mark.testbed),
    ]
)
def stage(request: pytest.FixtureRequest) -> Stage:
    if request.param.startswith("real"):
        bed, namespace = request.getfixturevalue("bed"), request.getfixturevalue("bed_namespace")
        return {"real-knative": real_knative, "real-hpa": real_hpa}[request.param](bed, namespace)
    return {"fake-knative-none": lambda: fake_knative(None), "fake-knative-3": lambda: fake_knative("3"),
            "fake-hpa": lambda: fake_hpa(2)}[request.param]()  # fmt: skip


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
    stage.write(7)
    assert stage.picture() == before
    if "kube" in stage.extra:
        writes = [body for _, body in stage.extra["kube"].writes]
        assert len(writes) == (1 if "spec" in writes[-1] else 2)


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
    with pytest.raises(KubeError) as caught:
        stage.actuator.write(target, 9)
    assert caught.value.status == 409
    assert stage.minimum() == 5


def test_a_restore_can_be_repeated(stage: Stage) -> None:
    stage.write(7)
    stage.restore()
    after = stage.picture()
    stage.restore()
    assert stage.picture() == after
