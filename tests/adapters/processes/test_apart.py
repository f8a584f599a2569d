"""Claims about work in a process of its own: arrays are seen there and not sent, and its end is nobody else's."""

from __future__ import annotations

import errno
import gc
import os
import signal
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
from ahpa.adapters.processes.sheets import Packed, Sheet, _sheet_of, packed, room
from forecasting.choice.elsewhere import Elsewhere
from forecasting.executor import OrHere, Unavailable
from forecasting.fleet.forecaster import FleetForecaster
from forecasting.fleet.model import FleetModel
from forecasting.fleet.network import Training
from forecasting.panel import Panel, Storage
from tests.adapters.processes.pids import ends, pid_in, runs_until
from tests.adapters.processes.test_sheets import fortnight, held


@pytest.fixture
def apart() -> Iterator[Apart]:
    with Apart() as executor:
        yield executor


def shared(array: NDArray[Any]) -> float:
    """MiB of this process that others have too, after all of the array was read."""
    array.sum()
    lines = Path("/proc/self/smaps").read_text().split("memfd:ahpa")[1:]
    return sum(int(line.split("Rss:")[1].split()[0]) for line in lines) / 1024


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


def test_what_comes_back_of_an_array_of_ours_is_ours_again(apart: Apart) -> None:
    values = fortnight()
    back = apart.submit(newest, values, 500).result()
    assert np.shares_memory(back, values)
    assert np.array_equal(back, values[:, -500:])
    assert np.array_equal(apart.submit(larger, values[3:5]).result(), values[3:5] + 1)


def test_the_work_cannot_change_what_is_ours(apart: Apart) -> None:
    assert "read-only" in apart.submit(written, fortnight()).result()


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


def test_a_stop_ends_all_that_runs(apart: Apart, tmp_path: Path) -> None:
    marks = [tmp_path / str(number) for number in range(3)]
    tasks = [apart.submit(runs_until, tmp_path / "never", mark) for mark in marks]
    pids = [pid_in(mark) for mark in marks]
    apart.stop()
    for task in tasks:
        with pytest.raises(CancelledError):
            task.result()
    assert all(ends(pid) for pid in pids)


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


@pytest.mark.parametrize("clean", [True, False], ids=["clean", "with a demand that is not to be believed"])
def test_a_fleet_is_learned_there_as_here_and_its_history_is_not_sent(clean: bool) -> None:
    storage = Storage.laid(room, 20, 10 * 1440)
    values = storage.columns
    values[...] = 10 + np.random.default_rng(1).gamma(2.0, 5.0, values.shape)
    if not clean:
        values[3, 50] = 1e12
    panel = Panel.stored(0.0, 60.0, storage, tuple(f"s{row:02d}" for row in range(20)))
    quick = Training(members=2, epochs=1)
    model = FleetModel(samples=2000, others=2, peaks=quick, steps=quick, executor=Threads(2))
    with Apart() as executor:
        there = Elsewhere(model, executor).fit(panel)
    here = model.fit(panel.lent())
    asked = 10, (60.0, 900.0)
    assert np.array_equal(there.forecast(*asked).steps, here.forecast(*asked).steps)
    assert np.array_equal(there.forecast(*asked).peaks, here.forecast(*asked).peaks)
    assert isinstance(there, FleetForecaster)
    assert np.shares_memory(there.history.values, values) == clean
    assert _sheet_of(there.history.values) is not None
    newest = Panel(panel.end, 60.0, np.full((20, 1), 12.0, np.float32), panel.keys)
    after = there.observe(newest)
    assert np.shares_memory(after.history.values, there.history.values), "nothing moved"
    assert np.array_equal(after.forecast(*asked).peaks, here.observe(newest).forecast(*asked).peaks)
