"""A floor that was written and is not followed is told of, with the reason, and not before it could have been."""

from __future__ import annotations

import pytest

from ahpa.adapters.kubernetes.kept import MIN_SCALE
from tests.service.stage import HPAS, NOW, ROOT, Stage, add_hpa, stage

REVISION, SCALED = f"{ROOT}/revisions/chat-00001", "/apis/apps/v1/namespaces/shop/deployments/api"


def told(at: Stage) -> list[str]:
    return [body["note"] for _, body in at.kube.created if body["reason"] == "FloorIgnored"]


def shown(at: Stage, name: str) -> str:
    (line,) = [
        x for x in at.telemetry.text().decode().splitlines() if x.startswith("ahpa_floor_ignored{") and name in x
    ]
    return line.rpartition(" ")[2]


def of_chat(at: Stage, **status: object) -> None:
    at.kube.objects[REVISION]["status"] = {"actualReplicas": 1, "desiredReplicas": 1, **status}


def rounds(at: Stage, *minutes: int) -> None:
    for minute in minutes:
        at.tick(NOW + 60 * minute)


def test_a_floor_that_is_followed_is_no_news() -> None:
    at = stage()
    of_chat(at)
    rounds(at, 0)
    for minute in range(1, 5):
        asked_for = int(at.kube.get(REVISION)["metadata"]["annotations"][MIN_SCALE])
        of_chat(at, desiredReplicas=asked_for)
        rounds(at, minute)
    assert told(at) == []
    assert shown(at, "chat") == "0.0"


@pytest.mark.parametrize(
    ("labels", "conditions", "why"),
    [
        ({}, [], ""),
        ({}, [{"type": "Active", "status": "False"}],
         ": chat-00001 sleeps, and Knative ignores its minimum until the first request"),
        ({"serving.knative.dev/routingState": "reserve"}, [],
         ": no route reaches chat-00001, and Knative ignores its minimum"),
    ],
)  # fmt: skip
def test_a_floor_that_knative_ignores_is_told_of_with_the_reason(
    labels: dict[str, str], conditions: list[dict[str, str]], why: str
) -> None:
    at = stage()
    at.kube.objects[REVISION]["metadata"]["labels"] = labels
    of_chat(at, conditions=conditions)
    rounds(at, 0, 1)
    assert told(at) == [], "too early"
    rounds(at, 2, 3)
    first, *more = told(at)
    assert (first.endswith(f"are asked for{why}"), more) == (True, []), "and once"
    assert shown(at, "chat") == "1.0"


def test_it_is_over_when_it_is_followed() -> None:
    at = stage()
    of_chat(at)
    rounds(at, 0, 1, 2, 3)
    of_chat(at, desiredReplicas=100)
    rounds(at, 4)
    assert shown(at, "chat") == "0.0"
    of_chat(at)
    rounds(at, 5)
    assert shown(at, "chat") == "0.0", "it begins anew"


def test_an_hpa_at_zero_replicas_is_told_what_to_do() -> None:
    at = stage()
    add_hpa(at.kube, "api", mode="apply", demand="mine", target_per_replica="7")
    at.prometheus.demands["api"] = lambda now: 70.0
    at.kube.put(SCALED, {
        "metadata": {"namespace": "shop", "name": "api"}, "spec": {"replicas": 0}, "status": {},
    })  # fmt: skip
    at.kube.objects[f"{HPAS}/api"]["status"] = {"currentReplicas": 0}
    of_chat(at, desiredReplicas=100)
    at.service.refit(NOW)
    rounds(at, 0, 1, 2, 3, 4)
    (said,) = told(at)
    assert said.endswith(
        "and 0 are asked for: at 0 replicas an HPA does nothing, whatever its minimum is; scale it to 1 by hand"
    )
