"""What the owners had comes back exactly, however often the API says no (T17 of the reliability reference)."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping

import pytest

from ahpa.adapters.kubernetes.api import Object
from ahpa.adapters.kubernetes.kept import MIN_SCALE
from ahpa.adapters.kubernetes.kinds import KINDS
from ahpa.ports import Actuator, ClusterError
from ahpa.service.restore import RAISED_AGAIN, Restored, recorded, restore
from ahpa.targets import Target
from tests.contracts.test_actuators import STAGES
from tests.fakes.kube import FakeKube
from tests.reliability.reached import Reached
from tests.service.stage import HPAS, ROOT, add_hpa, add_knative

KINDS_HERE = ("knative", "hpa")


def actuators(kube: FakeKube) -> dict[str, Actuator]:
    return {kind: KINDS[kind].actuator(kube, "shop") for kind in KINDS_HERE}


def no_sleep(seconds: float) -> None:
    pass


def faces(kube: FakeKube) -> dict[str, Object]:
    """All that an owner can see of each object: annotations and spec."""
    return {
        where: copy.deepcopy({"annotations": item["metadata"].get("annotations") or {}, "spec": item.get("spec")})
        for where, item in kube.objects.items()
    }


def raised(services: int, hpas: int) -> tuple[FakeKube, Mapping[str, Object]]:
    """Objects whose owners had nothing, or minima of their own, all raised to seven; and how they were before."""
    kube = FakeKube()
    for i in range(services):
        add_knative(kube, f"s{i}", mode="apply")
        if i % 3:
            kube.edit(f"{ROOT}/revisions/s{i}-00001", {"metadata": {"annotations": {MIN_SCALE: str(i % 3)}}})
    for i in range(hpas):
        add_hpa(kube, f"h{i}", mode="apply")
        kube.edit(f"{HPAS}/h{i}", {"spec": {"minReplicas": 1 + i % 4}})
    before = faces(kube)
    for actuator in actuators(kube).values():
        for target in actuator.targets():
            actuator.write(target, (7,))
    return kube, before


def everybody(kube: FakeKube) -> Restored:
    found, _ = recorded(actuators(kube))
    return restore(actuators(kube), found, no_sleep)


@pytest.mark.parametrize("luck", range(5))
def test_five_hundred_objects_are_as_their_owners_had_them_though_a_tenth_of_all_calls_fails(
    luck: int, reached: Reached
) -> None:
    """Conflicts, a throttled API, a server in trouble; lists and reads fail as writes do. Its time is that of the
    pauses and of all patches, refused ones too, at the 50 a second that `ahpa restore` allows itself."""
    kube, before = raised(services=250, hpas=250)
    assert len([where for where, face in faces(kube).items() if face != before[where]]) == 750  # and their Services
    wanted, _ = recorded(actuators(kube))
    rng = random.Random(luck)

    pauses, patches = list[float](), list[str]()

    def fail(method: str, where: str) -> ClusterError | None:
        status = rng.choice((409, 429, 500))
        patches.extend([where] * (method == "PATCH"))
        return ClusterError(status, f"{method} {where}: not now") if rng.random() < 0.1 else None

    kube.fail = fail
    result = restore(actuators(kube), wanted, pauses.append)
    assert result.failed == {}
    assert sorted(result.done) == sorted(wanted)
    assert len(wanted) == 500
    assert faces(kube) == before
    seconds = sum(pauses) + len(patches) / 50
    assert seconds <= 60
    reached(
        "T17",
        "500 objects x 5, a tenth of the calls 409, 429 or 500",
        f"100 % as before; each at most 60 s, the last {seconds:.0f} s",
    )


def test_a_refusal_for_good_is_said_and_keeps_nobody_else() -> None:
    """A right that is missing for one namespace, or an admission policy."""
    kube, before = raised(services=1, hpas=2)
    kube.fail = lambda method, where: ClusterError(403, "no") if (method, where[-2:]) == ("PATCH", "h0") else None
    result = everybody(kube)
    assert result.failed == {"hpa/shop/h0": "403: no"}
    assert sorted(result.done) == ["hpa/shop/h1", "knative/shop/s0"]
    assert [where for where, face in faces(kube).items() if face != before[where]] == [f"{HPAS}/h0"]


def test_a_conflict_that_never_ends_is_given_up_and_said() -> None:
    kube, _ = raised(services=0, hpas=1)
    kube.fail = lambda method, where: ClusterError(409, "changed") if method == "PATCH" else None
    pauses: list[float] = []
    found, _ = recorded(actuators(kube))
    result = restore(actuators(kube), found, pauses.append)
    assert result.failed == {"hpa/shop/h0": "409: changed"}
    assert pauses == sorted(pauses), "each pause at least as long as the one before"
    assert sum(pauses) < 120


def test_what_a_running_service_raises_again_is_no_success() -> None:
    """It would be an uninstall that leaves floors behind, and says that it does not."""
    kube, _ = raised(services=0, hpas=1)

    class RaisesAgain:
        def targets(self, deadline: float = 0.0) -> list[Target]:
            return KINDS["hpa"].actuator(kube, "shop").targets()

        def restore(self, target: Target) -> None:
            KINDS["hpa"].actuator(kube, "shop").restore(target)
            (now,) = self.targets()
            KINDS["hpa"].actuator(kube, "shop").write(now, (7,))

        def write(self, target: Target, floors: object) -> bool:
            raise AssertionError

        def fill(self, target: Target, share: float | None) -> bool:
            raise AssertionError

    found, _ = recorded(actuators(kube))
    assert restore({"hpa": RaisesAgain()}, found, no_sleep).failed == {"hpa/shop/h0": RAISED_AGAIN}


def test_an_edit_of_the_owner_in_between_stays() -> None:
    """The minimum that its owner sets while we restore is theirs, not what they had before."""
    kube, _ = raised(services=0, hpas=1)
    first = [True]

    def edits_once(method: str, where: str) -> ClusterError | None:
        if method == "PATCH" and first:
            first.clear()
            kube.edit(f"{HPAS}/h0", {"spec": {"minReplicas": 9}})
        return None

    kube.fail = edits_once
    assert everybody(kube).failed == {}
    face = faces(kube)[f"{HPAS}/h0"]
    assert face["spec"]["minReplicas"] == 9
    assert list(face["annotations"]) == ["ahpa.dev/mode"]


def test_an_object_that_cannot_be_read_is_listed_as_a_failure() -> None:
    """It carries our record, so its floor may be ours; nobody must believe that it is back."""
    kube, _ = raised(services=0, hpas=1)
    kube.objects[f"{HPAS}/h0"]["spec"]["minReplicas"] = "many"
    assert "this HPA cannot be read: minReplicas is no count" in everybody(kube).failed["hpa/shop/h0"]


@pytest.mark.parametrize(("kind", "own"), [(kind, own) for kind in STAGES for own in STAGES[kind].fakes])
def test_every_kind_comes_back_wherever_its_record_is_kept(kind: str, own: str) -> None:
    """On the object, on the Service of a Revision, or in a ConfigMap of ours."""
    stage = STAGES[kind].fakes[own]()
    before = stage.picture()
    stage.write(7)
    assert stage.picture() != before
    found, _ = recorded({kind: stage.actuator})
    result = restore({kind: stage.actuator}, found, no_sleep)
    assert (len(result.done), result.failed) == (1, {})
    assert stage.picture() == before
