"""Claims about work in a process of its own: arrays are seen there and not sent, and its end is nobody else's."""

from __future__ import annotations

import errno
import gc
import os
import pickle
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ahpa.adapters.processes import sheets
from ahpa.adapters.processes.apart import Apart, Died
from ahpa.adapters.processes.executors import Processes, Threads
from ahpa.adapters.processes.sheets import Packed, Sheet, answer, answered, packed, room, unpacked
from forecasting.choice.elsewhere import Elsewhere
from forecasting.executor import OrHere, Unavailable
from forecasting.fleet.forecaster import FleetForecaster
from forecasting.fleet.model import FleetModel
from forecasting.fleet.network import Training
from forecasting.panel import Panel
from tests.adapters.processes.pids import ends

ROWS, STEPS = 64, 20_000


@pytest.fixture
def apart() -> Iterator[Apart]:
    with Apart() as executor:
        yield executor


def fortnight() -> NDArray[np.float32]:
    values = room((ROWS, STEPS))
    values[...] = np.random.default_rng(0).gamma(2.0, 10.0, values.shape)
    values.setflags(write=False)
    return values


def shared(array: NDArray[Any]) -> float:
    """MiB of this process that others have too, after all of the array was read."""
    array.sum()
    lines = Path("/proc/self/smaps").read_text().split("memfd:ahpa")[1:]
    return sum(int(line.split("Rss:")[1].split()[0]) for line in lines) / 1024


def sent(what: object) -> tuple[Any, list[Sheet]]:
    """As another process has it, and the sheets that it sees."""
    ready, laid = packed(what)
    found, seen = unpacked(ready)
    assert len(laid) == len(seen)
    return found, seen


def newest(values: NDArray[Any], count: int) -> NDArray[Any]:
    return values[:, -count:]


def larger(values: NDArray[Any]) -> NDArray[Any]:
    return values + 1


def written(values: NDArray[Any]) -> str:
    try:
        values[0, 0] = 1.0
    except ValueError as error:
        return str(error)
    return "it was written"


def killed(number: int) -> int:
    os.kill(os.getpid(), number)
    return number


def nice() -> int:
    return os.nice(0)


def pid() -> int:
    return os.getpid()


def test_a_large_array_is_seen_there_and_not_sent(apart: Apart) -> None:
    values = fortnight()
    assert len(packed((larger, values))[0].said) < 1000
    assert apart.submit(shared, values).result() >= values.nbytes / 2**20 - 0.1


def test_an_array_that_lies_nowhere_shared_is_laid_there_once() -> None:
    values = np.arange(400_000, dtype=np.float64)
    (one, (same,), few), seen = sent((values, [values], values[:10]))
    assert len(seen) == 1
    assert np.array_equal(one, values)
    assert one.__array_interface__["data"] == same.__array_interface__["data"]
    assert np.array_equal(few, values[:10])


def test_what_comes_back_of_an_array_of_ours_is_ours_again(apart: Apart) -> None:
    values = fortnight()
    back = apart.submit(newest, values, 500).result()
    assert np.shares_memory(back, values)
    assert np.array_equal(back, values[:, -500:])
    assert np.array_equal(apart.submit(larger, values[3:5]).result(), values[3:5] + 1)


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


def test_the_work_cannot_change_what_is_ours(apart: Apart) -> None:
    assert "read-only" in apart.submit(written, fortnight()).result()


@pytest.mark.parametrize("what", [np.zeros(3), np.array([{"a": 1}], object), np.zeros((0, 4)), None, "text"])
def test_what_is_small_or_no_plain_array_goes_as_ever(what: object) -> None:
    found, seen = sent(what)
    assert seen == []
    assert pickle.dumps(found) == pickle.dumps(what)


def test_an_answer_names_only_what_it_was_shown() -> None:
    """A sheet that the work made for itself is said in full: nobody here could find it."""
    _, seen = sent(fortnight())
    own = room((ROWS, STEPS))
    own[...] = 7.0
    assert np.array_equal(np.asarray(answered(answer(own, seen), seen)), own)


def test_memory_is_given_back_with_the_last_array_in_it() -> None:
    def held() -> int:
        return sum("memfd:ahpa" in os.readlink(f"/proc/self/fd/{name}") for name in _descriptors())

    gc.collect()
    before = held()
    part = fortnight()[:3]
    assert held() > before
    del part
    gc.collect()
    assert held() == before


def _descriptors() -> list[str]:
    return [name for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")]


def test_without_such_memory_arrays_are_copied(monkeypatch: pytest.MonkeyPatch, apart: Apart) -> None:
    def none(size: int) -> Sheet:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(sheets.Sheet, "blank", none)
    values = fortnight()
    assert values.base is None
    assert np.array_equal(apart.submit(larger, values).result(), values + 1)


def test_a_process_that_is_killed_is_the_works_failure_alone(apart: Apart) -> None:
    task = apart.submit(killed, signal.SIGKILL)
    for _ in range(2):
        with pytest.raises(Died, match="no memory, or a crash"):
            task.result()
    assert apart.submit(nice).result() == os.nice(0) + 5


def test_each_has_a_process_of_its_own_that_ends_with_it(apart: Apart) -> None:
    first, second = apart.submit(pid), apart.submit(pid)
    pids = {first.result(), second.result()}
    assert len(pids | {os.getpid()}) == 3
    assert all(ends(each) for each in pids)


def test_where_no_process_can_begin_the_work_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(self: Processes, *work: object) -> object:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(Processes, "submit", none)
    heard: list[Unavailable | None] = []
    assert OrHere(Apart(), heard.append).submit(pid).result() == os.getpid()
    assert "no process could begin" in str(heard[0])


def test_a_packed_thing_whose_sheets_are_gone_says_so() -> None:
    ready, laid = packed(fortnight())
    gone = Packed(ready.said, tuple(name._replace(descriptor=99_999) for name in ready.sheets))
    with pytest.raises(OSError, match="No such file"):
        unpacked(gone)
    assert len(laid) == 1


def test_a_fleet_is_learned_there_as_here_and_its_history_is_not_copied() -> None:
    values = room((20, 10 * 1440))
    values[...] = 10 + np.random.default_rng(1).gamma(2.0, 5.0, values.shape)
    values.setflags(write=False)
    panel = Panel(0.0, 60.0, values, tuple(f"s{row:02d}" for row in range(20)))
    quick = Training(members=2, epochs=1)
    model = FleetModel(samples=2000, others=2, peaks=quick, steps=quick, executor=Threads(2))
    with Apart() as executor:
        there = Elsewhere(model, executor).fit(panel)
    here = model.fit(panel)
    asked = 10, (60.0, 900.0)
    assert np.array_equal(there.forecast(*asked).steps, here.forecast(*asked).steps)
    assert np.array_equal(there.forecast(*asked).peaks, here.forecast(*asked).peaks)
    assert isinstance(there, FleetForecaster)
    assert np.shares_memory(there.history.values, values)
