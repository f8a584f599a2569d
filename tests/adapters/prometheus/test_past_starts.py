"""Lags that replicas showed in the last days come back after a restart, where kube-state-metrics runs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from ahpa.adapters.prometheus.past_starts import DAYS, InstantQueries, PastStarts, Sample, past_starts
from ahpa.core.readiness import Lag, Readiness
from ahpa.core.starts import REMEMBERED, Start, StartLog
from ahpa.targets import Target
from tests.adapters.prometheus.server import Server, say
from tests.fakes.targets import hpa

NOW = 1_700_000_000.0
PRIOR = Readiness.single(Lag.of(180, 300))


def pod(uid: str, asked: float, took: float | None = 40.0, node: str = "") -> list[Sample]:
    """What kube-state-metrics told of one."""
    found: list[Sample] = [({"uid": uid, "of": "asked"}, asked), ({"uid": uid, "of": "scheduled"}, asked + 1)]
    if took is not None:
        found.append(({"uid": uid, "of": "ready"}, asked + took))
    return [*found, ({"uid": uid, "of": "where", "node": node}, 1.0)]


@dataclass
class There:
    """Replicas that are there."""

    replicas: list[Start] = field(default_factory=list)

    def starts(self, target: Target, deadline: float = math.inf) -> list[Start]:
        return list(self.replicas)


@dataclass
class Asked:
    """A Prometheus in memory; `None` does not answer."""

    samples: list[Sample] | None
    runs: bool = True
    """kube-state-metrics does."""
    queries: list[str] = field(default_factory=list)

    def __call__(self, query: str, deadline: float) -> list[Sample]:
        self.queries.append(query)
        if self.samples is None:
            raise OSError("nobody listens")
        if query.startswith("count("):
            return [({}, 3.0)] if self.runs else []
        return self.samples


def source(asked: Asked, there: There | None = None, seconds: Iterator[float] | None = None) -> PastStarts:
    times = seconds or iter([0.0] * 1000)
    return PastStarts(there or There(), asked, lambda: NOW, lambda: next(times))


def test_the_lags_of_the_last_days_are_learned_once_and_stay_when_their_pods_are_gone() -> None:
    samples = [each for i in range(30) for each in pod(f"u{i}", NOW - 3600 * (i + 1), took=20.0 + i % 3)]
    asked = Asked(samples)
    reader, log = source(asked), StartLog()
    for _ in range(3):
        log = log.seen(reader.starts(hpa("api")), NOW)
    assert [wait.seconds for wait in log.done] == [20.0 + i % 3 for i in reversed(range(30))]
    assert len(asked.queries) == 2
    (tier,) = log.readiness(PRIOR).tiers
    assert tier.lag.samples == 30
    assert tier.lag.quantile(0.95) < 60


def test_a_replica_that_is_still_there_teaches_once_and_by_its_first_readiness() -> None:
    """The API tells the latest flip: two hours after the pod was asked for."""
    flipped = Start("u1", NOW - 9000, ready=NOW - 1800)
    log = StartLog().seen(source(Asked(pod("u1", NOW - 9000, 30.0)), There([flipped])).starts(hpa("api")), NOW)
    assert [wait.seconds for wait in log.done] == [30.0]


def test_without_kube_state_metrics_it_is_asked_for_once_and_nothing_happens() -> None:
    asked = Asked([], runs=False)
    reader = source(asked, There([Start("u1", NOW - 60)]))
    for name in ("a", "b", "c"):
        assert [start.uid for start in reader.starts(hpa(name))] == ["u1"]
    assert len(asked.queries) == 1


def test_a_prometheus_that_fails_costs_one_try_a_minute_and_is_heard_when_it_is_back() -> None:
    asked = Asked(None)
    seconds = [0.0, 0.0, 1.0, 2.0, 61.0, 61.0, 61.0, 61.0]
    reader = source(asked, seconds=iter(seconds))
    assert reader.starts(hpa("api")) == []
    assert reader.starts(hpa("api")) == []
    assert reader.starts(hpa("api")) == []
    assert len(asked.queries) == 1
    asked.samples = pod("u1", NOW - 60)
    assert [start.uid for start in reader.starts(hpa("api"))] == ["u1"]


def test_one_whose_past_cannot_be_read_keeps_nobody_else_from_theirs() -> None:
    """It comes first in each round, and what it is asked costs the minute."""

    class Flood(Asked):
        def __call__(self, query: str, deadline: float) -> list[Sample]:
            if "flood-" in query:
                raise OSError("too many samples")
            return super().__call__(query, deadline)

    now = 0.0
    reader = PastStarts(There(), Flood(pod("u1", NOW - 60)), lambda: NOW, lambda: now)
    heard = set()
    for minute in range(20):
        now = 61.0 * minute
        heard |= {name for name in ("flood", "a", "flood", "b") if reader.starts(hpa(name))}
    assert heard == {"a", "b"}


def test_who_was_away_for_a_while_is_told_again() -> None:
    """Its shard was another's meanwhile, so that all that was learned of it is forgotten."""
    now = 0.0
    reader = PastStarts(There(), Asked(pod("u1", NOW - 60)), lambda: NOW, lambda: now)
    for at, told in ((0.0, 1), (500.0, 0), (1000.0, 0), (1601.0, 1), (1700.0, 0)):
        now = at
        assert len(reader.starts(hpa("api"))) == told


def test_two_seconds_a_minute_are_spent_on_it_and_none_after_the_deadline() -> None:
    asked = Asked(pod("u1", NOW - 60))
    times = iter([0.0, 0.0, 3.0, 3.0, 4.0])
    reader = source(asked, seconds=times)
    assert reader.starts(hpa("a"))
    assert not reader.starts(hpa("b"))
    assert not reader.starts(hpa("b"), deadline=4.0)


@pytest.mark.parametrize(
    ("samples", "uids"),
    [
        (pod("old", NOW - DAYS * 86_400 - 1) + pod("new", NOW - 60), ["new"]),
        (pod("withdrawn", NOW - 600, None) + pod("ready", NOW - 60), ["ready"]),
        (pod("backwards", NOW - 600, -5.0), []),
        ([({"of": "ready"}, 1.0), ({"uid": "u"}, 1.0), ({"uid": "u", "of": "else"}, 1.0)], []),
        (pod("later", NOW - 60) + pod("earlier", NOW - 600), ["earlier", "later"]),
    ],
)
def test_only_a_start_of_these_days_that_came_to_its_end_teaches(samples: list[Sample], uids: list[str]) -> None:
    assert [start.uid for start in past_starts(samples, NOW - DAYS * 86_400)] == uids


def test_of_very_many_the_newest_are_taken() -> None:
    samples = [each for i in range(REMEMBERED + 50) for each in pod(f"u{i}", NOW - 100 * i - 1)]
    found = past_starts(samples, 0.0)
    assert len(found) == REMEMBERED
    assert found[-1].uid == "u0"


def test_the_queries_are_of_these_pods_alone_whatever_a_name_holds() -> None:
    asked = Asked([])
    reader = source(asked)
    reader.starts(hpa("api.v2"))
    probe, query = asked.queries
    assert probe.count("(") == probe.count(")")
    assert query.count("(") == query.count(")")
    assert query.count('{namespace="shop",pod=~"api[.]v2-') == 5
    hostile = Target(**{**vars(hpa("api")), "names": {"workload": 'x"} or up{a="', "workload-kind": "Deployment"}})
    assert reader.starts(hostile) == []
    assert len(asked.queries) == 2


def test_an_answer_over_http_is_read_and_what_is_no_number_left_out() -> None:
    server = Server()
    rows = [
        {"metric": {"uid": "u1", "of": "asked"}, "value": [1.0, "1700000000"]},
        {"metric": {"uid": "u2", "of": "asked"}, "value": [1.0, "NaN"]},
        {"metric": {"uid": "u3", "of": "asked"}, "value": [1.0, "many"]},
        {"metric": "none", "value": [1.0, "1"]},
        "nothing",
    ]
    body = {"status": "success", "data": {"resultType": "vector", "result": rows}}
    server.answer = say(200, json.dumps(body).encode(), {"Content-Type": "application/json"})
    found = InstantQueries(server.url, timeout_seconds=(30.0, 30.0))("up", math.inf)
    assert found == [({"uid": "u1", "of": "asked"}, 1_700_000_000.0)]
    assert server.requests[0][0].startswith("/api/v1/query?query=up")
