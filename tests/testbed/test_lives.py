"""The life of one object of each kind under a real API server and its real controllers, from one annotation on: raised,
held, edited, applied again, released, given back, deleted and made anew."""

from __future__ import annotations

import itertools

import pytest

from testbed import Testbed
from testbed.pytest_plugin import OLDER
from tests.testbed import lives
from tests.testbed.lives import OWN, Begin, Life
from tests.testbed.reading import MIN_SCALE
from tests.testbed.story import begun

pytestmark = [pytest.mark.testbed, pytest.mark.timeout(400)]

NEEDED = 6


BEGIN: dict[str, Begin] = {
    "knative": lives.knative,
    "hpa": lives.hpa,
    "rollout": lives.rollout,
    "kserve-raw": lives.kserve_raw,
    "kserve-serverless": lives.kserve_serverless,
}
EACH = [
    *(pytest.param(None, begin, id=name) for name, begin in BEGIN.items()),
    pytest.param(OLDER, lives.knative, id="knative-1.20"),
]


@pytest.mark.parametrize(("bed", "begin"), EACH, indirect=["bed"])
def test_the_life_of_an_object(bed: Testbed, bed_namespace: str, begin: Begin) -> None:
    live(begin(bed, bed_namespace))


def test_the_life_of_a_scaled_object(keda_bed: Testbed, bed_namespace: str) -> None:
    live(lives.keda(keda_bed, bed_namespace))


def live(life: Life) -> None:
    """Nothing of it replaces a pod: no second template, no second Revision."""
    story = begun(life, 0.9 * NEEDED * life.per_replica)
    story.until_minimum(NEEDED, "raised, by what follows from the object alone")
    story.until(lambda: life.replicas() >= NEEDED, "and followed")
    templates = life.templates()
    writes = len(story.floors)
    story.until(lambda: len(story.floors) > writes + 3, "held")
    assert set(story.floors[writes:]) == {NEEDED}

    life.edit(2)
    story.until_minimum(NEEDED, "raised above what its owner set by hand")
    life.make()
    story.until_minimum(NEEDED, "and after the same manifest was applied again")

    story.demand = 0.9 * life.per_replica
    began = len(story.floors)
    story.until(lambda: (life.minimum() or 0) <= 2, "released")
    steps = [floor or 0 for floor in story.floors[began - 1 :]]
    assert steps == sorted(steps, reverse=True), "down only"
    assert max(a - b for a, b in itertools.pairwise(steps)) <= 2, "by a ramp: a quarter at a time"

    story.demand = 0.9 * NEEDED * life.per_replica
    story.until_minimum(NEEDED, "raised again")
    assert life.templates() == templates, "no pod was replaced by anything of this"
    own = theirs(life)
    life.annotate({"ahpa.dev/mode": "off"})
    story.until_minimum(own, "what its owner had")
    if not life.copied:
        assert life.templates() == templates, "nor by its end"
        life.annotate({"ahpa.dev/mode": "apply"})
        story.until_minimum(NEEDED, "and raised once more")
    life.delete()
    story.tick()
    life.make()
    life.bed.wait_for(life.ready, what="the new object is ready")
    story.until_minimum(NEEDED, "the new one is raised")
    if not life.copied:
        life.annotate({"ahpa.dev/mode": "off"})
        story.until_minimum(OWN, "and has its own minimum back")


def theirs(life: Life) -> int:
    """What its owner wants by now: what was set by hand, unless the manifest that was applied again says otherwise. A
    manifest says nothing of a Revision, nor of a PodAutoscaler."""
    return 2 if life.at[-1] == MIN_SCALE else OWN
