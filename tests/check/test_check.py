"""`ahpa check` tells apart what is fine, what is worse than it could be, what must be mended, and who is away."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result

from ahpa.adapters.kubernetes.preflight import Preflight
from ahpa.check.check import Scope, findings
from ahpa.check.finding import Finding, Outcome
from ahpa.commands.check import checked
from ahpa.ports import ClusterError
from tests.check.server import ACCOUNT, GROUPS, OURS, AskedKube, as_manifests
from tests.commands.looks import typed
from tests.fakes.demand import FakePrometheus
from tests.service.stage import DAY, NOW, SETTINGS, Stage, add_hpa, add_knative, morning, never, staged

GOLDEN = Path(__file__).parent / "check.golden"
HEALTHY: dict[str, Callable[[float], float]] = {
    "count(up)": lambda t: 12.0,
    "quantile(0.5": lambda t: 15.0,
    "quantile(0.95": lambda t: 30.0,
    "kube_pod_info": lambda t: 40.0,
    "vector(1)": lambda t: 1.0,
    "chat": morning,
}


def healthy() -> tuple[AskedKube, FakePrometheus]:
    """Installed by the manifests, with one service that asks."""
    kube = AskedKube(as_manifests("knative", "hpa"))
    for part in ("base", "knative", "hpa"):
        kube.fence(part)
    add_knative(kube, "chat", mode="apply")
    return kube, FakePrometheus(dict(HEALTHY))


def scope(kube: AskedKube, prometheus: FakePrometheus, account: str = ACCOUNT) -> Scope:
    at: Stage = staged(kube, prometheus, may_write=never, cluster_clock=kube)
    return Scope(Preflight(kube), at.ports, at.service.settings, "shop", account, "http://prometheus:9090")


def found(kube: AskedKube, prometheus: FakePrometheus, account: str = ACCOUNT) -> list[Finding]:
    return list(findings(scope(kube, prometheus, account), lambda: NOW))


def worse(all_found: Sequence[Finding]) -> list[tuple[str, str, str]]:
    return [(each.outcome, each.what, each.where) for each in all_found if each.outcome != Outcome.OK]


def run(kube: AskedKube, prometheus: FakePrometheus, output: str = "text") -> Result:
    return typed(lambda: checked(scope(kube, prometheus), output, lambda: NOW))


def test_an_installation_by_the_manifests_passes_and_nothing_is_written() -> None:
    kube, prometheus = healthy()
    assert worse(found(kube, prometheus)) == []
    assert kube.writes == kube.created == []
    assert {who for who, _ in kube.asked} == {OURS}


def test_its_face() -> None:
    """A cluster with something of each: all lines that people see."""
    kube, prometheus = healthy()
    kube.granted = lambda asked: asked["resource"] != "pods" and as_manifests("knative")(asked)
    kube.objects = {where: item for where, item in kube.objects.items() if "ahpa-hpas" not in where}
    add_hpa(kube, "api", mode="observe")
    add_knative(kube, "dark", mode="observe")
    del prometheus.demands["kube_pod_info"]
    prometheus.demands["quantile(0.95"] = lambda t: 60.0
    prometheus.skew = 12.0
    done = run(kube, prometheus)
    assert done.stdout == GOLDEN.read_text()
    assert done.exit_code == 1


def test_json_has_the_same_for_programs() -> None:
    kube, prometheus = healthy()
    done = run(kube, prometheus, "json")
    rows = json.loads(done.stdout)
    assert done.exit_code == 0
    assert {row["outcome"] for row in rows} == {"ok"}
    assert {"version", "rights", "fence", "prometheus", "scrape interval", "history", "queries", "clock"} <= {
        row["what"] for row in rows
    }


def without_fence(kube: AskedKube, prometheus: FakePrometheus) -> None:
    kube.objects = {where: item for where, item in kube.objects.items() if "bindings/ahpa-hpas" not in where}


def fence_that_warns(kube: AskedKube, prometheus: FakePrometheus) -> None:
    (binding,) = [item for where, item in kube.objects.items() if "bindings/ahpa-hpas" in where]
    binding["spec"]["validationActions"] = ["Audit"]


def fence_around_somebody_else(kube: AskedKube, prometheus: FakePrometheus) -> None:
    """An operator renamed the account, and not what stands in the policies."""
    (policy,) = [item for where, item in kube.objects.items() if "policies/ahpa-hpas" in where]
    policy["spec"]["matchConditions"][0]["expression"] = "request.userInfo.username == 'system:serviceaccount:a:b'"


def may_delete(kube: AskedKube, prometheus: FakePrometheus) -> None:
    kube.granted = lambda asked: True


def may_nothing(kube: AskedKube, prometheus: FakePrometheus) -> None:
    kube.granted = lambda asked: False


def old_kubernetes(kube: AskedKube, prometheus: FakePrometheus) -> None:
    kube.stand("/version", {"gitVersion": "v1.29.9"})


def no_knative_version(kube: AskedKube, prometheus: FakePrometheus) -> None:
    kube.objects["/apis/apps/v1/namespaces/knative-serving/deployments/controller"]["metadata"]["labels"] = {}


def slow_scrapes(kube: AskedKube, prometheus: FakePrometheus) -> None:
    prometheus.demands["quantile(0.5"] = lambda t: 60.0


def wrong_clock(kube: AskedKube, prometheus: FakePrometheus) -> None:
    prometheus.skew = 45.0


def wrong_clock_of_the_api(kube: AskedKube, prometheus: FakePrometheus) -> None:
    kube.skew = -45.0


def older_knative_by_the_usual_overlay(kube: AskedKube, prometheus: FakePrometheus) -> None:
    kube.install_knative("1.20.3")


def no_target_kind(kube: AskedKube, prometheus: FakePrometheus) -> None:
    kube.stand("/apis", {"groups": [{"name": "apps"}]})


@pytest.mark.parametrize(
    ("spoil", "failed"),
    [(without_fence, {("fence", "ahpa-hpas")}), (fence_that_warns, {("fence", "ahpa-hpas")}),
     (fence_around_somebody_else, {("fence", "ahpa-hpas")}),
     (may_delete, {("rights", ACCOUNT)}), (may_nothing, {("rights", ACCOUNT)}),
     (old_kubernetes, {("version", "kubernetes")}),
     (no_knative_version, {("version", "knative")}), (slow_scrapes, {("scrape interval", "http://prometheus:9090")}),
     (older_knative_by_the_usual_overlay, {("rights", ACCOUNT), ("fence", "ahpa-podautoscalers")}),
     (wrong_clock, {("clock", "prometheus")}), (wrong_clock_of_the_api, {("clock", "kubernetes")}),
     (no_target_kind, {("version", "cluster")})],
    ids=lambda value: value.__name__ if callable(value) else "",
)  # fmt: skip
def test_what_must_be_mended_fails(
    spoil: Callable[[AskedKube, FakePrometheus], None], failed: set[tuple[str, str]]
) -> None:
    kube, prometheus = healthy()
    spoil(kube, prometheus)
    result = found(kube, prometheus)
    bad = [each for each in result if each.outcome == Outcome.FAILED]
    assert {(each.what, each.where) for each in bad} == failed
    assert all(each.do for each in bad), "each says what to do"
    assert run(kube, prometheus).exit_code == 1


def young_prometheus(kube: AskedKube, prometheus: FakePrometheus) -> None:
    for name in ("count(up)", "chat"):
        prometheus.demands[name] = lambda t: 7.0 if t > NOW - DAY / 4 else float("nan")


def no_state_metrics(kube: AskedKube, prometheus: FakePrometheus) -> None:
    del prometheus.demands["kube_pod_info"]


def silent_service(kube: AskedKube, prometheus: FakePrometheus) -> None:
    prometheus.demands["chat"] = lambda t: float("nan")


def blind_to_fences(kube: AskedKube, prometheus: FakePrometheus) -> None:
    kube.fail = lambda method, where: ClusterError(403, "no") if "admissionregistration" in where else None


def older_knative(kube: AskedKube, prometheus: FakePrometheus) -> None:
    kube.install_knative("1.20.3")
    kube.granted = as_manifests("knative", "hpa", "knative-1.20")
    kube.fence("knative-1.20")


def hpa_without_demand(kube: AskedKube, prometheus: FakePrometheus) -> None:
    add_hpa(kube, "api", mode="observe")


@pytest.mark.parametrize(
    ("spoil", "warned"),
    [(young_prometheus, {("history", "http://prometheus:9090"), ("history", "knative/shop/chat")}),
     (no_state_metrics, {("kube-state-metrics", "http://prometheus:9090")}),
     (silent_service, {("queries", "knative/shop/chat")}),
     (blind_to_fences, {("fence", f"ahpa-{name}") for name in ("leader", "services", "revisions", "hpas")}),
     (older_knative, {("version", "knative")}), (hpa_without_demand, {("queries", "hpa/shop/api")})],
    ids=lambda value: value.__name__ if callable(value) else "",
)  # fmt: skip
def test_what_is_worse_than_it_could_be_or_cannot_be_seen_is_a_warning(
    spoil: Callable[[AskedKube, FakePrometheus], None], warned: set[tuple[str, str]]
) -> None:
    kube, prometheus = healthy()
    spoil(kube, prometheus)
    result = found(kube, prometheus)
    assert {(outcome, (what, where)) for outcome, what, where in worse(result)} == {("warning", one) for one in warned}
    assert run(kube, prometheus).exit_code == 0


def test_a_cluster_that_does_not_answer_is_out_of_reach_and_prometheus_is_looked_at_all_the_same() -> None:
    kube, prometheus = healthy()
    kube.fail = lambda method, where: ClusterError(0, "no answer")
    result = found(kube, prometheus)
    assert worse(result) == [("unreachable", "version", "cluster")]
    assert "prometheus" in {each.what for each in result}
    assert "targets" not in {each.what for each in result}, "nobody knows whether somebody asked for us"
    assert [each.where for each in result if each.what == "clock"] == ["prometheus"], "the other tells no time"
    assert run(kube, prometheus).exit_code == 3


def test_a_prometheus_that_does_not_answer_is_out_of_reach() -> None:
    kube, prometheus = healthy()
    prometheus.down = True
    assert worse(found(kube, prometheus)) == [("unreachable", "prometheus", "http://prometheus:9090")]
    assert run(kube, prometheus).exit_code == 3


def test_an_administrator_asks_for_the_account_and_not_for_themselves() -> None:
    """Who may do everything would otherwise be told that the service may delete."""
    kube, prometheus = healthy()
    kube.me = "admin"
    assert worse(found(kube, prometheus)) == []
    assert {who for who, _ in kube.asked} == {OURS}


def test_who_may_not_ask_for_others_is_told_so() -> None:
    kube, prometheus = healthy()
    kube.me = "somebody"
    kube.fail = lambda method, where: ClusterError(403, "no") if where.endswith("/subjectaccessreviews") else None
    (line,) = [each for each in found(kube, prometheus) if each.what == "rights"]
    assert (line.outcome, line.said) == (Outcome.WARNING, "you may not ask for the rights of others")


def test_of_many_services_with_the_same_trouble_twenty_are_named() -> None:
    kube, prometheus = healthy()
    for i in range(25):
        add_knative(kube, f"dark{i}", mode="observe")
    lines = [each for each in found(kube, prometheus) if each.what == "queries"]
    assert lines[0].said == "1 of 26 answer"
    assert len(lines) == 1 + 20 + 1
    assert lines[-1].said == "5 more likewise"


def test_an_hour_of_tolerance_for_a_history_that_is_complete_but_for_its_edge() -> None:
    """Prometheus drops whole blocks, so the oldest hours of a retention come and go."""
    kube, prometheus = healthy()
    edge = NOW - SETTINGS.history_seconds + 2 * 3600
    prometheus.demands["count(up)"] = lambda t: 12.0 if t >= edge else float("nan")
    assert worse(found(kube, prometheus)) == []


def test_services_that_are_switched_off_are_not_asked_about() -> None:
    kube, prometheus = healthy()
    add_knative(kube, "gone", mode="off")
    assert worse(found(kube, prometheus)) == []


def test_only_the_kinds_that_are_asked_for_are_looked_at() -> None:
    kube, prometheus = healthy()
    at = scope(kube, prometheus)
    hpas = replace(at.ports, actuators={"hpa": at.ports.actuators["hpa"]})
    result = list(findings(replace(at, ports=hpas), lambda: NOW))
    assert "knative" not in {each.where for each in result}
    assert "serving.knative.dev" not in {asked["group"] for _, asked in kube.asked}
    assert "serving.knative.dev" in GROUPS
