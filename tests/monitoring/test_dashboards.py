"""The dashboards are what `dashboards/` says, of metrics that exist, and every query has data on a real Prometheus."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from itertools import combinations
from typing import Any

import pytest
import requests
import yaml

from ahpa.adapters.telemetry.metrics import Metrics
from dashboards.__main__ import FOLDER, texts
from testbed.build import find_parts
from testbed.processes import Processes
from testbed.prometheus import PrometheusServer
from tests.monitoring.living import Clock, Living, follow, running
from tests.monitoring.played import MINUTES, fleet, play
from tests.waiting import until

pytestmark = pytest.mark.xdist_group("dashboards")  # one of the workers plays the day
BOARDS = {name: json.loads((FOLDER / name).read_text()) for name in ("fleet.json", "service.json")}
KINDS = {"row", "stat", "state-timeline", "table", "timeseries"}
CHOSEN = {"namespace": "shop", "kind": "knative", "name": "chat", "__rate_interval": "10m", "__range": "24h"}
RIGHTLY_EMPTY = {
    "Alerts that ring": "no rules are loaded here; test_faults.py has them ring",
    "How full replicas are filled": "the second lever is not pulled in this fleet",
}
"""By the panel's title: why it has no data here."""


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


QUERIES = [
    pytest.param(name, panel["title"], target, id=f"{name}-{panel['title']}-{target['refId']}")
    for name, board in BOARDS.items()
    for panel in panels(board)
    for target in panel["targets"]
]


def test_the_files_are_what_the_code_says() -> None:
    found = {name: (FOLDER / name).read_text() for name in BOARDS}
    assert found == texts(), "run `python -m dashboards` and commit what it writes"


@pytest.mark.parametrize("name", BOARDS)
def test_panels_lie_beside_one_another_and_each_says_what_it_shows(name: str) -> None:
    board = BOARDS[name]
    assert {panel["type"] for panel in board["panels"]} <= KINDS
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for panel in panels(board):
        assert len(panel["description"]) > 20, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}", panel["title"]
    places = [panel["gridPos"] for panel in board["panels"]]
    assert max(place["x"] + place["w"] for place in places) <= 24
    cover = [{(x, y) for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])} for p in places]
    assert all(not one & other for one, other in combinations(cover, 2))


@pytest.mark.parametrize("name", BOARDS)
def test_queries_name_metrics_and_variables_that_exist(name: str) -> None:
    families = list(Metrics().registry.collect())
    exist = {sample.name for family in families for sample in family.samples} | {
        f"{family.name}_total" if family.type == "counter" else family.name for family in families
    }
    board = BOARDS[name]
    said = " ".join(target["expr"] for panel in panels(board) for target in panel["targets"])
    said += " ".join(variable.get("definition", "") for variable in board["templating"]["list"])
    assert set(re.findall(r"\bahpa_\w+", said)) - exist == set()
    variables = {variable["name"] for variable in board["templating"]["list"]} | {"__rate_interval", "__range"}
    assert set(re.findall(r"\$(\w+)", said)) - variables == set()


@pytest.mark.parametrize("name", BOARDS)
def test_of_what_would_have_been_a_panel_shows_the_courses_that_it_explains(name: str) -> None:
    """Not what the model says of what really was (`modelled`): that is for the interval, and looks like a promise."""
    panel = [each for each in panels(BOARDS[name]) if "otherwise" in each["title"]]
    assert panel
    for each in panel:
        (target,) = each["targets"]
        (courses,) = re.findall(r'by=~"([^"]+)"', target["expr"])
        assert set(courses.split("|")) == {"actual", "reactive", "fixed", "advised"}
        assert "advised" in each["description"]


@pytest.mark.testbed
def test_grafanas_sidecar_finds_them_by_their_label() -> None:
    words = [str(find_parts().binaries["kubectl"]), "kustomize", str(FOLDER)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    maps = list(yaml.safe_load_all(done.stdout))
    assert [each["metadata"]["labels"]["grafana_dashboard"] for each in maps] == ["1", "1"]
    assert {name: text for each in maps for name, text in each["data"].items()} == texts()
    assert all(len(json.dumps(each)) < 200_000 for each in maps), "kubectl apply keeps a copy in an annotation"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    """It holds the last day of a small fleet, and scrapes what goes on."""
    clock = Clock(time.time() - 60.0 * MINUTES)
    at = fleet(tmp_path_factory.mktemp("world"), clock.now)
    past = play(at, clock)
    processes = Processes(tmp_path_factory.mktemp("prometheus"), keep=False)
    server = PrometheusServer(processes, find_parts().binaries)
    try:
        with running(Living(at, time.time, partial(follow, at))) as address:
            server.backfill(past)
            server.start([("ahpa", address)])
            scraped = "count_over_time(ahpa_last_tick_timestamp_seconds[30s])"
            until(lambda: server.query(scraped, time.time()), "a scrape", 60)
            yield server
    finally:
        server.close()
        processes.close()


def ask(server: PrometheusServer, expr: str, *, instant: bool, after: float = 86_400.0) -> list[dict[str, Any]]:
    """As Grafana asks: over the time range of the dashboard, here until a day after now."""
    for name, value in CHOSEN.items():
        expr = expr.replace(f"${name}", value)
    now = time.time()
    asked: dict[str, float]
    where, asked = ("query", {"time": now}) if instant else (
        "query_range", {"start": now - 86_400, "end": now + after, "step": 300.0},
    )  # fmt: skip
    answer = requests.get(
        f"{server.url}/api/v1/{where}", params={"query": expr, **{k: str(v) for k, v in asked.items()}}, timeout=60
    ).json()
    assert answer["status"] == "success", answer
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found


def numbers(found: list[dict[str, Any]]) -> list[float]:
    points = [point for each in found for point in (each.get("values") or [each["value"]])]
    return [float(value) for _, value in points if value != "NaN"]


@pytest.mark.testbed
@pytest.mark.parametrize(("name", "title", "target"), QUERIES)
def test_each_query_has_data(name: str, title: str, target: dict[str, Any], server: PrometheusServer) -> None:
    """Or is named with the reason why there are none; then there really are none."""
    found = numbers(ask(server, target["expr"], instant=target["instant"]))
    assert bool(found) != (title in RIGHTLY_EMPTY), target["expr"]


@pytest.mark.testbed
@pytest.mark.parametrize("name", BOARDS)
def test_each_variable_has_something_to_choose(name: str, server: PrometheusServer) -> None:
    for variable in BOARDS[name]["templating"]["list"]:
        if variable["type"] == "query":
            inner = re.match(r"label_values\((.*), (\w+)\)", variable["definition"])
            assert inner is not None
            chosen = {"namespace": "shop"} if name == "service.json" else {}
            expr = inner[1].replace("$namespace", chosen.get("namespace", ".*"))
            found = ask(server, expr, instant=True)
            assert {each["metric"][inner[2]] for each in found}, variable["name"]


@pytest.mark.testbed
def test_the_band_reaches_until_tomorrow(server: PrometheusServer) -> None:
    """Prometheus answers for times to come: what was predicted of them lies in its past, by `offset`."""
    (panel,) = [each for each in panels(BOARDS["service.json"]) if each["title"].startswith("Demand, and")]
    last = {
        target["legendFormat"]: (ask(server, target["expr"], instant=False)[0]["values"][-1][0] - time.time()) / 3600
        for target in panel["targets"]
    }
    assert last.pop("demand") < 0.1
    assert 0.8 < last.pop("predicted an hour before") < 1.2
    assert all(23 < hours < 25 for hours in last.values()), last
