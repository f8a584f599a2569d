"""An owner edits the minimum while we write ours: whoever comes first, the edit is never lost (T8)."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ahpa.adapters.kubernetes.api import Kube
from ahpa.adapters.kubernetes.kept import MIN_SCALE
from ahpa.adapters.kubernetes.kinds import KINDS
from ahpa.ports import Actuator, ClusterError
from testbed import Testbed
from tests.reliability.reached import Reached

pytestmark = [pytest.mark.testbed, pytest.mark.timeout(900)]
FEW, MANY = 25, 500
"""Of each kind: with every run, and with `-m soak`."""


def edit_hpa(bed: Testbed, namespace: str) -> Callable[[int], object]:
    bed.hpa_with_deployment("chat", namespace, annotations={"ahpa.dev/mode": "apply"}, min_replicas=2, max_replicas=99)
    return lambda number: bed.patch("hpa", "chat", {"spec": {"minReplicas": number}}, namespace)


def edit_revision(bed: Testbed, namespace: str) -> Callable[[int], object]:
    own = {MIN_SCALE: "2"}
    bed.knative_service("chat", namespace, annotations={"ahpa.dev/mode": "apply"}, template_annotations=own)

    def edit(number: int) -> object:
        patch = {"metadata": {"annotations": {MIN_SCALE: str(number)}}}
        return bed.patch("revisions", "chat-00001", patch, namespace)

    return edit


def raised(actuator: Actuator, floor: int, waits: Iterable[float]) -> int:
    """Some rounds of ours, one after the other; in how many the API server took it. The controllers write too (each
    edit changes the status), so most rounds end with a 409."""
    taken = 0
    for wait in waits:
        (target,) = actuator.targets()
        time.sleep(wait)
        try:
            taken += actuator.write(target, (floor,))
        except ClusterError as error:
            if error.status != 409:
                raise
    return taken


def later(edit: Callable[[int], object], number: int, wait: float) -> None:
    time.sleep(wait)
    edit(number)


@pytest.mark.parametrize("races", [FEW, pytest.param(MANY, marks=pytest.mark.soak)])
@pytest.mark.parametrize(("kind", "edit_of"), [("hpa", edit_hpa), ("knative", edit_revision)], ids=["hpa", "knative"])
def test_of_a_thousand_edits_while_we_write_none_is_lost(
    bed: Testbed,
    bed_namespace: str,
    kind: str,
    races: int,
    edit_of: Callable[[Testbed, str], Callable[[int], object]],
    reached: Reached,
) -> None:
    """Owners set even numbers and we odd ones: what the owner set last is in force, or remembered as theirs."""
    edit = edit_of(bed, bed_namespace)
    actuator = KINDS[kind].actuator(Kube.connect(str(bed.kubeconfig)), bed_namespace)
    chance = random.Random(8)
    lost: list[tuple[int, int]] = []
    taken = 0
    with ThreadPoolExecutor(2) as both:
        for _ in range(races):
            theirs, ours = 2 * chance.randint(1, 8), 2 * chance.randint(9, 20) + 1
            written = both.submit(raised, actuator, ours, [chance.uniform(0, 0.01) for _ in range(4)])
            edited = both.submit(later, edit, theirs, chance.uniform(0, 0.1))
            taken += written.result()
            edited.result()
            (after,) = actuator.targets()
            if after.baseline != theirs:
                lost.append((theirs, after.baseline))
    assert lost == []
    assert taken > 0.3 * races, "a race that one side always wins is none"
    reached("T8", f"{races} edits", "0 edits lost, of an HPA and of a Knative Revision")
