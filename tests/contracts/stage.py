"""One target on some API server, as the contract looks at it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ahpa.adapters.kubernetes.api import Object
from ahpa.core.units import Unit
from ahpa.ports import Actuator, ClusterError
from ahpa.targets import Target
from testbed import Testbed
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
    kube: FakeKube | None = None
    """That server."""
    aim: Callable[[], float] = lambda: 0.7
    """The share to which its scaler is told to fill a replica."""
    edit_aim: Callable[[int], object] = lambda percent: None
    """Set it, in percent, as its owner would."""

    def target(self) -> Target:
        (found,) = self.actuator.targets()
        return found

    def write(self, floor: int) -> None:
        self._until_it_fits(lambda: self.actuator.write(self.target(), (floor,)))

    def fill(self, share: float | None) -> None:
        self._until_it_fits(lambda: self.actuator.fill(self.target(), share))

    def filled(self, share: float | None) -> Target:
        """The target once a list shows what it was filled to."""
        return self._shown(lambda target: _alike(target.lever.raised, share))

    def edited(self, floor: int) -> Target:
        """The target once a list shows what its owner has set."""
        self.edit(floor)
        return self._shown(lambda target: target.floor == floor)

    def restore(self) -> None:
        self._until_it_fits(lambda: self.actuator.restore(self.target()))

    def adopted(self) -> Target:
        """The target of somebody else's object."""
        self.adopt()
        return self._shown(lambda target: target.refusal is not None)

    def _shown(self, there: Callable[[Target], bool]) -> Target:
        """The target once it is so, or as it is after four seconds: lists come from a cache that may be a moment
        behind."""
        for _ in range(20):
            if there(self.target()):
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


def _alike(one: float | None, other: float | None) -> bool:
    return one == other or (one is not None and other is not None and abs(one - other) < 0.01)


@dataclass(frozen=True)
class Stages:
    """Where one kind of target is played."""

    fakes: Mapping[str, Callable[[], Stage]]
    """By what the owner had set."""
    real: Mapping[str, Callable[[Testbed, str], Stage]]
    """By what makes them differ, if anything."""
    units: list[Unit]
    """In which it is measured, where its owner says nothing."""


def picture_of(items: Iterable[Object]) -> str:
    faces = []
    for item in items:
        kept = {key: item["metadata"].get(key) or {} for key in ("name", "annotations", "labels")}
        faces.append({**kept, "spec": item.get("spec")})
    return json.dumps(faces, sort_keys=True)


def owned_by(kind: str, uid: str = "uid-of-the-owner") -> dict[str, Any]:
    """The patch that makes an object somebody else's."""
    owner = {"apiVersion": "v1", "kind": kind, "name": "maker", "uid": uid, "controller": True}
    return {"metadata": {"ownerReferences": [owner]}}


def adopt_by_another(bed: Testbed, resource: str, name: str, namespace: str) -> None:
    """By an owner that exists: else the garbage collector would take the object away."""
    meta = {"name": "maker", "namespace": namespace}
    (maker,) = bed.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})
    bed.patch(resource, name, owned_by("ConfigMap", maker["metadata"]["uid"]), namespace)
