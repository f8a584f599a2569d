"""What docs/decisions/0008 says of ownership, on a real API server with Knative and the HPA controller."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ahpa.adapters.kubernetes.api import Kube
from ahpa.adapters.kubernetes.kept import MIN_SCALE
from ahpa.adapters.kubernetes.kinds import KINDS
from ahpa.ports import ClusterError
from ahpa.targets import Target
from testbed import Testbed

pytestmark = pytest.mark.testbed


class Owned:
    """One object in apply mode with an own minimum of 1, its actuator, and its owner's hand."""

    def __init__(self, bed: Testbed, namespace: str, kind: str) -> None:
        self.bed, self.namespace, self.kind = bed, namespace, kind
        self.new_process()
        asked = {"ahpa.dev/mode": "apply"}
        if kind == "knative":
            service = bed.knative_service("svc", namespace, annotations=asked, template_annotations={MIN_SCALE: "1"})
            self.name = service["status"]["latestReadyRevisionName"]
        else:
            bed.hpa_with_deployment("svc", namespace, annotations=asked, min_replicas=1)
            self.name = "svc"

    def new_process(self) -> None:
        """One that knows nothing but what is on the objects."""
        self.actuator = KINDS[self.kind].actuator(Kube.connect(str(self.bed.kubeconfig)), self.namespace)

    def target(self) -> Target:
        (target,) = self.actuator.targets()
        return target

    def becomes(self, floor: int, baseline: int, managed: bool) -> None:
        """Lists come from the API server's cache, which may be a moment behind."""

        def seen() -> bool:
            target = self.target()
            return (target.floor, target.baseline, target.managed) == (floor, baseline, managed)

        self.bed.wait_for(seen, what=f"floor {floor}, baseline {baseline}, managed {managed}")

    def write(self, floor: int) -> None:
        self._act(lambda target: self.actuator.write(target, (floor,)))

    def restore(self) -> None:
        self._act(self.actuator.restore)

    def _act(self, act: Callable[[Target], object]) -> None:
        """As the service does: what another writer's change turned into a 409 is tried at the next tick."""

        def tick() -> bool:
            try:
                act(self.target())
            except ClusterError as error:
                if error.status != 409:
                    raise
                return False
            return True

        self.bed.wait_for(tick, what="a write without a conflict")

    def owner_sets(self, minimum: int) -> None:
        patch: dict[str, Any] = {"spec": {"minReplicas": minimum}}
        if self.kind == "knative":
            patch = {"metadata": {"annotations": {MIN_SCALE: str(minimum)}}}
        self.bed.patch("revisions" if self.kind == "knative" else "hpa", self.name, patch, self.namespace)

    def owner_applies(self, minimum: int) -> None:
        """Server-side apply, as GitOps tools do."""
        if self.kind == "knative":
            meta = {"name": self.name, "namespace": self.namespace, "annotations": {MIN_SCALE: str(minimum)}}
            self.bed.apply({"apiVersion": "serving.knative.dev/v1", "kind": "Revision", "metadata": meta})
        else:
            hpa = self.bed.get("hpa", self.name, self.namespace)
            meta = {"name": self.name, "namespace": self.namespace, "annotations": {"ahpa.dev/mode": "apply"}}
            spec = {**hpa["spec"], "minReplicas": minimum}
            self.bed.apply({"apiVersion": hpa["apiVersion"], "kind": hpa["kind"], "metadata": meta, "spec": spec})


@pytest.fixture(params=["knative", "hpa"])
def owned(bed: Testbed, request: pytest.FixtureRequest) -> Iterator[Owned]:
    """In a namespace of its own; removing one takes a while, so the name is used once."""
    namespace = f"decision-8-{request.param}-{request.function.__name__.split('_')[2]}"
    bed.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    yield Owned(bed, namespace, request.param)
    bed.delete("namespaces", namespace)


def test_an_owners_edit_while_we_hold_the_floor_is_the_new_baseline(owned: Owned) -> None:
    """And what is restored later is theirs, not the number from before."""
    owned.write(5)
    owned.becomes(5, 1, True)
    owned.owner_sets(3)
    owned.becomes(3, 3, True)
    owned.write(6)
    owned.becomes(6, 3, True)
    owned.restore()
    owned.becomes(3, 3, False)


def test_an_owner_who_writes_our_very_number_leaves_it_ours(owned: Owned) -> None:
    """By an edit or by a server-side apply: the API server has nothing new to say of who set it."""
    owned.write(5)
    owned.owner_sets(5)
    owned.owner_applies(5)
    owned.becomes(5, 1, True)
    owned.restore()
    owned.becomes(1, 1, False)


def test_a_new_process_knows_what_the_old_one_did(owned: Owned) -> None:
    """Nothing is remembered but on the objects."""
    owned.write(4)
    owned.new_process()
    owned.becomes(4, 1, True)
    owned.restore()
    owned.becomes(1, 1, False)
