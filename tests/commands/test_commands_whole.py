"""The commands as they are typed: over sockets to an API server and a Prometheus, with every adapter in between."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ahpa.adapters.kubernetes import api
from ahpa.adapters.kubernetes.page import SIZE
from ahpa.cli import main
from ahpa.commands.cluster import Cluster, actuators_of, connected
from ahpa.core.policy.values import STATE
from tests.adapters.prometheus.server import Server
from tests.commands.bazaar import knative
from tests.commands.test_backtest_input import answering
from tests.commands.test_serve_usage import KUBECONFIG
from tests.fakes.kube import FakeKube
from tests.service.api_server import ApiServer
from tests.service.stage import HPAS, add_hpa

WHERE = "/apis/serving.knative.dev/v1/namespaces/shop/services/chat"


@dataclass
class World:
    """A cluster with one service, whose load is thirty requests in flight, and the way to it."""

    kube: FakeKube
    api: ApiServer
    prometheus: Server
    kubeconfig: Path

    def typed(self, name: str, *words: str) -> Result:
        known = ("--kubeconfig", str(self.kubeconfig), "--namespace", "shop")
        demand = () if name == "restore" else ("--prometheus", self.prometheus.url, "--history", "3d")
        return CliRunner().invoke(main, [name, *words, *known, *demand], env={"COLUMNS": "200"})

    def asked_to_write(self) -> list[tuple[str, str]]:
        return [(method, path) for method, path in self.api.asked if method != "GET"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    kube, prometheus = FakeKube(), Server()
    knative(kube, "shop", "chat")
    prometheus.answer = answering(lambda at: 30.0 + at // 60 % 3, {})
    api = ApiServer(kube)
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(KUBECONFIG.replace("http://127.0.0.1:1", api.url))
    yield World(kube, api, prometheus, kubeconfig)
    api.close()
    prometheus.close()


def annotate(world: World, mode: str) -> None:
    """With a model that learns in no time."""
    world.kube.edit(WHERE, {"metadata": {"annotations": {"ahpa.dev/mode": mode, "ahpa.dev/model": "last-value"}}})


def test_look_and_put_back(world: World) -> None:
    """The words of one day: what would it do, is all well, why; and off again."""
    assert "nobody asked for us yet" in world.typed("status").stdout
    annotate(world, "apply")
    plan = world.typed("plan")
    assert plan.exit_code == 1, plan.output
    assert plan.stdout.startswith("knative/shop/chat: 0 -> ")
    (row,) = json.loads(world.typed("status", "--output", "json").stdout)
    assert (row["service"], row["floor"], row["writes"]) == ("knative/shop/chat", 0, True)
    why = world.typed("explain", "shop/chat")
    assert why.exit_code == 0, why.output
    assert "kn_service_name" in why.stdout
    assert world.asked_to_write() == []

    cluster = Cluster(str(world.kubeconfig), None, "shop", None)
    actuator = actuators_of(cluster, connected(cluster))["knative"]
    (target,) = actuator.targets()
    actuator.write(target, (row["wanted"],))
    back = world.typed("restore", "--all", "--yes")
    assert back.exit_code == 0, back.output
    assert f"knative/shop/chat: {row['wanted']} -> 0" in back.stdout
    (target,) = actuator.targets()
    assert (target.floor, target.managed) == (0, False)


def test_a_list_that_is_too_large_for_one_answer_is_put_back_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the Revisions of ten thousand Services are, of which an uninstall must leave none raised."""
    for number in range(SIZE + 1):
        add_hpa(world.kube, f"h{number}", mode="off")
        where = f"{HPAS}/h{number}"
        world.kube.edit(where, {"metadata": {"annotations": {STATE: "1"}}, "spec": {"minReplicas": 7}}, "ahpa")
    size = len(json.dumps(world.kube.items(HPAS)))
    monkeypatch.setattr(api, "MOST_BYTES", size * 999 // 1000)
    back = world.typed("restore", "--all", "--yes", "--write-rate", "100000", "--kinds", "hpa")
    assert back.exit_code == 0, back.output
    assert f"{SIZE + 1} of {SIZE + 1} are as their owners had them" in back.stdout
    assert {each["spec"]["minReplicas"] for each in world.kube.items(HPAS)} == {1}


@pytest.mark.slow
def test_survey_from_end_to_end_writes_nothing(world: World, tmp_path: Path) -> None:
    """The service carries no annotation; learning takes its time."""
    out = tmp_path / "survey"
    done = world.typed("survey", "--test-days", "0.5", "--jobs", "1", "--out", str(out))
    assert done.exit_code == 0, done.output
    assert "knative/shop/chat" in done.stdout
    assert json.loads((out / "survey.json").read_text())["not_judged"] == {}
    assert (out / "report.html").exists()
    assert world.asked_to_write() == []
