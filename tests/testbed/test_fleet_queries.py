"""Asked together is the same as asked one by one, number for number, on a real Prometheus."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from ahpa.adapters.prometheus.asking import Demand
from ahpa.adapters.prometheus.questions import questions
from ahpa.adapters.prometheus.session import MetricsUnavailable
from ahpa.adapters.prometheus.source import Prometheus
from testbed.prometheus import PrometheusServer
from tests.testbed.conftest import Started
from tests.testbed.exposition import MINUTES, START, STEP, Line
from tests.testbed.generated_queries import ASKED, Grammar, series
from tests.testbed.test_presets import CASES, QUERIES, Case

pytestmark = [pytest.mark.testbed, pytest.mark.xdist_group("fleet-queries")]

END = START + MINUTES * STEP
NAMESPACES = ("shop", "mall", "a.b")
SUFFIXES = ("", "-b", "2", ".c")
GENERATED, AT_ONCE = 300, 10


def moved(line: Line, case: Case, place: int, namespace: str, suffix: str) -> Line:
    """The series as another service has it, at another level."""
    labels = dict(line.labels)
    for word, other in {"shop": namespace, case.name: f"{case.name}{suffix}"}.items():
        pattern = rf"(?<![\w.-]){re.escape(word)}(?![a-z0-9])"
        labels = {label: re.sub(pattern, other, value) for label, value in labels.items()}
    return replace(line, labels=labels, level=line.level * (1 + 0.37 * place))


@pytest.fixture(scope="module")
def server(started: Started) -> PrometheusServer:
    """Every case of the presets' table for each namespace and service, with its bait; and the series of the grammar."""
    by_head: dict[str, Line] = {}
    for case in CASES:
        for place, (namespace, suffix) in enumerate((n, s) for n in NAMESPACES for s in SUFFIXES):
            for line in case.lines():
                other = moved(line, case, place, namespace, suffix)
                by_head[other.head] = other
    return started([*(line.series() for line in by_head.values()), *series()])


def one_by_one(reader: Prometheus, query: str) -> Demand:
    try:
        return reader.demand(query, START, END, STEP)
    except MetricsUnavailable as error:
        return Demand(np.full(MINUTES, np.nan), str(error))


def assert_the_same(server: PrometheusServer, queries: Mapping[str, str]) -> None:
    """Numbers, who has none for a reason, and who has a warning: it is all of its shard's."""
    reader = Prometheus(server.url)
    alone = {key: one_by_one(reader, query) for key, query in queries.items()}
    reading = reader.read(queries, START, END, STEP)
    assert set(reading.problems) == {key for key, one in alone.items() if one.problem is not None}
    warned = {key for key, one in alone.items() if one.partial}
    assert reading.partial >= warned
    assert warned or not reading.partial
    for key, found in zip(reading.panel.keys, reading.panel.values, strict=True):
        np.testing.assert_allclose(found, alone[key].values, rtol=1e-12, err_msg=f"{key}: {queries[key]}")


def test_every_preset_is_read_together_as_it_is_one_by_one(server: PrometheusServer) -> None:
    """Three namespaces of four services and as many cases as the presets' table has; most are lifted."""
    asked: dict[str, str] = {}
    for case in CASES:
        for namespace in NAMESPACES:
            for suffix in SUFFIXES:
                name = f"{case.name}{suffix}"
                names = {**case.names, "workload": name, "object": name}
                key = f"{case.preset}/{namespace}/{name}"
                asked[key] = QUERIES[case.preset].fill(namespace, name, STEP, names)
                asked |= (
                    {f"{key} late": x} if (x := QUERIES[case.preset].fill_late(namespace, name, STEP, names)) else {}
                )
    assert_the_same(server, asked)
    assert len(questions(asked.values(), (), MINUTES)) < len(set(asked.values())) / 10


def test_generated_queries_are_read_together_as_they_are_one_by_one(server: PrometheusServer) -> None:
    """Aggregations within aggregations, operators with every kind of matching, histograms, and what is not lifted; more
    than a third is."""
    grammar = Grammar(seed=13)
    lifted = 0
    for _ in range(GENERATED // AT_ONCE):
        asked: dict[str, str] = {}
        for i in range(AT_ONCE):
            template = grammar.template()
            family = {f"{i}/{n}/{m}": template.replace("{ns}", n).replace("{name}", m) for n, m in ASKED}
            lifted += questions(family.values(), (), MINUTES)[0].form.labels[0] != "ahpa_key"
            asked |= family
        assert_the_same(server, asked)
    assert lifted > GENERATED / 3
