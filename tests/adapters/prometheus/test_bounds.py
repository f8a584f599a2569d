"""One bad neighbour harms itself, and a reading ends: on real sockets, in bounded time and memory (J 5, 7, 8, 11)."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest

from ahpa.adapters.processes.executors import Threads
from ahpa.adapters.prometheus.source import Prometheus
from ahpa.ports import Reading
from tests.adapters.prometheus import faults
from tests.adapters.prometheus.faults import FAULTS, MALFORMED, SLOW, UNBELIEVABLE, FaultyPrometheus, alone

START, END, STEP = 0.0, 3600.0, 60.0
PARTIAL = {"warnings", "partial, as VictoriaMetrics says it"}
"""Faults whose values stand, with a word that they may not be all."""
WORDLESS = {"no series", "the future", "milliseconds", "half of the hour", *(f"value: {name}" for name in UNBELIEVABLE)}
"""Faults that leave minutes unobserved, without being a mistake of the whole answer."""


@pytest.fixture
def prometheus() -> Iterator[FaultyPrometheus]:
    made = FaultyPrometheus(lambda now: 42.0)
    yield made
    made.close()


def read(prometheus: FaultyPrometheus, *names: str, seconds: float = 2.0, deadline: float = float("inf")) -> Reading:
    with Threads(4) as threads:
        reader = Prometheus(prometheus.url, timeout_seconds=(1.0, seconds), total_seconds=2 * seconds, executor=threads)
        return reader.read({name: name for name in names}, START, END, STEP, deadline)


@pytest.mark.parametrize("fault", FAULTS)
def test_one_bad_answer_is_no_data_for_its_target_alone_and_never_a_zero(
    prometheus: FaultyPrometheus, fault: str
) -> None:
    """One of three series is malformed; the other two services need their raise (J 5)."""
    first, bad, last = alone("first"), alone("bad"), alone("last")
    prometheus.fault = lambda query: FAULTS[fault] if query == bad else None
    reading = read(prometheus, first, bad, last)
    assert reading.panel.values[[0, 2]].tolist() == [[42.0] * 60] * 2
    if fault in PARTIAL:
        assert reading.partial == {bad}
        return
    observed = np.isfinite(reading.panel.values[1])
    assert observed.mean() <= 0.5
    assert (fault in WORDLESS) == (bad not in reading.problems)
    assert set(reading.problems) <= {bad}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_malformed_is_shown(prometheus: FaultyPrometheus, name: str) -> None:
    prometheus.fault = lambda query: FAULTS[f"malformed: {name}"]
    (problem,) = read(prometheus, "bad").problems.values()
    assert 10 < len(problem) < 300


@pytest.mark.parametrize("fault", SLOW)
def test_no_way_to_be_slow_escapes_the_time_limit(prometheus: FaultyPrometheus, fault: str) -> None:
    """Headers dripped byte by byte escaped it; a body took 81 s (J 7)."""
    prometheus.fault = lambda query: SLOW[fault] if "bad" in query else None
    began = time.monotonic()
    reading = read(prometheus, "bad", "good", seconds=0.5)
    assert time.monotonic() - began < faults.DRIPS / 10 / 4
    assert list(reading.problems) == ["bad"]
    assert reading.panel.values[1, 0] == 42.0


def test_a_round_ends_at_its_deadline_and_those_not_asked_are_said_and_come_first_next_time(
    prometheus: FaultyPrometheus,
) -> None:
    """Slow answers: 3 s a query × 40 targets made ticks of 30 s, and 240 targets reached the liveness limit (J 7)."""

    def slow(send: faults.Send, query: dict[str, list[str]]) -> None:
        time.sleep(0.2)
        send(faults.response(200, faults.matrix(query, faults.samples(query, prometheus.demand))))

    prometheus.fault = lambda query: slow
    names = [alone(f"s{i}") for i in range(40)]
    with Threads(4) as threads:
        reader = Prometheus(prometheus.url, executor=threads)
        began = time.monotonic()
        first = reader.read({name: name for name in names}, START, END, STEP, began + 1.0)
        assert time.monotonic() - began < 5.0
        left_over = {name for name, why in first.problems.items() if "not asked: the round's time was over" in why}
        assert 10 <= len(left_over) < 40
        assert list(first.panel.keys) == names
        prometheus.asked.clear()
        reader.read({name: name for name in names}, START, END, STEP, time.monotonic() + 1.0)
    assert set(prometheus.asked[: min(4, len(left_over))]) <= left_over


def test_who_was_left_over_comes_first_in_the_next_reading_of_its_kind(prometheus: FaultyPrometheus) -> None:
    """A refit between two ticks made the tick forget whom it had left out, and had its own left out by the tick."""
    names = [alone(f"s{i}") for i in range(5)]
    reader = Prometheus(prometheus.url)

    def asked(names: list[str], start: float, deadline: float) -> list[str]:
        prometheus.asked.clear()
        reader.read({name: name for name in names}, start, END, STEP, deadline)
        return list(prometheus.asked)

    now = time.monotonic()
    asked(names[3:], START, now)  # a tick for whom the time was over
    asked(names[:3], END - 10 * (END - START), now)  # a refit that had none either
    assert asked(names, START + 1e-6, now + 600) == [*names[3:], *names[:3]]
    assert asked(names, START, now + 600) == names
    assert asked(names[::-1], END - 10 * (END - START), now + 600) == [*names[:3], *names[:2:-1]]


def test_an_answer_in_time_is_not_cut_by_a_deadline_that_is_far(prometheus: FaultyPrometheus) -> None:
    assert read(prometheus, "good", deadline=time.monotonic() + 60).problems == {}


LAUNCH = """
import resource, sys
from ahpa.adapters.processes.executors import Threads
from ahpa.adapters.prometheus.source import Prometheus
with Threads(4) as threads:
    reader = Prometheus(sys.argv[1], executor=threads)
    reader.read({"warm": "warm"}, 0.0, 3600.0, 60.0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reading = reader.read({f"bad{i}": f"bad{i} @ 1" for i in range(4)}, 0.0, 3600.0, 60.0)
    print(len(reading.problems), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.parametrize(
    "fault",
    ["15 MiB of tiny samples", "1 GiB", "1 GiB of samples", "64 MiB in 64 KiB", "4 MiB of braces", "two series",
     "malformed: nested 200,000 times"],
)  # fmt: skip
def test_four_large_answers_at_once_cost_less_than_150_mib(prometheus: FaultyPrometheus, fault: str) -> None:
    """Four answers of 16 MiB at once took 923 MiB of a pod's 1 GiB (J 8)."""
    prometheus.fault = lambda query: FAULTS[fault] if "bad" in query else None
    done = subprocess.run([sys.executable, "-c", LAUNCH, prometheus.url], capture_output=True, text=True, check=True)
    problems, mebibytes = done.stdout.split()
    assert problems == "4"
    assert float(mebibytes) < 150


def test_the_largest_answer_that_is_right_is_read(prometheus: FaultyPrometheus) -> None:
    """10,000 samples of 17 digits each."""
    prometheus.demand = lambda now: 1234.5678901234567 + now / 7
    with Threads(1) as threads:
        reading = Prometheus(prometheus.url, executor=threads).read({"a": "a"}, 0.0, 600_000.0, 60.0)
    assert np.isfinite(reading.panel.values).all()
    assert len(prometheus.asked) == 1
