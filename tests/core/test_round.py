"""What a round says of one workload beside itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ahpa.core.observation import Limits, Observation
from ahpa.core.round import Round, held, nothing_to_go_by
from forecasting.forecast import Outlook
from tests.core.conftest import NOW, outlook_of, workload_of

SOME = outlook_of(4.0)
NEW = outlook_of(0, reason="it is new")
FAILED = replace(NEW, failed=True)
STALE = {"observed_until": NOW - 301}


@pytest.mark.parametrize(
    ("changes", "outlook", "nothing", "holds"),
    [
        ({}, SOME, False, True),
        ({}, None, False, True),
        ({}, FAILED, False, True),
        ({}, NEW, True, False),
        ({"observed_until": NOW - 300}, NEW, True, False),
        (STALE, NEW, True, True),
        (STALE, SOME, True, True),
        (STALE, None, True, True),
        ({"observed_until": NOW - 900}, SOME, True, True),
        ({"observed_until": NOW - 901}, SOME, True, False),
        ({"observed_until": NOW - 901}, None, True, False),
        ({"observed_until": NOW - 901}, FAILED, True, True),
        ({"unread": "no answer"}, SOME, True, True),
        ({"unread": "no answer", "doubted_since": NOW - 901}, None, True, False),
        ({"doubted_since": NOW - 901}, None, False, True),
        ({"doubted_since": NOW - 900}, NEW, True, True),
        ({"doubted_since": NOW - 901}, NEW, True, False),
    ],
)
def test_a_hold_counts_from_where_there_is_nothing_to_go_by(
    changes: dict[str, Any], outlook: Outlook | None, nothing: bool, holds: bool
) -> None:
    """Lost data, or a model that has looked and has no opinion; a failure of ours is neither, and holds without end."""
    workload = workload_of(**changes)
    observation = Observation(NOW, 60.0, (workload,), {} if outlook is None else {workload.key: outlook})
    assert nothing_to_go_by(workload, observation) is nothing
    assert held(workload, observation) is holds


@pytest.mark.parametrize(
    ("skew", "skewed", "said"),
    [
        (30.0, False, "our clock is 30 s ahead of the servers'"),
        (-30.0, False, "our clock is 30 s behind the servers'"),
        (30.1, True, "our clock is 30 s ahead of the servers'"),
        (-45.0, True, "our clock is 45 s behind the servers'"),
    ],
)
def test_clocks_may_differ_by_as_much_as_the_limit(skew: float, skewed: bool, said: str) -> None:
    at = Round(Observation(NOW, 60.0, (), {}, Limits(skew_seconds=30.0), skew=skew), frozen=False)
    assert (at.skewed, at.skew, at.may_lower) == (skewed, said, not skewed)
