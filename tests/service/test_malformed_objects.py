"""A wrong type anywhere inside one object (J 6): only that object is left out, with a reason, never the round.

The forms are made, not chosen: at every place of every object that a round reads, everything that could stand there.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ahpa.adapters.kubernetes.api import Object
from ahpa.core.decision import Reason
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.service.stage import HPAS, NOW, ROOT, Stage, add_knative, morning, staged
from tests.site.stage import Shop

GONE = object()
VALUES: dict[str, Any] = {
    "gone": GONE, "null": None, "text": "x", "empty text": "", "minus one": -1, "a half": 0.5, "infinity": math.inf,
    "NaN": math.nan, "huge": 10**30, "true": True, "false": False, "list": [], "object": {}, "list of null": [None],
    "list of lists": [[]], "object of objects": {"a": {"b": []}}, "long text": "9" * 5000, "half a pair": "\ud800",
    "a path": "../../secrets",
}  # fmt: skip
APPS = "/apis/apps/v1/namespaces"
OBJECTS = {
    "Service": f"{ROOT}/services/bad",
    "Revision": f"{ROOT}/revisions/bad-00001",
    "HPA": f"{HPAS}/worse",
    "Deployment": f"{APPS}/shop/deployments/worse",
    "Pod": "/api/v1/namespaces/shop/pods/bad-1",
    "Knative's controller": f"{APPS}/knative-serving/deployments/controller",
}
STAMP = "2023-11-14T08:00:00Z"


def cluster() -> FakeKube:
    """`bad` and its Revision with a floor of ours, `worse` with all that an HPA can say, and `good` beside them."""
    kube = FakeKube()
    for name in ("good", "bad"):
        add_knative(kube, name, mode="apply")
    kube.put(f"{HPAS}/good", {
        "metadata": {"namespace": "shop", "name": "good", "annotations": {"ahpa.dev/mode": "apply",
                     "ahpa.dev/demand": "mine", "ahpa.dev/target-per-replica": "10"}},
        "spec": {"minReplicas": 1, "maxReplicas": 20, "scaleTargetRef": {"kind": "Deployment", "name": "good"}},
        "status": {"currentReplicas": 1},
    })  # fmt: skip
    metric = {"type": "External", "external": {"metric": {"name": "q"}, "target": {"averageValue": "10"}}}
    kube.put(OBJECTS["HPA"], {
        "metadata": {"namespace": "shop", "name": "worse", "labels": {"app": "worse"},
                     "annotations": {"ahpa.dev/mode": "apply", "ahpa.dev/demand": "mine", "note": "é"}},
        "spec": {"minReplicas": 1, "maxReplicas": 20, "metrics": [metric],
                 "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "worse"}},
        "status": {"currentReplicas": 1, "desiredReplicas": 1},
    })  # fmt: skip
    kube.put(OBJECTS["Deployment"], {
        "metadata": {"namespace": "shop", "name": "worse"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "worse"}}},
        "status": {"readyReplicas": 1},
    })  # fmt: skip
    conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": STAMP}]
    running = [{"name": "user-container", "restartCount": 0, "state": {"running": {"startedAt": STAMP}}}]
    kube.put(OBJECTS["Pod"], {
        "metadata": {"namespace": "shop", "name": "bad-1", "creationTimestamp": STAMP},
        "spec": {"nodeName": "gpu-1"},
        "status": {"conditions": conditions, "containerStatuses": running},
    })  # fmt: skip
    owners = [{"apiVersion": "v1", "kind": "Application", "name": "shop", "controller": False}]
    for where in (OBJECTS["Service"], OBJECTS["HPA"]):
        kube.objects[where]["metadata"]["ownerReferences"] = owners
    kube.edit(OBJECTS["Service"], {"metadata": {"annotations": {"ahpa.dev/baseline": '{"bad-00001":null}'}}}, "ahpa")
    floor = {"metadata": {"annotations": {"autoscaling.knative.dev/min-scale": "2"}}}
    kube.edit(OBJECTS["Revision"], floor, "ahpa")
    more = {"autoscaling.knative.dev/max-scale": "50", "autoscaling.knative.dev/target": "10"}
    kube.edit(OBJECTS["Revision"], {"metadata": {"annotations": more}})
    kube.objects[OBJECTS["Revision"]]["status"]["desiredReplicas"] = 2
    return kube


def places(value: object, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in an object, the deepest too."""
    rows: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in rows:
        yield (*at, key)
        yield from places(inner, (*at, key))


def spoil(item: Object, place: tuple[str | int, ...], value: object) -> None:
    inner: Any = item
    for key in place[:-1]:
        inner = inner[key]
    if value is GONE:
        del inner[place[-1]]
    else:
        inner[place[-1]] = copy.deepcopy(value)


def round_with(kube: FakeKube, folder: Path) -> Stage:
    """A new service's first two rounds, and all that is shown of them."""
    prometheus = FakePrometheus({'"good"': morning, '"bad"': morning, '"worse"': morning})
    at = staged(kube, prometheus, journal=folder / "journal")
    at.service.refit(NOW)
    at.tick(NOW)
    at.tick(NOW + 60)
    at.telemetry.text()
    seen = Shop(at)
    seen.chronicle.note(NOW, at.service.shown.rounds)
    seen.page("/")
    seen.page("/decisions")
    return at


def test_all_is_well_before_anything_is_spoiled(tmp_path: Path) -> None:
    kube = cluster()
    decisions = {each.decision.key: each.decision for each in round_with(kube, tmp_path).service.shown.rounds}
    assert {key.rpartition("/")[2] for key in decisions} == {"good", "bad", "worse"}
    assert all(decision.plan is not None for decision in decisions.values())


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize("kind", OBJECTS)
def test_a_wrong_type_in_one_object_leaves_only_that_object_out(
    kind: str, step: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of the nineteen values every fifth, so that each place has four of them and neighbours have others; or all."""
    where, whole = OBJECTS[kind], cluster()
    forms = [(place, name) for place in places(whole.objects[where]) for name in VALUES]
    assert len(forms) > 100
    for place, name in forms[::step]:
        kube, form = cluster(), f"{place} is {name}"
        spoil(kube.objects[where], place, VALUES[name])
        at = round_with(kube, tmp_path)
        (tmp_path / "journal").unlink()
        rounds = {each.decision.key: each for each in at.service.shown.rounds}
        if kind != "Knative's controller":
            assert int(at.min_scale("good") or 0) >= 4, form
        assert kube.objects[f"{HPAS}/good"]["spec"]["minReplicas"] >= 4, form
        for key, each in rounds.items():
            assert 0 <= each.decision.floor <= 100, form
            if each.decision.reason is Reason.REFUSED:
                assert each.decision.message, form
                assert key != "hpa/shop/good", form
        for _, body in kube.writes:
            assert isinstance(body["metadata"]["resourceVersion"], str), form
            assert isinstance(body["metadata"]["uid"], str), form
        assert not [r for r in caplog.records if r.exc_info and "write" not in r.getMessage()], form
