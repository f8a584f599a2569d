"""One metric asks for what upstream's own tests say (replica_calculator_test.go)."""

import pytest

from ahpa.reactive.hpa.config import Tolerances
from ahpa.reactive.hpa.replicas import (
    INT32_MAX,
    INT64_MAX,
    NoProposalError,
    Pod,
    Sample,
    average_value_replicas,
    external_total,
    group,
    per_replica_replicas,
    utilization_replicas,
    value_replicas,
)

NOW = 1_700_000_000.0
OLD, YOUNG = NOW - 3600, NOW - 30  # long past, or within, the 300 s in which CPU says little
USUAL = Tolerances()


def pods(*kinds: str) -> list[Pod]:
    """One pod per kind: ready, never (was never ready), hot (just started), pending, failed, deleting."""
    made = {
        "ready": Pod("", ready=True, ready_changed=OLD + 60, started=OLD),
        "never": Pod("", ready=False, ready_changed=OLD + 5, started=OLD),
        "flapped": Pod("", ready=False, ready_changed=OLD + 60, started=OLD),
        "hot": Pod("", ready=True, ready_changed=YOUNG + 10, started=YOUNG),
        "blank": Pod("", ready=None, started=None),
        "pending": Pod("", phase="Pending", ready=False),
        "failed": Pod("", phase="Failed", ready=False),
        "deleting": Pod("", deleting=True),
    }
    return [
        Pod(str(i), p.phase, p.deleting, p.ready, p.ready_changed, p.started, {"main": {"cpu": 1000}})
        for i, p in enumerate(made[kind] for kind in kinds)
    ]


def samples(*values: int | None) -> dict[str, Sample]:
    return {str(i): Sample(value, NOW) for i, value in enumerate(values) if value is not None}


@pytest.mark.parametrize(
    ("kinds", "values", "target", "current", "expected"),
    [
        (["ready"] * 3, [300, 500, 700], 30, 3, 5),
        (["never", "ready", "ready"], [300, 500, 700], 30, 3, 4),
        (["hot", "ready", "ready"], [300, 500, 700], 30, 3, 4),
        (["blank", "ready", "ready"], [300, 500, 700], 30, 3, 4),
        (["flapped", "ready", "ready"], [300, 500, 700], 30, 3, 5),  # it was ready once: its value counts
        (["ready", "never", "never"], [400, 500, 700], 30, 3, 3),
        (["ready", "ready", "failed", "failed"], [500, 700], 30, 2, 4),
        (["ready", "ready", "deleting", "deleting"], [500, 700], 30, 2, 4),
        (["ready"] * 5, [100, 300, 500, 250, 250], 50, 5, 3),
        (["ready"] * 3 + ["never"] * 2, [100, 300, 500, 250, 250], 50, 5, 2),
        (["ready"] + ["pending"] * 4, [100], 50, 5, 1),
        (["ready"] * 3, [1010, 1030, 1020], 100, 3, 3),  # within tolerance
        (["ready"] * 4, [400, None, None, None], 100, 4, 4),  # missing at 100 %: 340 of 400 holds
        (["ready"] * 4, [None, 100, 100, 450], 100, 4, 2),
        (["ready"] * 2, [1000, None], 20, 2, 5),  # up with the missing one at 0: 50 % of 20 % needs 5
        (["ready"] * 4, [100, None, 100, None], 150, 4, 3),  # above 100 % they count as at the target
    ],
)
def test_utilization(kinds: list[str], values: list[int | None], target: int, current: int, expected: int) -> None:
    some = pods(*kinds)
    groups = group(some, samples(*values), NOW, cpu=True)
    requests = {pod.name: pod.request("cpu") for pod in some}
    assert utilization_replicas(current, groups, requests, target, USUAL) == expected


@pytest.mark.parametrize(
    ("kinds", "values", "target", "current", "expected"),
    [
        (["ready"] * 3, [20000, 10000, 30000], 15000, 3, 4),
        (["ready", "ready", "never"], [50000, 10000, 30000], 15000, 3, 6),  # readiness only matters for CPU
        (["ready"] * 5, [12000] * 5, 20000, 5, 3),
        (["ready"] * 3, [None, 15000, 15000], 15000, 3, 3),
        (["ready"] * 3, [None, 15000, 25000], 15000, 3, 3),  # 20 of 15, but 13 with the missing one at 0
        (["ready"] * 4, [None, 5000, 5000, 5000], 10000, 4, 3),  # the missing one counts as at the target
        (["ready", "pending"], [30000], 15000, 2, 2),
    ],
)
def test_average_value(kinds: list[str], values: list[int | None], target: int, current: int, expected: int) -> None:
    groups = group(pods(*kinds), samples(*values), NOW, cpu=False)
    assert average_value_replicas(current, groups, target, USUAL) == expected


@pytest.mark.parametrize(
    ("current", "ready", "usage", "target", "expected"),
    [
        (3, 3, 20000, 15000, 4),
        (3, 1, 50000, 10000, 5),  # of three pods only the ready one counts
        (5, 5, 8600, 14334, 3),
        (3, 3, 10900, 10000, 3),
        (0, 0, 20000, 15000, 2),
        (3, 3, INT64_MAX, 1, INT32_MAX),
    ],
)
def test_value(current: int, ready: int, usage: int, target: int, expected: int) -> None:
    assert value_replicas(current, ready, usage, target, USUAL) == expected


@pytest.mark.parametrize(
    ("existing", "usage", "target", "expected"),
    [
        (3, 20000, 5000, 4), (3, 8600, 2150, 4), (5, 6000, 2000, 3), (5, 8600, 2867, 3), (4, 8600, 2150, 4),
        (0, 100, 50, 2), (0, 0, 50, 0), (1, INT64_MAX, 1, INT32_MAX),
    ],
)  # fmt: skip
def test_value_per_replica(existing: int, usage: int, target: int, expected: int) -> None:
    assert per_replica_replicas(existing, usage, target, USUAL) == expected


def test_tolerance_is_inclusive_and_may_differ_by_direction() -> None:
    assert USUAL.hold(0.9)
    assert USUAL.hold(1.1)
    assert not USUAL.hold(1.11)
    assert value_replicas(10, 10, 1050, 1000, Tolerances(down=0.1, up=0.0)) == 11
    assert value_replicas(10, 10, 950, 1000, Tolerances(down=0.1, up=0.0)) == 10


def test_without_values_there_is_no_proposal() -> None:
    nothing = group(pods("ready"), {}, NOW, cpu=False)
    with pytest.raises(NoProposalError):
        average_value_replicas(1, nothing, 100, USUAL)
    stranger = group(pods("ready"), {"other": Sample(100, NOW)}, NOW, cpu=True)
    with pytest.raises(NoProposalError):
        utilization_replicas(1, stranger, {}, 100, USUAL)
    with pytest.raises(NoProposalError):
        value_replicas(1, None, 500, 100, USUAL)
    with pytest.raises(NoProposalError):
        Pod("p", requests={"main": {"cpu": 100}, "side": {}}).request("cpu")


def test_a_young_pods_sample_must_lie_after_its_readiness() -> None:
    """Ready since 20 s with a window of 60 s: the sample still holds the start-up."""
    young = [Pod("0", ready=True, ready_changed=NOW - 20, started=YOUNG)]
    assert group(young, {"0": Sample(1, NOW, 60)}, NOW, cpu=True).unready == ["0"]
    assert group(young, {"0": Sample(1, NOW, 20)}, NOW, cpu=True).ready == 1


def test_external_series_add_up_within_64_bits() -> None:
    assert external_total([1000, 500]) == 1500
    assert external_total([INT64_MAX, 1]) == INT64_MAX
