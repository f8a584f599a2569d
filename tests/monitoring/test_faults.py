"""Each alert rings in one fault of a running service: its real /metrics, a real Prometheus, the rules that ship.

Their times are shortened as those of the services are (living.py), so that an hour is twenty seconds. All go on beside
one another, each with a Prometheus of its own, as some alerts count over all that is scraped.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import requests

from testbed.prometheus import PrometheusServer
from tests.manifests.rules import alerts, shortened
from tests.monitoring.faults import FAULTS, Fault, nothing_is_wrong
from tests.monitoring.living import FASTER, scraping
from tests.waiting import until

pytestmark = [pytest.mark.testbed, pytest.mark.xdist_group("faults")]

RULES = {"groups": [{"name": "ahpa", "rules": [shortened(rule, FASTER) for rule in alerts().values()]}]}
QUIET = "none"
SETTLED_SECONDS = 3.0
"""Alerts are looked at each second."""
WAIT_SECONDS = 240.0
"""For what rings within a minute on a machine that has nothing else to do."""


@dataclass(frozen=True)
class Watched:
    """A Prometheus, and since when it scrapes: until then all that is to be there is absent."""

    server: PrometheusServer
    since: float

    @property
    def rung(self) -> set[str]:
        """All alerts that rang: some faults are over by the time they are asked for."""
        seconds = max(1, math.ceil(time.time() - self.since))
        found = asked(self.server, f'max_over_time(ALERTS{{alertstate="firing"}}[{seconds}s])')
        return {each["metric"]["alertname"] for each in found}


def asked(server: PrometheusServer, query: str) -> list[dict[str, Any]]:
    answer = requests.get(f"{server.url}/api/v1/query", params={"query": query}, timeout=30).json()
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Watched]]:
    """By the alert for which there is a fault."""
    with ExitStack() as stack:
        servers = {}
        for name, fault in {QUIET: Fault(nothing_is_wrong), **FAULTS}.items():
            addresses = stack.enter_context(fault.made(tmp_path_factory.mktemp("world")))
            servers[name] = stack.enter_context(scraping(tmp_path_factory.mktemp("prometheus"), addresses, RULES))
        for name, server in servers.items():
            until(partial(asked, server, "ahpa_last_tick_timestamp_seconds"), f"a scrape of {name}", 60)
        since = time.time() + SETTLED_SECONDS
        until(lambda: time.time() > since, "a round of alerts without what was absent", 60)
        yield {name: Watched(server, since) for name, server in servers.items()}


def test_there_is_a_fault_for_each_alert() -> None:
    assert FAULTS.keys() == alerts().keys()


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_rings_the_alert_that_is_for_it(name: str, worlds: Mapping[str, Watched]) -> None:
    """And no other, but for those that it is named with."""
    until(lambda: name in worlds[name].rung, name, WAIT_SECONDS, pause=0.5)
    assert worlds[name].rung <= {name} | FAULTS[name].beside


def test_where_nothing_is_wrong_nothing_rings_all_the_while(worlds: Mapping[str, Watched]) -> None:
    """The last of this file: as long as all the others took to ring."""
    (scraped,) = asked(worlds[QUIET].server, "count_over_time(ahpa_last_tick_timestamp_seconds[1h])")
    assert int(scraped["value"][1]) >= 10
    assert worlds[QUIET].rung == set()
