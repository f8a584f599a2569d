"""Each service is tried at several fills; the best setting of the best fill is taken, and all learn from the one in
force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from ahpa.core.fills import Fills
from ahpa.core.served import Served
from ahpa.core.setting import Lever, Setting
from ahpa.core.tryouts import Tryouts
from forecasting.panel import Floats

SHARES = (None, 0.9, 1.0)
TARGET = np.full(4, 0.001)


def fills() -> Fills:
    """One service whose target may be raised, and one whose may not."""
    return Fills.of([("a", SHARES), ("b", (None,))])


def served(rows: int = 4) -> Served:
    n = rows
    known = [7.0] * n, [10.0] * n, [0] * n, [np.inf] * n, [0.25] * n, [180.0] * n, [2.0] * n, [1.0] * n
    return Served.of(*known)


def recorded(cost: Sequence[float], late: Sequence[float] = (0.0,) * 4, days: Sequence[float] = (2,) * 4) -> Tryouts:
    """Each row as if all of its settings had cost so many replicas and been late so often, for so many days."""
    found = Tryouts.fresh(fills().keys, np.ones(4), np.full(4, 5.0))
    minutes = np.array([round(1440 * each) for each in days])
    ones = np.ones_like(found.cost)
    counted = np.full(4, 1000.0, np.float32)
    return replace(
        found,
        world=replace(found.world, minutes=minutes),
        cost=ones * np.array(cost, np.float32)[:, None],
        late=ones * 1000 * np.array(late, np.float32)[:, None],
        demand=counted,
    )


def chosen(tried: Tryouts, before: Mapping[str, Setting] | None = None) -> dict[str, float | None]:
    found = fills().choose(tried, served(), TARGET, before or {})
    return {name: setting.utilization for name, setting in found.items()}


@pytest.mark.parametrize(
    ("cost", "late", "share"),
    [
        ((6, 5, 4, 5), (0, 0, 0, 0), 1.0),
        ((6, 5, 7, 5), (0, 0, 0, 0), 0.9),
        ((4, 5, 6, 5), (0, 0, 0, 0), None),
        ((5, 5, 5, 5), (0, 0, 0, 0), None),
        ((6, 5, 4.5, 5), (0, 0, 0.01, 0), 0.9),
        ((6, 5, 4.5, 5), (0, 0.01, 0.01, 0), None),
    ],
)
def test_the_best_fill_is_taken_where_late_requests_count(
    cost: Sequence[float], late: Sequence[float], share: float | None
) -> None:
    assert chosen(recorded(cost, late)) == {"a": share, "b": None}


@pytest.mark.parametrize(("cheaper", "share"), [(0.95, 0.9), (0.8, 1.0)])
def test_a_fill_stays_until_another_is_better_by_a_tenth(cheaper: float, share: float) -> None:
    before = {"a": Setting.fill(0.9, 0.9)}
    assert chosen(recorded((6, 5, 5 * cheaper, 5)), before)["a"] == share


def test_of_fills_with_too_little_on_record_none_is_taken() -> None:
    """Its owner has just asked for it: the own fill has days on record, the others a minute."""
    assert chosen(recorded((6, 1, 1, 5), days=(2, 0.001, 0.001, 2))) == {"a": None, "b": None}
    assert chosen(recorded((6, 1, 1, 5), days=(0, 0, 0, 0))) == {}


def test_a_setting_is_looked_for_at_its_own_fill() -> None:
    full = Setting.fill(0.9, 0.9)
    assert fills().at_theirs({"a": full, "c": full}) == {"a filled to 0.9": full}
    assert fills().at_theirs({"a": Setting.fill(0.9)}) == {"a": Setting.fill(0.9)}
    assert fills().at_theirs({"a": Setting.fill(0.9, 0.8)}) == {}


def late_of(tried: Tryouts) -> Floats:
    return np.asarray(tried.experience.late)


def test_what_one_fill_shows_all_of_its_service_learn_and_nobody_elses() -> None:
    tried = recorded((6, 5, 4, 5))
    late = np.array([1, 2, 3, 4], np.float32)
    tried = replace(tried, experience=replace(tried.experience, late=late))
    assert late_of(fills().taught(tried, np.array([-1, 5, -1, -1]))).tolist() == [2, 2, 2, 4]
    assert late_of(fills().taught(tried, np.array([-1, -1, 0, -1]))).tolist() == [3, 3, 3, 4]
    assert late_of(fills().taught(tried, np.array([-1, -1, -1, 0]))).tolist() == [1, 2, 3, 4]
    assert late_of(fills().taught(tried, np.full(4, -1))).tolist() == [1, 2, 3, 4]


def test_rows_keep_their_service() -> None:
    some = fills().rows(np.array([3, 1]))
    assert (some.services, some.shares) == (("b", "a"), (None, 0.9))
    both = some.beside(Fills.of([("c", (None,))]))
    assert both.keys == ("b", "a filled to 0.9", "c")


@pytest.mark.parametrize(
    ("own", "shares"), [(0.7, (0.8, 0.9, 1.0)), (0.8, (0.9, 1.0)), (0.95, (1.0,)), (1.5, ()), (None, ())]
)
def test_a_target_is_tried_above_its_owners_own_and_not_beyond_all(
    own: float | None, shares: tuple[float, ...]
) -> None:
    assert Lever(own).fills == shares


def test_a_fill_is_judged_by_its_best_setting_also_where_that_is_the_first() -> None:
    tried = recorded((9, 5, 6, 5))
    tried.cost[0, 0] = 4.0
    assert chosen(tried) == {"a": None, "b": None}
