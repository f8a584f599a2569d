"""Claims about work in a process of its own: arrays are seen there and not sent, and its end is nobody else's."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import pickle
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ahpa.adapters.processes import sheets
from ahpa.adapters.processes.apart import Apart, Died
from ahpa.adapters.processes.executors import Processes, Threads
from ahpa.adapters.processes.sheets import Packed, Sheet, _sheet_of, packed, room, unpacked
from forecasting.choice.elsewhere import Elsewhere
from forecasting.executor import OrHere, Unavailable
from forecasting.fleet.forecaster import FleetForecaster
from forecasting.fleet.model import FleetModel
from forecasting.fleet.network import Training
from forecasting.panel import Panel
from tests.adapters.processes.pids import ends
from tests.waiting import until

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


def held() -> int:
    """Descriptors of sheets that are open here."""
    found = 0
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # that of the listing itself
            found += "memfd:ahpa" in os.readlink(f"/proc/self/fd/{name}")
    return found


def held_up(mark: Path) -> None:
    """Says where it runs, and does not end."""
    written_whole = mark.with_suffix(".new")
    written_whole.write_text(str(os.getpid()))
    written_whole.rename(mark)
    time.sleep(600)


def fails(values: object) -> object:
    raise ValueError("no")


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


def killed(what: object) -> object:
    os.kill(os.getpid(), signal.SIGKILL)
    return what


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


def test_without_such_memory_arrays_are_copied(monkeypatch: pytest.MonkeyPatch, apart: Apart) -> None:
    def none(size: int) -> Sheet:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(sheets.Sheet, "blank", none)
    values = fortnight()
    assert values.base is None
    assert np.array_equal(apart.submit(larger, values).result(), values + 1)


def test_a_process_that_is_killed_is_the_works_failure_alone(apart: Apart) -> None:
    task = apart.submit(killed, None)
    for _ in range(2):
        with pytest.raises(Died, match="no memory, or a crash"):
            task.result()
    assert apart.submit(nice).result() == os.nice(0) + 5


@pytest.mark.parametrize("work", [killed, fails])
def test_work_that_fails_gives_its_memory_back_at_once(apart: Apart, work: Callable[[object], object]) -> None:
    """A failure holds its frames until somebody collects them: 0.8 GB, just when memory is short."""
    gc.collect()
    gc.disable()
    try:
        before = held()
        values = fortnight()
        with pytest.raises((Died, ValueError)):
            apart.submit(work, values).result()
        del values
        assert held() == before
    finally:
        gc.enable()


def test_where_a_process_may_not_see_our_memory_the_work_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where it has fewer rights than we have."""
    heard: list[Unavailable | None] = []
    values = fortnight()
    real = packed

    def gone(what: object) -> tuple[Packed, list[Sheet]]:
        ready, laid = real(what)
        return Packed(ready.said, tuple(name._replace(descriptor=99_999) for name in ready.sheets)), laid

    monkeypatch.setattr("ahpa.adapters.processes.apart.packed", gone)
    assert np.array_equal(OrHere(Apart(), heard.append).submit(larger, values).result(), values + 1)
    assert "cannot be seen by another process" in str(heard[0])


def test_memory_that_cannot_be_mapped_is_one_error_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(self: object, *words: object) -> object:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(Sheet, "__new__", refuses)
    gc.collect()
    before = held()
    assert room((ROWS, STEPS)).shape == (ROWS, STEPS)
    assert held() == before


def test_a_stop_ends_all_that_runs(apart: Apart, tmp_path: Path) -> None:
    tasks = [apart.submit(held_up, tmp_path / str(number)) for number in range(3)]
    until(lambda: all((tmp_path / str(number)).exists() for number in range(3)), "all run", 120.0)
    apart.stop()
    for task in tasks:
        with pytest.raises(CancelledError):
            task.result()
    assert all(ends(int((tmp_path / str(number)).read_text())) for number in range(3))


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


@pytest.mark.parametrize("clean", [True, False], ids=["clean", "with a demand that is not to be believed"])
def test_a_fleet_is_learned_there_as_here_and_its_history_is_not_sent(clean: bool) -> None:
    values = room((20, 10 * 1440))
    values[...] = 10 + np.random.default_rng(1).gamma(2.0, 5.0, values.shape)
    if not clean:
        values[3, 50] = 1e12
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
    assert np.shares_memory(there.history.values, values) == clean
    assert _sheet_of(there.history.values) is not None
    newest = Panel(panel.end, 60.0, np.full((20, 1), 12.0, np.float32), panel.keys)
    assert np.array_equal(there.observe(newest).forecast(*asked).peaks, here.observe(newest).forecast(*asked).peaks)
