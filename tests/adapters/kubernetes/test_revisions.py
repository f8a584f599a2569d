"""What a Revision says of itself, and how a floor is split over several."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ahpa.adapters.kubernetes.revisions import apportion, facts


@given(st.integers(0, 200), st.lists(st.integers(1, 100), min_size=1, max_size=5))
def test_a_split_adds_up_and_each_part_is_within_one_of_its_share(total: int, percents: list[int]) -> None:
    shares = {f"r{i}": percent for i, percent in enumerate(percents)}
    parts = apportion(total, shares, {})
    assert sum(parts.values()) == total
    assert all(abs(parts[n] - total * share / sum(percents)) < 1 for n, share in shares.items())


@pytest.mark.parametrize(
    ("annotations", "concurrency", "expected"),
    [
        ({}, 0, {"per_replica": 70.0, "maximum": None, "baseline": 0}),
        ({}, 10, {"per_replica": 7.0}),
        ({"target": "5"}, 10, {"per_replica": 3.5}),
        ({"metric": "rps", "target": "100"}, 0, {"per_replica": 70.0}),
        ({"target-utilization-percentage": "90"}, 10, {"per_replica": 9.0}),
        ({"class": "hpa.autoscaling.knative.dev", "metric": "cpu"}, 0, {"per_replica": None}),
        ({"max-scale": "8"}, 0, {"maximum": 8}),
        ({"maxScale": "8"}, 0, {"maximum": 8}),
        ({"max-scale": "0"}, 0, {"maximum": None}),
        ({"max-scale": "8", "activation-scale": "3"}, 0, {"maximum": 3}),
        ({"minScale": "2"}, 0, {"baseline": 2, "floor": 2}),
        ({"minScale": "2", "min-scale": "4"}, 0, {"baseline": 4}),
        ({"min-scale": "four"}, 0, {"baseline": 0}),
    ],
)
def test_what_a_revision_says_of_itself(
    annotations: dict[str, str], concurrency: int, expected: dict[str, float | None]
) -> None:
    noted = {f"autoscaling.knative.dev/{key}": value for key, value in annotations.items()}
    item = {"metadata": {"name": "r1", "annotations": noted}, "spec": {"containerConcurrency": concurrency}}
    found = facts(item, {})
    assert {key: getattr(found, key) for key in expected} == pytest.approx(expected)


@given(
    st.integers(0, 50),
    st.lists(st.tuples(st.integers(1, 100), st.integers(0, 30), st.integers(0, 60)), min_size=1, max_size=4),
)
def test_no_part_lies_below_a_revisions_own_minimum_nor_above_its_maximum(
    total: int, rows: list[tuple[int, int, int]]
) -> None:
    """A floor of 3 over 90 % and 10 %, where the small one's owner has set 5: it keeps its 5."""
    shares = {f"r{i}": share for i, (share, _, _) in enumerate(rows)}
    least = {f"r{i}": low for i, (_, low, _) in enumerate(rows)}
    most = {f"r{i}": low + more for i, (_, low, more) in enumerate(rows)}
    parts = apportion(total, shares, least, most)
    assert all(least[name] <= part <= most[name] for name, part in parts.items())
    assert apportion(3, {"a": 90, "b": 10}, {"a": 0, "b": 5}) == {"a": 3, "b": 5}
