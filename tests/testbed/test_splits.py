"""Two Revisions with traffic at once that serve differently, under both Knatives: each has its own floor."""

from __future__ import annotations

from typing import Any

import pytest

from testbed import Testbed
from testbed.pytest_plugin import OLDER, ON_EACH_KNATIVE
from tests.testbed import lives
from tests.testbed.reading import MIN_SCALE
from tests.testbed.story import begun

pytestmark = pytest.mark.testbed

DEMAND = 150.0
"""In flight. One Revision serves 7 for each replica, the other 70."""


@ON_EACH_KNATIVE
def test_a_split_between_revisions_of_different_capacity(bed: Testbed, bed_namespace: str) -> None:
    """All on the first: 150 / 7 = 22. Then 90 % of it is 20 and a tenth of the other 1; turned round, 3 and 2."""
    life = lives.knative(bed, bed_namespace)
    story = begun(life, DEMAND)
    bearer = "podautoscalers" if bed.knative == OLDER else "revisions"

    def floors() -> list[int]:
        found = {each["metadata"]["name"]: each["metadata"]["annotations"] for each in bed.find(bearer, bed_namespace)}
        return [int(found.get(name, {}).get(MIN_SCALE, 0)) for name in ("chat-00001", "chat-00002")]

    def spec(first: int) -> dict[str, Any]:
        named = {"revisionName": "chat-00001", "percent": first}
        return {"traffic": [named, {"latestRevision": True, "percent": 100 - first}]}

    story.until(lambda: floors()[0] == 22, "all on the first")
    bed.patch(
        "ksvc", "chat", {"spec": {"template": {"spec": {"containerConcurrency": 100}}, **spec(90)}}, bed_namespace
    )
    story.until(lambda: floors() == [20, 1], "90 / 10")
    bed.patch("ksvc", "chat", {"spec": spec(10)}, bed_namespace)
    story.until(lambda: floors() == [3, 2], "10 / 90")
    life.annotate({"ahpa.dev/mode": "off"})
    story.until(lambda: floors() == [1, 1], "what their owner had")
    assert len(bed.find("revisions", bed_namespace)) == 2, "no Revision is of our making"
