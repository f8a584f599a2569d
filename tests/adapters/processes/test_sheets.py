"""Claims about memory that two processes see: what is sent names it, and it goes with the last array in it."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import pickle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ahpa.adapters.processes.sheets import Packed, Sheet, packed, room, unpacked

ROWS, STEPS = 64, 20_000


def fortnight() -> NDArray[np.float32]:
    values = room((ROWS, STEPS))
    values[...] = np.random.default_rng(0).gamma(2.0, 10.0, values.shape)
    values.setflags(write=False)
    return values


def sent(what: object) -> tuple[Any, list[Sheet]]:
    """As another process has it, and the sheets that it sees."""
    ready, laid = packed(what)
    found, seen = unpacked(ready)
    assert len(laid) == len(seen)
    return found, seen


def held() -> int:
    """Descriptors of sheets that are open here."""
    found = 0
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # that of the listing itself
            found += "memfd:ahpa" in os.readlink(f"/proc/self/fd/{name}")
    return found


def test_an_array_that_lies_nowhere_shared_is_laid_there_once() -> None:
    values = np.arange(400_000, dtype=np.float64)
    (one, (same,), few), seen = sent((values, [values], values[:10]))
    assert len(seen) == 1
    assert np.array_equal(one, values)
    assert one.__array_interface__["data"] == same.__array_interface__["data"]
    assert np.array_equal(few, values[:10])


@pytest.mark.parametrize(
    "view",
    [np.s_[:, ::2], np.s_[::-1], np.s_[5:6, 7:], np.s_[:, ::-3], np.s_[2]],
    ids=["every other", "backwards", "a corner", "backwards by three", "a row"],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, np.bool_])
def test_any_part_of_a_sheet_is_understood(view: Any, dtype: type[np.generic]) -> None:
    values = fortnight().astype(dtype)
    laid, _ = sent(values)
    back, seen = sent(laid[view])
    assert len(seen) == 1
    assert back.dtype == dtype
    assert np.array_equal(back, values[view])


@pytest.mark.parametrize("what", [np.zeros(3), np.array([{"a": 1}], object), np.zeros((0, 4)), None, "text"])
def test_what_is_small_or_no_plain_array_goes_as_ever(what: object) -> None:
    found, seen = sent(what)
    assert seen == []
    assert pickle.dumps(found) == pickle.dumps(what)


def test_a_large_array_that_is_new_is_handed_over_and_not_sent() -> None:
    """A fleet with one demand that is not to be believed has a history of its own."""
    _, seen = sent(fortnight())
    own = room((ROWS, STEPS))
    own[...] = 7.0
    said, laid = packed(own, seen)
    assert len(said.said) < 1000
    assert len(laid) == 1
    back = np.asarray(unpacked(said, seen, ours=True)[0])
    assert np.array_equal(back, own)
    back[0] = 1.0  # who made it is done with it


def test_memory_is_given_back_with_the_last_array_in_it() -> None:
    gc.collect()
    before = held()
    part = fortnight()[:3]
    assert held() > before
    del part
    gc.collect()
    assert held() == before


def test_memory_that_cannot_be_mapped_is_one_error_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(self: object, *words: object) -> object:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(Sheet, "__new__", refuses)
    gc.collect()
    before = held()
    assert room((ROWS, STEPS)).shape == (ROWS, STEPS)
    assert held() == before


def test_a_packed_thing_whose_sheets_are_gone_says_so() -> None:
    ready, laid = packed(fortnight())
    gone = Packed(ready.said, tuple(name._replace(descriptor=99_999) for name in ready.sheets))
    with pytest.raises(OSError, match="No such file"):
        unpacked(gone)
    assert len(laid) == 1
