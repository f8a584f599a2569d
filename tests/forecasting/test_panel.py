"""Panels side by side are a fleet."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.typing import NDArray

from forecasting.panel import Panel, Storage, fleets


def test_panels_that_end_together_become_one_and_others_stay_apart() -> None:
    """A series that begins later is NaN before; another step, another end or a key that is taken is another fleet."""
    long = Panel.of(0, 60, [[1.0, 2.0, 3.0]], ["a"])
    short = Panel.of(120, 60, [[9.0]], ["b"])
    late = Panel.of(0, 60, [[1.0, 2.0]], ["c"])
    coarse = Panel.of(0, 180, [[4.0]], ["d"])
    again = Panel.of(0, 60, [[5.0, 6.0, 7.0]], ["a"])
    found = fleets([long, short, late, coarse, again])
    assert [panel.keys for panel in found] == [("a", "b"), ("c",), ("d",), ("a",)]
    np.testing.assert_array_equal(found[0].values, [[1, 2, 3], [np.nan, np.nan, 9]])
    assert (found[0].start, found[0].end) == (0, 180)


STORAGE = Storage.over(np.arange(90, dtype=np.float32).reshape(9, 10), 7)
STORED = Panel.stored(0.0, 60.0, STORAGE, tuple("abcdefghi"))


def test_most_rows_go_on_in_the_storage_and_a_few_do_not_keep_all_of_it() -> None:
    """Nor what is cut: what is written behind it would be hours that were cut off."""
    some = STORED.select(tuple("bcdefghi"))
    assert some.storage is not None
    np.testing.assert_array_equal(some.storage.columns[:, :7], some.values)
    assert np.shares_memory(some.values, STORED.values)
    assert STORED.select(tuple("cdefghi")).storage is None
    assert STORED.select(tuple("cabdefghi")).storage is None
    assert STORED.until(300.0).storage is None
    assert not STORED.values.flags.writeable


@pytest.mark.parametrize("panel", [STORED, Panel.of(0, 60, [[1.0, 2.0]], ["a"])])
def test_a_panel_is_sent_once_and_arrives_as_it_was(panel: Panel) -> None:
    sent = pickle.dumps(panel)
    back: Panel = pickle.loads(sent)
    assert (back.start, back.step, back.keys) == (panel.start, panel.step, panel.keys)
    np.testing.assert_array_equal(back.values, panel.values)
    assert (back.storage is None) == (panel.storage is None)
    if back.storage is not None:
        assert np.shares_memory(back.storage.columns, back.values)
        assert sent.count(panel.values[0].tobytes()) == 1


@pytest.mark.parametrize("values", [STORED.values * 2, STORED.values[1:], STORED.values[:, 1:], STORAGE.columns[::-1]])
def test_values_that_do_not_begin_the_storage_are_refused(values: NDArray[np.float32]) -> None:
    """What is learned would be what lies there, and not what they say."""
    with pytest.raises(ValueError, match="first columns"):
        Panel(0.0, 60.0, values, STORED.keys[: len(values)], STORAGE)
