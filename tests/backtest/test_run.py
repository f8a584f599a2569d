"""Claims about a whole backtest: the same wherever it runs, streamed, and what is done stays done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

import pytest

from ahpa.adapters.processes.executors import Processes
from ahpa.backtest import series as grouping
from ahpa.backtest.run import Job, run
from ahpa.backtest.series import Series, prepared
from ahpa.backtest.sweep import Question
from ahpa.simulation.outcome import Outcome
from forecasting.executor import Executor, Serial, Task
from tests.backtest.examples import SETTING, Spread, waves

Done = TypeVar("Done")
OURS = Job(SETTING, Question(sweep=False, quantile=0.99), ("ahpa",))
QUICK = Job(SETTING, Question(sweep=False), ("fixed-max",))


def several(*tops: float) -> list[Series]:
    series, failed = prepared([waves(4, top, f"up to {top:g}") for top in tops], 1.0, 1.0)
    assert not failed
    return series


def outcomes(series: list[Series], executor: Executor) -> dict[str, Outcome]:
    return {result.name: result.contenders["ahpa"].outcome for result in run(series, Spread(), OURS, executor)}


def test_two_processes_find_what_one_finds() -> None:
    """Learned in the pool or here: the same of every service, to the last bit."""
    with Processes(2) as processes:
        there = outcomes(several(20, 30), processes)
    assert len(there) == 2
    assert there == outcomes(several(20, 30), Serial())


def test_fleet_after_fleet_finds_what_one_fleet_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one is learned while this one is played; this model looks at each series by itself."""
    whole = outcomes(several(10, 20, 30), Serial())
    monkeypatch.setattr(grouping, "MOST_PER_FLEET", 1)
    assert outcomes(several(10, 20, 30), Serial()) == whole


def test_results_come_one_by_one() -> None:
    """Whoever stops taking them has stopped the work."""
    done: list[int] = []

    class Counting(Serial):
        def as_completed(self, tasks: Iterable[Task[Done]], /) -> Iterator[Task[Done]]:
            for task in super().as_completed(tasks):
                done.append(1)
                yield task

    results = run(several(10, 20, 30), Spread(), QUICK, Counting())
    assert next(results).name == "up to 10"
    assert len(done) == 1


def test_what_is_done_when_ctrl_c_comes_is_still_told() -> None:
    """Two were done before the first was told: both come, then the interrupt."""

    class Interrupted(Serial):
        def as_completed(self, tasks: Iterable[Task[Done]], /) -> Iterator[Task[Done]]:
            first, second, _ = tasks
            first.result(), second.result()
            yield first
            raise KeyboardInterrupt

    results = run(several(10, 20, 30), Spread(), QUICK, Interrupted())
    assert [next(results).name, next(results).name] == ["up to 10", "up to 20"]
    with pytest.raises(KeyboardInterrupt):
        next(results)
