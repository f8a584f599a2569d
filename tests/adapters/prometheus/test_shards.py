"""A fleet is read in few requests: what is wrong with one of them harms no other, and in it nobody but the culprit."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ahpa.adapters.processes.executors import Threads
from ahpa.adapters.prometheus import asking, questions
from ahpa.adapters.prometheus.source import MOST_ALONE, Prometheus
from ahpa.ports import Reading
from tests.adapters.prometheus import faults
from tests.adapters.prometheus.faults import FAULTS, FaultyPrometheus
from tests.adapters.prometheus.test_bounds import PARTIAL, WORDLESS

START, END, STEP = 0.0, 3600.0, 60.0


@pytest.fixture
def prometheus() -> Iterator[FaultyPrometheus]:
    made = FaultyPrometheus(lambda now: 42.0)
    yield made
    made.close()


def fleet(tenant: str, count: int) -> dict[str, str]:
    return {f"{tenant}/{i}": f'sum(x{{namespace="{tenant}",name="{tenant}{i}"}})' for i in range(count)}


def good(reading: Reading) -> set[str]:
    whole = (reading.panel.values == 42.0).all(axis=1)
    return {key for key, right in zip(reading.panel.keys, whole, strict=True) if right} - reading.problems.keys()


QUICK = {
    "500", "401", "html", "status error with data", "warnings", "null result", "two series", "no series",
    "half of the hour", "value: false", "malformed: NaN as a stamp", "15 MiB of tiny samples",
}  # fmt: skip
"""One for each way to be wrong; the others take longer together."""


@pytest.mark.parametrize("fault", [pytest.param(f, marks=[] if f in QUICK else pytest.mark.slow) for f in FAULTS])
def test_a_fault_of_one_shard_harms_no_other(
    prometheus: FaultyPrometheus, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every answer of which one tenant is a part is bad, also those for half of it."""
    monkeypatch.setattr(questions, "MOST_LIFTED", 10)
    prometheus.fault = lambda query: FAULTS[fault] if "bad" in query else None
    bad, first, last = fleet("bad", 6), fleet("a", 6), fleet("z", 6)
    reading = Prometheus(prometheus.url).read({**first, **bad, **last}, START, END, STEP)
    assert good(reading) == first.keys() | last.keys()
    if fault in PARTIAL:
        assert reading.partial == bad.keys()
    else:
        assert reading.partial == frozenset()
        assert np.isfinite(reading.panel.values[6:12]).mean() <= 0.5
        assert reading.problems.keys() == (set() if fault in WORDLESS else bad.keys())


@pytest.mark.parametrize("fault", ["422", "truncated", "malformed: NaN as a stamp", "1 GiB", "html"])
def test_one_bad_query_of_a_shard_harms_itself_alone_and_is_asked_alone_the_next_time(
    prometheus: FaultyPrometheus, fault: str
) -> None:
    """Halved until it is found; then it has no company until it answers."""
    prometheus.fault = lambda query: FAULTS[fault] if "a7" in query else None
    queries, reader = fleet("a", 16), Prometheus(prometheus.url)
    assert good(reader.read(queries, START, END, STEP)) == queries.keys() - {"a/7"}
    found = len(prometheus.asked)
    reading = reader.read(queries, START, END, STEP)
    assert good(reading) == queries.keys() - {"a/7"}
    assert reading.problems.keys() == {"a/7"}
    assert [query for query in set(prometheus.asked[found:]) if "a7" in query] == [queries["a/7"]]
    assert len(prometheus.asked) - found <= 4  # a connection that breaks is tried three times
    prometheus.fault = lambda query: None
    for _ in range(2):
        prometheus.asked.clear()
        assert good(reader.read(queries, START, END, STEP)) == queries.keys()
    assert len(prometheus.asked) == 1


def test_a_shard_whose_answer_is_too_large_is_read_in_halves(prometheus: FaultyPrometheus) -> None:
    def too_many(send: faults.Send, query: dict[str, list[str]]) -> None:
        if len(faults.metrics(query)) > 5:
            FAULTS["15 MiB of tiny samples"](send, query)
        else:
            send(faults.response(200, faults.matrix(query, faults.samples(query, prometheus.demand))))

    prometheus.fault = lambda query: too_many
    queries = fleet("a", 16)
    assert good(Prometheus(prometheus.url).read(queries, START, END, STEP)) == queries.keys()
    assert len(prometheus.asked) == 7  # 16, 8, 4, 4, 8, 4, 4


def test_an_answer_that_may_have_been_cut_off_is_not_believed(prometheus: FaultyPrometheus) -> None:
    """The server was asked for so many series at most, and gave as many: some of those who are missing may have been
    behind them."""

    def flood(send: faults.Send, query: dict[str, list[str]]) -> None:
        if "bad" not in query["query"][0] or len(faults.metrics(query)) > 1:
            times = int(query["limit"][0]) if "bad" in query["query"][0] else 1
            only_first = {"query": ['x{name=~"a0"}']} if times > 1 else query
            send(faults.response(200, faults.matrix(only_first, faults.samples(query, prometheus.demand), times)))
        else:
            send(faults.response(200, faults.matrix(query, faults.samples(query, prometheus.demand), 100)))

    queries = {**fleet("a", 3), "bad": 'sum(x{namespace="a",name="bad"})'}
    prometheus.fault = lambda query: flood
    reading = Prometheus(prometheus.url).read(queries, START, END, STEP)
    assert good(reading) == queries.keys() - {"bad"}
    assert reading.problems == {"bad": "the query gave 100 series; aggregate them to one, with sum() say"}


def test_who_is_missing_in_an_answer_has_no_data_and_whom_nobody_asked_for_is_left_out(
    prometheus: FaultyPrometheus,
) -> None:
    other = {"query": ['x{name=~"a0|stranger"}']}
    prometheus.fault = lambda query: (
        lambda send, asked: send(faults.response(200, faults.matrix(other, faults.samples(asked, prometheus.demand))))
    )
    reading = Prometheus(prometheus.url).read(fleet("a", 2), START, END, STEP)
    assert good(reading) == {"a/0"}
    assert np.isnan(reading.panel.values[1]).all()
    assert reading.problems == {}


def test_a_server_that_refuses_everything_is_asked_a_bounded_number_of_times(prometheus: FaultyPrometheus) -> None:
    """Not twice for each of ten thousand."""
    prometheus.fault = lambda query: FAULTS["401"]
    queries = {key: text for tenant in "abcd" for key, text in fleet(tenant, 250).items()}
    reader = Prometheus(prometheus.url)
    assert reader.read(queries, START, END, STEP).problems.keys() == queries.keys()
    assert len(prometheus.asked) <= 2 * (asking._REFUSED + 4)
    prometheus.fault = lambda query: None
    for _ in range(2):
        prometheus.asked.clear()
        assert good(reader.read(queries, START, END, STEP)) == queries.keys()
    assert len(prometheus.asked) == 4


def test_a_server_that_is_silent_is_not_asked_for_halves_for_long(prometheus: FaultyPrometheus) -> None:
    prometheus.fault = lambda query: faults.SLOW["hangs"]
    queries = {key: text for tenant in "abcd" for key, text in fleet(tenant, 200).items()}
    with Threads(4) as threads:
        reader = Prometheus(prometheus.url, timeout_seconds=(0.2, 0.2), total_seconds=0.3, executor=threads)
        began = time.monotonic()
        assert reader.read(queries, START, END, STEP).problems.keys() == queries.keys()
    assert len(prometheus.asked) <= 16
    assert time.monotonic() - began < faults.DRIPS / 10 / 4


def test_who_was_left_out_by_the_deadline_is_in_the_first_request_of_the_next_reading(
    prometheus: FaultyPrometheus,
) -> None:
    queries = {key: text for tenant in "abcd" for key, text in fleet(tenant, 200).items()}
    reader = Prometheus(prometheus.url)

    def asked() -> list[str]:
        return [query.split('namespace="')[1][0] for query in prometheus.asked]

    def last_in_time(send: faults.Send, query: dict[str, list[str]]) -> None:
        time.sleep(0.0 if 'namespace="a"' in query["query"][0] else 1.5)
        send(faults.response(200, faults.matrix(query, faults.samples(query, prometheus.demand))))

    prometheus.fault = lambda query: last_in_time
    left = reader.read(queries, START, END, STEP, time.monotonic() + 1.0)
    waiting = {key for key, why in left.problems.items() if "not asked" in why}
    assert {"c/0", "d/0"} <= waiting
    prometheus.fault = lambda query: None
    prometheus.asked.clear()
    assert good(reader.read(queries, START, END, STEP)) == queries.keys()
    assert asked()[:2] == ["c", "d"]


def test_a_query_that_the_server_warns_of_makes_nobody_else_partial(prometheus: FaultyPrometheus) -> None:
    """An owner's own, beside those of others, for as long as it stands there; the next time it is asked alone."""

    def warn(send: faults.Send, query: dict[str, list[str]]) -> None:
        words = {"warnings": ["PromQL warning: a bucket is malformed"]}
        send(faults.response(200, faults.matrix(query, faults.samples(query, prometheus.demand), more=words)))

    prometheus.fault = lambda query: warn if "odd" in query else None
    queries, reader = {name: f"sum({name})" for name in ("a", "b", "odd", "x", "y")}, Prometheus(prometheus.url)
    assert reader.read(queries, START, END, STEP).partial == {"odd"}
    for _ in range(2):
        prometheus.asked.clear()
        reading = reader.read(queries, START, END, STEP)
        assert reading.partial == {"odd"}
        assert good(reading) == queries.keys()
        assert len(prometheus.asked) == 2


def test_two_keys_may_ask_the_same(prometheus: FaultyPrometheus) -> None:
    queries = {**fleet("a", 2), "again": fleet("a", 1)["a/0"]}
    assert good(Prometheus(prometheus.url).read(queries, START, END, STEP)) == queries.keys()
    assert len(prometheus.asked) == 1


def test_a_round_and_a_refit_that_both_meet_hundreds_of_bad_queries_fail_at_nothing() -> None:
    """What is remembered of them is bounded, and both make room in it."""
    reader = Prometheus("http://127.0.0.1:1")
    ranges = reader._ranges

    def meet(who: str) -> None:
        for number in range(60):
            bad = {f"{who} {number} {each}" for each in range(300)}
            met = asking.Asking(ranges, {}, 0.0, 60.0, math.inf, guilty=bad)
            reader._learn_of(met, {query: asking.Demand(np.empty(0), "bad") for query in bad})

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(meet, ("round", "refit")))
    finally:
        sys.setswitchinterval(before)
    assert len(reader._alone) == MOST_ALONE
