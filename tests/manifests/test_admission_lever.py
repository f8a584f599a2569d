"""The fence of the second lever on a real API server: targets only where the owner opted in, only up and to 100 %, and
back wherever it was us who raised them.

What is refused or allowed by what stands there is a dry run; what hangs on who wrote it is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from ahpa.adapters.kubernetes.api import Kube
from ahpa.adapters.kubernetes.kept import TARGET_PERCENTAGE
from ahpa.adapters.kubernetes.kinds import KINDS
from ahpa.ports import ClusterError
from testbed import Testbed
from testbed.kube import KubeApi
from testbed.manifests import deployment, horizontal_pod_autoscaler
from tests.manifests.account import FENCE, HOME, HPA, MERGE, REVISION, TEAM, annotation, refusal

pytestmark = pytest.mark.testbed

ASKED = {"ahpa.dev/mode": "apply", "ahpa.dev/manage-target": "true"}
LABEL = "ahpa.dev/manage-target"


@pytest.fixture
def allowed(bed: Testbed, ours: KubeApi) -> Iterator[None]:
    """The namespace's label, which the API server may know a moment later."""
    bed.patch("namespaces", TEAM, {"metadata": {"labels": {LABEL: "allowed"}}})
    yield
    bed.patch("namespaces", TEAM, {"metadata": {"labels": {LABEL: None}}})


@pytest.fixture
def asked(bed: Testbed, ours: KubeApi) -> Iterator[str]:
    """An HPA whose owner opted in, on cpu and on what a pod holds."""
    held = {"metric": {"name": "inflight"}, "target": {"type": "AverageValue", "averageValue": "3"}}
    scaler = horizontal_pod_autoscaler("asked", TEAM, ASKED, 2, 6)
    scaler["spec"]["metrics"].append({"type": "Pods", "pods": held})
    bed.apply(deployment("asked", TEAM, 0, 0, 0), scaler)
    yield bed.api.resource(HPA).path(TEAM, "asked")
    bed.delete(HPA, "asked", TEAM)
    bed.delete("deployments", "asked", TEAM)


def metrics(share: Any = 70, value: str = "3", name: str = "cpu", held: str = "inflight") -> dict[str, Any]:
    cpu = {"name": name, "target": {"type": "Utilization", "averageUtilization": share}}
    pods = {"metric": {"name": held}, "target": {"type": "AverageValue", "averageValue": value}}
    return {"spec": {"metrics": [{"type": "Resource", "resource": cpu}, {"type": "Pods", "pods": pods}]}}


def write(api: KubeApi, where: str, patch: Any) -> None:
    """As our account, for good."""
    api.request("PATCH", where, patch, MERGE, params={"fieldManager": "ahpa"})


def until(bed: Testbed, api: KubeApi, where: str, patch: Any, status: int) -> None:
    """The API server sees a namespace's new labels a moment later."""
    bed.wait_for(lambda: refusal(api, where, patch) == status, what=f"{status} for {patch}")


@pytest.mark.parametrize(
    ("patch", "status"),
    [
        (metrics(90), 0),
        (metrics(100, "4"), 0),
        (metrics(101), FENCE),
        (metrics(60), FENCE),
        (metrics(70, "2"), FENCE),
        (metrics(70, "4300m"), FENCE),
        (metrics(90, held="another"), FENCE),
        (metrics(90, name="memory"), FENCE),
        ({"spec": {"metrics": metrics(90)["spec"]["metrics"][:1]}}, FENCE),
        ({"spec": {"metrics": metrics(90)["spec"]["metrics"] * 2}}, FENCE),
        ({"spec": {**metrics(90)["spec"], "maxReplicas": 500}}, FENCE),
        ({"spec": {**metrics(90)["spec"], "minReplicas": 3}}, 0),
    ],
)
def test_of_an_hpa_that_asks_for_it_targets_go_up_and_nothing_else(
    ours: KubeApi, asked: str, patch: Any, status: int
) -> None:
    assert refusal(ours, asked, patch) == status


def test_another_type_of_target_is_another_metric(ours: KubeApi, asked: str) -> None:
    patch = metrics()
    patch["spec"]["metrics"][0]["resource"]["target"] = {"type": "AverageValue", "averageValue": "1"}
    assert refusal(ours, asked, patch) == FENCE


def test_an_hpa_that_does_not_ask_for_it_keeps_its_target(bed: Testbed, ours: KubeApi) -> None:
    where = bed.api.resource(HPA).path(TEAM, "api")
    up = {"spec": {"metrics": metrics(90)["spec"]["metrics"][:1]}}
    assert refusal(ours, where, up) == FENCE


def test_what_we_raised_on_an_hpa_we_put_back_when_its_owner_no_longer_asks(
    bed: Testbed, ours: KubeApi, asked: str
) -> None:
    """And only that: down from what is ours, never from what is the owner's."""
    write(ours, asked, metrics(90, "3857m"))
    bed.patch(HPA, "asked", {"metadata": {"annotations": {LABEL: None}}}, TEAM)
    assert refusal(ours, asked, metrics(100, "3857m")) == FENCE
    assert refusal(ours, asked, metrics(70)) == 0
    bed.patch(HPA, "asked", metrics(80), TEAM)
    assert refusal(ours, asked, metrics(70)) == FENCE


@pytest.mark.parametrize(("value", "status"), [("80", 0), ("100", 0), ("69", FENCE), (None, 0)])
def test_of_a_revision_in_a_labelled_namespace_the_target_goes_up(
    bed: Testbed, ours: KubeApi, targets: str, allowed: None, value: str | None, status: int
) -> None:
    where = bed.api.resource(REVISION).path(TEAM, targets)
    until(bed, ours, where, annotation(TARGET_PERCENTAGE, "90"), 0)
    assert refusal(ours, where, annotation(TARGET_PERCENTAGE, value)) == status


def test_what_we_raised_on_a_revision_we_put_back_when_the_label_is_gone(
    bed: Testbed, ours: KubeApi, targets: str, allowed: None
) -> None:
    where = bed.api.resource(REVISION).path(TEAM, targets)
    until(bed, ours, where, annotation(TARGET_PERCENTAGE, "90"), 0)
    write(ours, where, annotation(TARGET_PERCENTAGE, "90"))
    bed.patch("namespaces", TEAM, {"metadata": {"labels": {LABEL: None}}})
    until(bed, ours, where, annotation(TARGET_PERCENTAGE, "95"), FENCE)
    assert refusal(ours, where, annotation(TARGET_PERCENTAGE, "80")) == 0
    assert refusal(ours, where, annotation(TARGET_PERCENTAGE, None)) == 0
    bed.patch(REVISION, targets, annotation(TARGET_PERCENTAGE, "85"), TEAM)
    try:
        assert refusal(ours, where, annotation(TARGET_PERCENTAGE, None)) == FENCE, "now it is theirs"
    finally:
        bed.patch(REVISION, targets, annotation(TARGET_PERCENTAGE, None), TEAM)


def test_the_adapters_raise_and_put_back_on_these_rights(
    bed: Testbed, ours: KubeApi, targets: str, asked: str, allowed: None
) -> None:
    """As our account: what they write is what the fences let through; without the label that is refused, and the floor
    is not."""
    kube = Kube.connect(str(bed.service_account_kubeconfig(HOME, "ahpa")))
    until(bed, ours, bed.api.resource(REVISION).path(TEAM, targets), annotation(TARGET_PERCENTAGE, "90"), 0)
    _filled(bed, kube, "knative", "chat")
    _filled(bed, kube, "hpa", "asked")
    bed.patch("namespaces", TEAM, {"metadata": {"labels": {LABEL: None}}})
    where = bed.api.resource(REVISION).path(TEAM, targets)
    until(bed, ours, where, annotation(TARGET_PERCENTAGE, "90"), FENCE)
    (chat,) = KINDS["knative"].actuator(kube, TEAM).targets()
    with pytest.raises(ClusterError, match=re.escape("ahpa.dev/manage-target=allowed")):
        KINDS["knative"].actuator(kube, TEAM).fill(chat, 0.9)


def _filled(bed: Testbed, kube: Kube, kind: str, name: str) -> None:
    """One target up, further up, and as it was."""

    def becomes(share: float | None) -> bool:
        actuator = KINDS[kind].actuator(kube, TEAM)
        (target,) = [each for each in actuator.targets() if each.name == name]
        if target.lever.raised == share:
            return share is not None or not target.managed
        try:
            actuator.fill(target, share)
        except ClusterError as error:
            if error.status != 409:
                raise
        return False

    for share in (0.8, 0.9, None):
        bed.wait_for(partial(becomes, share), what=f"{kind} filled to {share}")
