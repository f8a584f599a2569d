"""How long a decision is on its way: from the beginning of its round to the replica count of the Deployment."""

from __future__ import annotations

import time

import numpy as np
import pytest

from testbed import Testbed
from tests.reliability.reached import Reached
from tests.testbed import lives
from tests.testbed.lives import Begin
from tests.testbed.story import Story, begun

DECISIONS = 12


@pytest.mark.testbed
@pytest.mark.soak
@pytest.mark.timeout(400)
@pytest.mark.parametrize("begin", [lives.knative, lives.kserve_serverless], ids=["knative", "kserve-serverless"])
def test_a_decision_is_at_its_deployment_within_a_second(
    bed: Testbed, bed_namespace: str, begin: Begin, reached: Reached
) -> None:
    """The real controllers stand in between: Knative's own, which takes the floor over and scales the Deployment."""
    life = begin(bed, bed_namespace)
    story = begun(life, 0.5 * life.per_replica)
    story.until(lambda: life.replicas() == 1, "at rest")
    took = np.array([seconds_of_a_raise(story, life.replicas() + 1) for _ in range(DECISIONS)])
    print(f"{life.resource}: {took.round(2)} s")
    assert took.max() <= 1.0
    said = f"at its Deployment after {np.median(took):.2f} s, at most {took.max():.2f}"
    reached("T11", f"{DECISIONS} floors of one {life.resource} raised on the testbed", said)


def seconds_of_a_raise(story: Story, needed: int) -> float:
    """Until the Deployment is asked for one more, as the demand now is; of the first round that raises the floor."""
    life = story.life
    story.demand = (needed - 0.5) * life.per_replica
    for _ in range(5):
        began = time.monotonic()
        story.tick()
        if (life.minimum() or 0) >= needed:
            break
    life.bed.wait_for(lambda: life.replicas() >= needed, timeout=60, what=f"{needed} replicas are asked for")
    return time.monotonic() - began
