"""Ten thousand objects with annotations that nobody should write, beside some that are right."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from ahpa.adapters.kubernetes.cluster_defaults import AUTOSCALER, DEFAULTS
from ahpa.core.decision import Reason
from ahpa.core.policy.rules import parse_policy
from tests.core.hostile_policies import BY_HAND, NEVER_RIGHT, generated
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.reliability.reached import Reached
from tests.service.stage import HPAS, NOW, ROOT, Stage, add_hpa, add_knative, staged

BATCH, BATCHES = 500, 20
MAPS = "/api/v1/namespaces/knative-serving/configmaps"


def among(hostile: Sequence[Mapping[str, str]]) -> Stage:
    """A cluster of these, half of them Knative Services and half HPAs, and of each kind one that is right."""
    kube = FakeKube()
    for number, noted in enumerate(hostile):
        if number % 2:
            add_knative(kube, f"bad-{number}")
            kube.objects[f"{ROOT}/services/bad-{number}"]["metadata"]["annotations"] = dict(noted)
        else:
            add_hpa(kube, f"bad-{number}")
            kube.objects[f"{HPAS}/bad-{number}"]["metadata"]["annotations"] = dict(noted)
    add_knative(kube, "good", mode="apply")
    add_hpa(kube, "good", mode="apply", demand="mine", target_per_replica="7")
    at = staged(kube, FakePrometheus({"good": lambda t: 42.0, "bad": lambda t: 42.0}))
    at.service.refit(NOW)
    return at


def wrong_and_asks(noted: Mapping[str, str]) -> bool:
    """Who leaves (`off`, or no mode at all) has our record taken away, whatever else is written there."""
    parsed = parse_policy(noted)
    return bool(parsed.problems) and parsed.requested and parsed.policy.mode != "off"


def written(at: Stage) -> set[str]:
    """Names of the objects that were written to, Revisions by their Service's."""
    return {where.rpartition("/")[2].removesuffix("-00001") for where, _ in at.kube.writes}


def serves(at: Stage) -> None:
    for minute in range(2):
        decisions = at.tick(NOW + 60 * minute)
    assert [decisions[f"{kind}/shop/good"].floor for kind in ("knative", "hpa")] == [6, 6]


@pytest.mark.parametrize("batch", range(BATCHES))
def test_no_annotation_ends_a_round_none_that_is_wrong_is_acted_on_and_neighbours_are_served(
    batch: int, reached: Reached
) -> None:
    hostile = list(generated(BATCH, seed=batch))
    wrong = {f"bad-{i}" for i, noted in enumerate(hostile) if wrong_and_asks(noted)}
    assert len(wrong) > BATCH / 3
    at = among(hostile)
    serves(at)
    assert written(at) & wrong == set()
    assert {"good"} < written(at), "those that are right among the generated are served too"
    reached("T2", size=f"{BATCH} objects", figure="nothing raised, 0 writes to who is wrong, neighbours served")


def test_what_was_written_by_hand_is_refused_with_its_reason(reached: Reached) -> None:
    at = among([{"ahpa.dev/mode": "apply", **noted} for noted in BY_HAND])
    serves(at)
    assert written(at) == {"good"}
    told = {each.decision.reason for each in at.service.shown.rounds if each.target.name != "good"}
    assert told == {Reason.INVALID_POLICY}
    reached("T2", size=f"{len(BY_HAND)} objects by hand", figure="all refused with a reason, neighbours served")


def test_annotations_are_parsed_in_a_millisecond(reached: Reached) -> None:
    """Of the ten thousand 99 % in one, and none in more than ten; processor time, as the machine is shared. The best of
    three, as a collection of garbage is no parsing; of slow ones the best of twenty, as a busy core is none either."""
    hostile = [noted for batch in range(BATCHES) for noted in generated(BATCH, seed=batch)]
    took = np.array([min(_seconds(noted) for _ in range(3)) for noted in hostile]) * 1000
    for at in np.flatnonzero(took > 5):
        took[at] = min(_seconds(hostile[at]) for _ in range(20)) * 1000
    assert np.quantile(took, 0.99) <= 1
    assert took.max() <= 10
    figure = f"99 % within {np.quantile(took, 0.99):.2f} ms, the slowest {took.max():.1f} ms"
    reached("T2", size=f"{len(hostile):,} objects", figure=figure)


def _seconds(noted: Mapping[str, str]) -> float:
    began = time.thread_time()
    parse_policy(noted)
    return time.thread_time() - began


@pytest.mark.parametrize("text", NEVER_RIGHT, ids=ascii)
def test_no_text_in_knatives_own_annotations_or_defaults_ends_a_round(text: str) -> None:
    """Knative's webhook lets none of these in; a Revision may be older than it, and a ConfigMap has its own rules. The
    HPA beside them does not hang on any of it."""
    at = among([])
    keys = ("target", "metric", "class", "min-scale", "max-scale", "target-utilization-percentage", "window")
    for number, key in enumerate(keys):
        add_knative(at.kube, f"odd-{number}", mode="apply")
        noted = at.kube.objects[f"{ROOT}/revisions/odd-{number}-00001"]["metadata"]["annotations"]
        noted[f"autoscaling.knative.dev/{key}"] = text
    serves(at)
    for name, key in ((AUTOSCALER, "container-concurrency-target-default"), (DEFAULTS, "container-concurrency")):
        meta = {"namespace": "knative-serving", "name": name}
        at.kube.put(f"{MAPS}/{name}", {"metadata": meta, "data": {key: text, text or "empty": text}})
    for minute in range(2, 5):
        decisions = at.tick(NOW + 60 * minute)
    assert decisions["hpa/shop/good"].floor == 6
    assert decisions["knative/shop/good"].floor >= 6, "nothing is lowered on defaults that cannot be read"
