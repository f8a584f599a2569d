"""What an owner, a deployment tool or an accident does to an object while we hold its floor, on the real thing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from ahpa.adapters.kubernetes.api import Kube, Object
from ahpa.core.policy.values import STATE
from ahpa.ports import ClusterError
from ahpa.service.rounds import Service
from testbed import Testbed
from tests.testbed.live import NEEDED, minimum, service_on

pytestmark = pytest.mark.testbed

ASKED = {"ahpa.dev/mode": "apply"}


class Killed(Kube):
    """A process that dies before it writes to a Revision, once."""

    dead = False

    def merge_patch(self, where: str, body: Object) -> Object:
        if "/revisions/" in where:
            self.dead = True
            raise ClusterError(0, "killed")
        return super().merge_patch(where, body)


def made(bed: Testbed, namespace: str) -> None:
    bed.knative_service("chat", namespace, annotations=ASKED, template_annotations={OWN: "1"}, concurrency=10)


OWN = "autoscaling.knative.dev/min-scale"


def until(bed: Testbed, service: Service, reached: Callable[[], bool], what: str) -> None:
    """Rounds of the service, until it is so."""

    def round_and_look() -> bool:
        service.tick(time.time())
        time.sleep(0.5)
        return reached()

    bed.wait_for(round_and_look, what=what)


def record(bed: Testbed, namespace: str) -> dict[str, str | None] | None:
    """Our own, on the Service."""
    text = bed.get("ksvc", "chat", namespace)["metadata"]["annotations"].get(STATE)
    return None if text is None else json.loads(text)


def held(bed: Testbed, namespace: str, revision: str = "chat-00001") -> Callable[[], bool]:
    return lambda: minimum(bed, revision, namespace) == str(NEEDED)


def test_killed_between_record_and_floor(bed: Testbed, bed_namespace: str) -> None:
    """The record says what the owner had and nothing is raised yet; the next process raises, and puts back their 1."""
    made(bed, bed_namespace)
    dying = Killed.connect(str(bed.kubeconfig))
    first = service_on(bed, bed_namespace, dying)
    until(bed, first, lambda: dying.dead, "the moment of death")
    assert record(bed, bed_namespace) == {"chat-00001": "1"}
    assert minimum(bed, "chat-00001", bed_namespace) == "1"
    second = service_on(bed, bed_namespace)
    until(bed, second, held(bed, bed_namespace), "the floor")
    bed.patch("ksvc", "chat", {"metadata": {"annotations": {"ahpa.dev/mode": "off"}}}, bed_namespace)
    until(bed, second, lambda: minimum(bed, "chat-00001", bed_namespace) == "1", "what its owner had")
    assert record(bed, bed_namespace) is None


def test_applied_anew_and_with_a_typo_in_between(bed: Testbed, bed_namespace: str) -> None:
    """The same manifest again changes nothing; one with a mistake leaves the floor where it is until it is mended."""
    made(bed, bed_namespace)
    service = service_on(bed, bed_namespace)
    until(bed, service, held(bed, bed_namespace), "the floor")
    made(bed, bed_namespace)
    service.tick(time.time())
    assert minimum(bed, "chat-00001", bed_namespace) == str(NEEDED)
    bed.patch("ksvc", "chat", {"metadata": {"annotations": {"ahpa.dev/max": "twelve"}}}, bed_namespace)
    until(bed, service, lambda: "InvalidPolicy" in _reasons(service), "the mistake is seen")
    assert minimum(bed, "chat-00001", bed_namespace) == str(NEEDED)
    bed.patch("ksvc", "chat", {"metadata": {"annotations": {"ahpa.dev/max": "3"}}}, bed_namespace)
    until(bed, service, lambda: minimum(bed, "chat-00001", bed_namespace) == "3", "the mended maximum")


def test_deleted_and_made_anew(bed: Testbed, bed_namespace: str) -> None:
    """The new one is another object: its own record, its own minimum, and its floor before its first request."""
    made(bed, bed_namespace)
    service = service_on(bed, bed_namespace)
    until(bed, service, held(bed, bed_namespace), "the floor")
    bed.delete("ksvc", "chat", bed_namespace)
    bed.wait_for(lambda: not bed.find("revisions", bed_namespace), what="its Revisions gone")
    service.tick(time.time())
    made(bed, bed_namespace)
    until(bed, service, held(bed, bed_namespace), "the floor of the new one")
    assert record(bed, bed_namespace) == {"chat-00001": "1"}


def _reasons(service: Service) -> set[str]:
    return {str(each.decision.reason) for each in service.shown.rounds}
