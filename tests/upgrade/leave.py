"""What one version of ahpa makes of objects. As a script, it is whatever version PYTHONPATH has, so nothing here may be
newer than the oldest of them: `KINDS`, `Actuator`, and the fake API server of its own tests.

It reads {"clusters": {name: {path: object}}, "do": "read" | "raise" | "restore"}. It writes for each cluster the
objects as it left them, how many writes that took, and what it saw before and after, by key: baseline, floor, whether
it holds it, and the share to which the target was raised.
"""

from __future__ import annotations

import itertools
import json
import sys
from typing import TYPE_CHECKING, Any

from ahpa.adapters.kubernetes.kinds import KINDS
from ahpa.ports import Actuator
from tests.fakes.kube import FakeKube

if TYPE_CHECKING:
    from ahpa.targets import Target

FLOORS = (5, 6)
"""For the first part of a target, and for the second, where traffic is split."""
FILL = 0.9


def wanted(target: Target) -> tuple[int, ...]:
    """The floors that every version writes here, whatever it would decide."""
    return FLOORS[: max(1, len(target.parts))]


def targets(actuators: dict[str, Actuator]) -> list[tuple[Actuator, Target]]:
    """All that nobody else speaks for, each with the actuator of its kind."""
    return [(each, target) for each in actuators.values() for target in each.targets() if not target.maker]


def seen(actuators: dict[str, Actuator]) -> dict[str, list[object]]:
    """By key, what is read of each target."""
    return {
        each.key: [each.baseline, each.floor, each.managed, each.lever.raised and round(each.lever.raised, 3)]
        for _, each in targets(actuators)
    }


def leave(objects: dict[str, Any], do: str) -> dict[str, Any]:
    """What this version makes of them. Who is raised as wanted already is written to once more, which should change
    nothing."""
    kube = FakeKube()
    kube.objects = objects
    vars(kube).update(version=100_000, _versions=itertools.count(100_000))  # as newer and older ones count
    actuators = {name: kind.actuator(kube, None) for name, kind in KINDS.items()}
    before = seen(actuators)
    for actuator, target in targets(actuators):
        if do == "restore" and target.managed:
            actuator.restore(target)
        elif do == "raise":
            actuator.write(target, wanted(target))
    for actuator, target in targets(actuators):
        if do == "raise" and target.lever.free and target.annotations.get("ahpa.dev/manage-target") == "true":
            actuator.fill(target, FILL)
    return {"objects": kube.objects, "writes": len(kube.writes), "before": before, "after": seen(actuators)}


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    json.dump({name: leave(objects, asked["do"]) for name, objects in asked["clusters"].items()}, sys.stdout)
