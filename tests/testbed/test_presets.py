"""Each preset counts what it says, of nobody else, on a real Prometheus: the table is in presets.yaml."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from ahpa.adapters.prometheus.queries import load_queries
from ahpa.adapters.prometheus.source import Prometheus
from ahpa.ports import Reading
from forecasting.panel import Floats
from testbed.prometheus import PrometheusServer
from tests.testbed.conftest import Started
from tests.testbed.exposition import HOLE, MINUTES, SHAPE, START, STEP, Line, read

pytestmark = [pytest.mark.testbed, pytest.mark.xdist_group("presets")]

QUERIES = load_queries()
OWN = {"container": "model", "topic": "orders", "group": "workers"}


@dataclass(frozen=True)
class Case:
    """One entry of the table."""

    preset: str
    demand: float
    name: str = "chat"
    kind: str = "Deployment"
    late: float | None = None
    series: str = ""
    """Its own, of which `demand` is made, if no other case has them."""
    beside: str = ""
    """What nobody may count, besides the same of others."""

    @property
    def id(self) -> str:
        return f"{self.preset}-{self.name}"

    @property
    def names(self) -> dict[str, str]:
        """What the object says."""
        return {**OWN, "workload": self.name, "workload-kind": self.kind, "object": self.name}

    def lines(self) -> list[Line]:
        """Its own series, those beside them, and the same of other namespaces, services, topics, ..."""
        own = read(self.series)
        words = ["shop", self.name, OWN["topic"], OWN["group"]]
        words += [OWN["container"]] if self.preset.startswith("container-") else []
        return [*own, *read(self.beside), *(bait for line in own for bait in line.baits(words))]


CASES = [Case(**entry) for entry in yaml.safe_load(Path(__file__).with_name("presets.yaml").read_text())]


@pytest.fixture(scope="module")
def server(started: Started) -> PrometheusServer:
    all_lines = [line for case in CASES for line in case.lines()]
    by_head = {line.head: line for line in all_lines}
    assert all(by_head[line.head].level == line.level for line in all_lines)
    return started([line.series() for line in by_head.values()])


@pytest.fixture(scope="module")
def reading(server: PrometheusServer) -> Reading:
    """All in one, as a refit reads: the demand, and `KEY late`; the nobody's too."""
    asked: dict[str, str] = {}
    nobody = dict.fromkeys(CASES[0].names, "nobody") | {"workload-kind": "Deployment"}
    wanted = [(case.id, case.preset, case.name, case.names) for case in CASES]
    for key, preset, name, names in [*wanted, *((f"{each}-nobody", each, "nobody", nobody) for each in QUERIES)]:
        asked[key] = QUERIES[preset].fill("shop", name, STEP, names)
        asked |= {f"{key} late": late} if (late := QUERIES[preset].fill_late("shop", name, STEP, names)) else {}
    return Prometheus(server.url).read(asked, START, START + MINUTES * STEP, STEP)


def row(reading: Reading, key: str) -> Floats:
    assert key not in reading.problems
    values: Floats = reading.panel.values[reading.panel.keys.index(key)]
    return values


def with_hole(values: Floats) -> Floats:
    out = values.astype(float)
    out[HOLE] = np.nan
    return out


def test_every_preset_is_in_the_table() -> None:
    assert {case.preset for case in CASES} == set(QUERIES)
    assert {case.preset for case in CASES if case.late is not None} == {n for n, q in QUERIES.items() if q.late}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_preset_counts_its_own_and_nobody_elses(case: Case, reading: Reading) -> None:
    """Minute by minute; where nobody was scraped it says nothing, and not zero."""
    np.testing.assert_allclose(row(reading, case.id), with_hole(case.demand * SHAPE), rtol=1e-6)


@pytest.mark.parametrize("case", [case for case in CASES if case.late is not None], ids=lambda case: case.id)
def test_a_share_of_late_requests_is_that_of_its_own(case: Case, reading: Reading) -> None:
    """Between 0 and 1, and nothing where nothing was observed."""
    assert case.late is not None
    np.testing.assert_allclose(row(reading, f"{case.id} late"), with_hole(np.full(MINUTES, case.late)), rtol=1e-6)


@pytest.mark.parametrize("preset", sorted(QUERIES))
def test_of_who_has_no_series_it_says_nothing(preset: str, reading: Reading) -> None:
    """An exporter that is not scraped is no demand of zero."""
    assert np.isnan(row(reading, f"{preset}-nobody")).all()


def blunted(template: str) -> Iterator[tuple[str, str]]:
    """Each matcher of a query, and the query in which it lets everything through."""
    for found in re.finditer(r'(\w+)(=~|!=|=)"[^"]*"', template):
        yield found[0], f'{template[: found.start()]}{found[1]}=~".*"{template[found.end() :]}'


def test_no_matcher_of_a_preset_can_be_left_out(server: PrometheusServer) -> None:
    """Else the table lacks the series that it is there for."""
    asked: dict[str, str] = {}
    wanted: dict[str, tuple[str, Floats]] = {}
    for case in CASES:
        query, late = QUERIES[case.preset], np.full(MINUTES, np.nan if case.late is None else case.late)
        parts = [("", query.template, case.demand * SHAPE), ("late ", query.late if case.late else None, late)]
        for part, template, values in parts:
            for i, (matcher, blunt) in enumerate(blunted(template or "")):
                what = f"{part}{i} {matcher}"
                asked[f"{case.id} {what}"] = replace(query, template=blunt).fill("shop", case.name, STEP, case.names)
                wanted[f"{case.id} {what}"] = f"{case.preset} {what}", with_hole(values)
    reading = Prometheus(server.url).read(asked, START, START + MINUTES * STEP, STEP)
    rows = dict(zip(reading.panel.keys, reading.panel.values, strict=True))
    missed = {
        what
        for key, (what, values) in wanted.items()
        if key in reading.problems or not np.allclose(rows[key], values, equal_nan=True)
    }
    assert {what for what, _ in wanted.values()} - missed == set()
