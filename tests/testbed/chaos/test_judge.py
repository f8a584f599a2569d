"""The judge of the hour: each broken promise is seen, and nothing else is."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from tests.reliability.growth import growth
from tests.testbed.chaos.befallen import Outage
from tests.testbed.chaos.judge import Reign, Round, Write, broken, reigns, two_leaders, writes

GOOD = Write(100.0, "ahpa-a", "hpa/chaos/hpa-1", 200, old=6, new=5, manager="ahpa", versioned=True)
SEEN = [Round(90.0, False), Round(99.0, True)]
DOWN = Outage("prometheus", "killed", 98.0, 120.0)


@pytest.mark.parametrize(
    ("write", "seen", "blind", "says"),
    [
        (GOOD, SEEN, [], []),
        (GOOD, SEEN, [replace(DOWN, began=99.5)], []),  # read before, written meanwhile
        (GOOD, SEEN, [replace(DOWN, ended=99.9)], []),  # answered late
        (GOOD, SEEN, [DOWN], ["I3 lowered while nothing could be read"]),
        (replace(GOOD, new=7), SEEN, [DOWN], []),  # it may always raise
        (GOOD, SEEN[:1], [], ["I3 lowered on what it did not trust itself"]),
        (GOOD, [], [], ["I3 lowered on what it did not trust itself"]),  # of this pod no round is known
        (GOOD, [*SEEN, Round(100.5, False)], [], []),  # what it saw later is no matter
        (replace(GOOD, new=1), SEEN, [], ["I1 below its owner's minimum"]),
        (replace(GOOD, old=8, new=9), SEEN, [], ["I2 above its maximum"]),
        (replace(GOOD, old=1, new=7), SEEN, [], ["I4 raised too far at once"]),
        (replace(GOOD, manager="kubectl"), SEEN, [], ["I6 not by our manager"]),
        (replace(GOOD, versioned=False), SEEN, [], ["I6 without resourceVersion"]),
    ],
)
def test_each_broken_promise_is_named(write: Write, seen: list[Round], blind: list[Outage], says: list[str]) -> None:
    assert [said.partition(":")[0] for said in broken(write, seen, blind)] == says


LED = [Reign(10, "a"), Reign(20, "b"), Reign(30, "a")]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("11a 19a 21b 31a", 0.0),
        ("11a 21b 25a 31a", 4.0),  # a goes on while b leads
        ("11a 31a 32b", 1.0),  # b's came late
        ("5a", 0.0),  # before anybody held it
        ("5a 11a 19b", 8.0),  # and one who never did
    ],
)
def test_two_leaders_are_seen_by_a_write_of_a_former_one(written: str, seconds: float) -> None:
    taken = [replace(GOOD, at=float(each[:-1]), pod=each[-1]) for each in written.split()]
    assert two_leaders(taken, LED) == pytest.approx(seconds, abs=0.001)


def event(verb: str, resource: str, name: str, after: dict[str, Any], second: int, code: int = 200) -> dict[str, Any]:
    """As the API server logs it."""
    namespace = "ahpa-system" if resource == "leases" else "chaos"
    return {
        "verb": verb,
        "objectRef": {"resource": resource, "name": name, "namespace": namespace},
        "requestObject": {"metadata": {"resourceVersion": "7"}},
        "responseObject": after,
        "responseStatus": {"code": code},
        "requestURI": "/apis/x?fieldManager=ahpa",
        "user": {"username": "x", "extra": {"authentication.kubernetes.io/pod-name": ["ahpa-a"]}},
        "stageTimestamp": f"2026-01-01T00:00:{second:02}.000000Z",
    }


def test_floors_are_followed_from_write_to_write_and_a_refused_one_moves_nothing() -> None:
    hpa = [{"spec": {"minReplicas": floor}} for floor in (4, 3)]
    revision = {"metadata": {"annotations": {"autoscaling.knative.dev/min-scale": "5"}}}
    log = [
        event("patch", "horizontalpodautoscalers", "hpa-1", hpa[0], 1),
        event("patch", "horizontalpodautoscalers", "hpa-1", {}, 2, code=409),
        event("patch", "horizontalpodautoscalers", "hpa-1", hpa[1], 3),
        event("patch", "revisions", "knative-1-00001", revision, 4),
        event("get", "horizontalpodautoscalers", "hpa-1", hpa[0], 5),
        {**event("patch", "horizontalpodautoscalers", "hpa-1", hpa[0], 6), "user": {"username": "an owner"}},
    ]
    assert [(each.key, each.status, each.old, each.new) for each in writes(log)] == [
        ("hpa/chaos/hpa-1", 200, 2, 4),
        ("hpa/chaos/hpa-1", 409, 4, 4),
        ("hpa/chaos/hpa-1", 200, 4, 3),
        ("knative/chaos/knative-1", 200, 1, 5),
    ]


def test_who_held_the_lease_is_told_by_its_writes_alone() -> None:
    held = [{"spec": {"holderIdentity": f"ahpa-{who}_uid_1"}} for who in "aab"]
    log = [event("patch", "leases", "ahpa-0", after, second) for second, after in enumerate(held)]
    listed = event("list", "leases", "", {}, 1)
    refused = event("patch", "leases", "ahpa-0", {}, 1, code=409)
    assert [each.pod for each in reigns([log[0], listed, refused, *log[1:]])] == ["ahpa-a", "ahpa-b"]


def test_growth_is_that_of_what_is_always_held() -> None:
    """A refit holds more for a while; a leak holds more for ever."""
    rounds = list(range(600))
    assert growth(rounds, [80.0 + 50 * (at % 100 < 20) for at in rounds]) == pytest.approx(0.0, abs=1e-9)
    assert growth(rounds, [80.0 + at / 500 for at in rounds]) == pytest.approx(2.0, rel=0.01)
    assert math.isnan(growth(rounds[:60], [80.0] * 60)), "too short to say"
