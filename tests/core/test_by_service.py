"""Claims about arrays that go with their services."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ahpa.core.by_service import ByService
from forecasting.panel import Floats


@dataclass(frozen=True, eq=False)
class Named(ByService):
    NAMED = ("names",)
    names: tuple[str, ...]
    value: Floats


@dataclass(frozen=True, eq=False)
class Whole(ByService):
    named: Named
    table: Floats
    said: str = "the same"


def whole(*values: float) -> Whole:
    told = np.array(values)
    return Whole(Named(tuple(str(value) for value in values), told), np.stack([told, 10 * told], axis=1))


def test_what_belongs_to_a_service_goes_with_it_and_a_part_minds_its_own() -> None:
    """Rows of the whole are rows of each part, in the part's own way: its names went on as they were."""
    some = whole(1.0, 2.0, 3.0).rows(np.array([2, 0]))
    assert some.named.names == ("3.0", "1.0")
    assert some.named.value.tolist() == [3.0, 1.0]
    assert some.table.tolist() == [[3.0, 30.0], [1.0, 10.0]]
    assert some.said == "the same"


def test_both_stand_one_after_the_other() -> None:
    both = whole(1.0).beside(whole(2.0, 3.0))
    assert both.named.value.tolist() == [1.0, 2.0, 3.0]
    assert both.table.tolist() == [[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]


def test_rows_of_others_take_the_place_of_some_and_nothing_changes_in_place() -> None:
    mine, theirs = whole(1.0, 2.0, 3.0), whole(7.0, 8.0)
    put = mine.put(np.array([True, False, True]), theirs, np.array([1, 0]))
    assert put.named.value.tolist() == [8.0, 2.0, 7.0]
    assert put.table[:, 1].tolist() == [80.0, 20.0, 70.0]
    assert mine.named.value.tolist() == [1.0, 2.0, 3.0]
