"""What the floor holds is let go later than it was asked for (docs/decisions/0023-let-go-later.md)."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ahpa.core.controller import step
from ahpa.core.decision import Decision, Reason
from ahpa.core.observation import Limits, Observation, Workload
from forecasting.forecast import Outlook
from tests.core.conftest import NOW, outlook_of, workload_of


def decided(workload: Workload, outlook: Outlook) -> Decision:
    (decision,) = step(Observation(NOW, 60.0, (workload,), {workload.key: outlook}, Limits(raise_least=10_000)))
    return decision


def test_a_peak_that_wavers_around_a_boundary_moves_the_floor_once() -> None:
    """A night's p99 between 2.6 and 2.9 at 2.8 each: the floor went between 1 and 2 for hours, and each time a replica
    that had taken minutes to start was thrown away. Its p99.5 lies 0.2 higher."""
    workload, floors = workload_of(per_replica=2.8, baseline=0, floor=1), []
    for peak in [2.9, 2.6, 2.7, 2.85, 2.65] * 20:
        floor = decided(workload, outlook_of(peak + 0.3 * math.log1p(-0.99), spread=0.3)).floor
        workload = replace(workload, floor=floor, ready=max(1, floor), present=max(1, floor))
        floors.append(floor)
    assert set(floors) == {2}


def test_what_is_kept_because_it_is_likely_says_so_and_is_no_news() -> None:
    """p99 needs 2 of 4 each, p99.5 needs 3."""
    workload = workload_of(floor=3, ready=3, present=3, unit="requests/s")
    outlook = outlook_of(2.0, spread=1.2)  # p99 7.53, p99.5 8.36
    kept = decided(workload, outlook)
    assert (kept.floor, kept.reason) == (3, Reason.DESIRED_WITHIN_RANGE)
    assert kept.message == (
        "keep 3: peak 7.526 requests/s (p99) within 180 s needs 2 at 4 each; 3 are still likely to be needed"
    )
    lowered = decided(replace(workload, floor=4, ready=4, present=4), outlook)
    assert (lowered.floor, lowered.reason) == (3, Reason.RELEASED)
    assert lowered.message.endswith("needs 2 at 4 each; 3 are still likely to be needed")
    starting = decided(replace(workload, ready=2), outlook)
    assert (starting.floor, starting.reason) == (3, Reason.STARTING_PROTECTED)


@given(st.integers(0, 40), st.floats(0, 100), st.floats(0, 10))
def test_what_is_held_depends_on_the_floor_only_between_two_bounds(floor: int, peak: float, spread: float) -> None:
    """Never below what the level asks for, never above what half of its miss asks for, and never raised by it."""
    outlook = outlook_of(peak, spread=spread)
    workload = workload_of({"ahpa.dev/release": "0.99"}, baseline=0, floor=floor, ready=floor, present=floor)
    asked, likely = (
        decided(replace(workload, floor=0), seen).floor
        for seen in (outlook, outlook_of(peak + spread * math.log(2), spread=spread))
    )
    held = decided(workload, outlook).floor
    ramp = floor - max(1, math.ceil(0.99 * floor))
    assert asked <= held <= max(asked, likely, ramp)
    assert held <= max(asked, floor)
