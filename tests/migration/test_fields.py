"""What each field of another autoscaler becomes, and that none is lost."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from ahpa.migration.kinds import migrate
from ahpa.migration.migrated import Unmigratable
from ahpa.render.migrated import as_yaml
from tests.migration.examples import (
    AHPA,
    ALL,
    CCE,
    CPU,
    CRANE,
    HPAS,
    KAPACITY,
    KEDA,
    KNATIVE,
    PHPA,
    TEMPLATE,
    at,
    item_of,
    moved,
    short,
    told,
)

EXTERNAL = "{type: External, external: {metric: {name: queue}, target: {type: AverageValue, averageValue: 5}}}"
PREDICTED = KAPACITY.replace("portraitType: Reactive", "portraitType: Predictive")
"""All that is dynamic is predicted."""
METRICS = KAPACITY.partition("portraitType: Reactive\n")[2].partition("\n")[0].strip()
AGAIN = KAPACITY.replace("portraitType: Predictive,", f"portraitType: Predictive, {METRICS},")
"""The same metric measured and predicted."""
GPU_FIRST = AGAIN.replace("name: cpu", "name: gpu", 1)
"""Of two dynamic portraits the first has no metric that an HPA could read."""
TWO_STATIC = KAPACITY.replace(
    "priority: 0, static: {replicas: 2}}",
    "priority: 0, static: {replicas: 4}}\n  - {type: Static, static: {replicas: 2}}",
)

CRON = CRANE.partition("crons:\n")[2]
MINUTES = ",".join(map(str, range(20)))


def annotation(out: Any, name: str) -> object:
    noted = at(out.result, "metadata/annotations")
    assert isinstance(noted, dict)
    return noted.get(f"ahpa.dev/{name}")


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (AHPA, {"mode": "apply", "quantile": "0.95", "lead": "180s"}),
        (AHPA.replace("Strategy: auto", "Strategy: observer"), {"mode": "observe"}),
        (AHPA.replace("Strategy: auto", "Strategy: proactive"), {"mode": "apply"}),
        (AHPA.replace("Strategy: auto", "Strategy: reactive"), {"mode": "off"}),
        (AHPA.replace("Strategy: auto", "Strategy: whatever"), {"mode": "observe"}),
        (AHPA.replace("  scaleStrategy: auto\n", ""), {"mode": "observe"}),
        (AHPA.replace("quantile: 95", 'quantile: "99.9"'), {"quantile": "0.999"}),
        (AHPA.replace("quantile: 95", "quantile: 20"), {"quantile": None}),
        (CCE, {"mode": "observe", "quantile": "0.97", "lead": "1800s"}),
        (PHPA, {"mode": "observe", "quantile": None, "lead": None}),
        (CRANE, {"mode": "apply", "lead": "3600s"}),
        (CRANE.replace("Strategy: Auto", "Strategy: Preview"), {"mode": "observe"}),
        (CRANE.replace("Strategy: Auto", "Strategy: Manual"), {"mode": "off"}),
        (KAPACITY, {"mode": "observe", "min": "2"}),
        (KAPACITY.replace("Preview", "Auto"), {"mode": "apply"}),
        (TWO_STATIC, {"min": "4"}),
        (KEDA, {"mode": "observe"}),
        (KNATIVE, {"mode": "observe"}),
        (KNATIVE.replace("observer", "auto"), {"mode": "apply"}),
        (KNATIVE.replace("{team: chat}", "{ahpa.dev/mode: 'off'}"), {"mode": "off"}),
    ],
    ids=short,
)
def test_what_is_asked_of_us(text: str, asked: dict[str, str | None]) -> None:
    """What was said becomes what is said; where nothing was, we watch first."""
    out = moved(text)
    assert {name: annotation(out, name) for name in asked} == asked


@pytest.mark.parametrize(
    ("text", "where", "value"),
    [
        (AHPA, "apiVersion", "autoscaling/v2"),
        (AHPA, "metadata/name", "order"),
        (AHPA, "metadata/namespace", "shop"),
        (AHPA, "metadata/labels/team", "shop"),
        (AHPA, "spec/scaleTargetRef/name", "order"),
        (AHPA, "spec/minReplicas", 2),
        (AHPA, "spec/maxReplicas", 50),
        (AHPA, "spec/metrics/0/resource/target/averageUtilization", 40),
        (AHPA, "spec/behavior/scaleDown/stabilizationWindowSeconds", 300),
        (AHPA.replace("minReplicas: 2", "minReplicas: 0"), "spec/minReplicas", 1),
        (CCE, "spec/behavior/scaleDown/stabilizationWindowSeconds", 600),
        (PHPA, "spec/behavior/scaleDown/stabilizationWindowSeconds", 0),
        (KAPACITY, "spec/scaleTargetRef/kind", "StatefulSet"),
        (KAPACITY, "spec/metrics/0/resource/target/averageUtilization", 40),
        (KAPACITY, "spec/metrics/0/name", None),
        (KAPACITY, "spec/metrics/1", None),
        (PREDICTED, "spec/metrics/0/resource/target/averageUtilization", 40),
        (PREDICTED, "spec/metrics/0/name", None),
        (PREDICTED, "spec/metrics/1", None),
        (AGAIN, "spec/metrics/1", None),
        (GPU_FIRST, "spec/metrics/0/resource/target/averageUtilization", 40),
        (CRANE.replace(f"[{CPU}]", "[]"), "spec/metrics/0/resource/target/averageUtilization", 80),
    ],
    ids=short,
)  # fmt: skip
def test_what_the_hpa_holds(text: str, where: str, value: object) -> None:
    assert at(moved(text).result, where) == value


@pytest.mark.parametrize(
    ("text", "field", "says"),
    [
        (AHPA.replace("Strategy: auto", "Strategy: observer"), "spec.scaleStrategy", "something else scales"),
        (AHPA.replace("Strategy: auto", "Strategy: scalingUpOnly"), "spec.scaleStrategy", "selectPolicy: Disabled"),
        (AHPA.replace("Strategy: auto", "Strategy: whatever"), "spec.scaleStrategy", "nothing is known of this one"),
        (AHPA.replace("quantile: 95", "quantile: 20"), "spec.prediction.quantile", "from 0.5 to below 1"),
        (AHPA.replace("minReplicas: 2", "minReplicas: 0"), "spec.minReplicas", "HPAScaleToZero"),
        (AHPA.replace("name: cpu", "name: gpu"), "spec.metrics[0]", "measures cpu and memory of pods, and no gpu"),
        (AHPA.replace("name: cpu", "name: gpu"), "spec", "no HPA is printed"),
        (AHPA.replace("averageUtilization: 40", "averageUtilization: 0"), "spec.metrics[0]", "must be positive"),
        (AHPA.replace(CPU, EXTERNAL), "spec.metrics[0]", "has a query for: external/queue; else"),
        (KAPACITY + "  paused: true\n", "spec.paused", "ahpa.dev/paused: true, but the HPA is not"),
        (KAPACITY, "spec.portraitProviders[0].priority", "the largest counts"),
        (KAPACITY + "  behavior: {scaleUp: {grayStrategy: {grayState: Online}}}\n", "spec.behavior", "no gray states"),
        *((text.replace("metrics: [", "aMetrics: ["), "spec.metrics", "CPU at 80 %") for text in (AHPA, PHPA, CRANE)),
        (CCE.replace("metrics: [", "aMetrics: ["), "spec.metrics", "CPU at 80 %"),
        (CRANE.replace(f"[{CPU}]", "[]"), "spec.metrics", "CPU at 80 %"),
        (KAPACITY.partition("  - type: Dynamic")[0], "spec.metrics", "CPU at 80 %"),
        (CRANE.replace("3600", "31536000"), "metadata.annotations",
         "refuses ahpa.dev/lead: '31536000s' is not a duration"),
        (CRANE + CRON * 30, "metadata.annotations", "refuses ahpa.dev/windows: 31 of them; it takes 1 to 30"),
        (CRANE + CRON.replace('"0 ', f'"{MINUTES} ') * 29, "metadata.annotations",
         "refuses ahpa.dev/windows: not one to 4000 plain characters"),
        (TEMPLATE.replace("180", "31536000"), "metadata.annotations", "refuses ahpa.dev/lead"),
        (KEDA.replace("namespace: shop", "namespace: shop, annotations: {ahpa.dev/lead: soon}"), "metadata.annotations",
         "refuses ahpa.dev/lead: 'soon' is not"),
        (KNATIVE.replace("team: chat}", "ahpa.dev/lead: soon}"), "metadata.annotations", "refuses ahpa.dev/lead"),
        (TWO_STATIC, "spec.portraitProviders[0].static", "ahpa.dev/min: 4, the largest"),
        (CCE, "spec.effectiveTime", "at all times"),
        (CCE.replace("apps/v1, kind: Deployment", "autoscaling/v2, kind: HorizontalPodAutoscaler"), "spec",
         'give that one these annotations: ahpa.dev/lead: "1800s", ahpa.dev/mode: "observe"'),
        (PHPA.replace("maximum", "mean"), "spec.decisionType", "expect more replicas"),
        (PHPA + "  tolerance: 0.2\n", "spec.tolerance", "Kubernetes 1.33"),
        (CRANE.replace("Strategy: Auto", "Strategy: Manual"), "spec.scaleStrategy", "do not apply this one"),
        (CRANE.replace("{name: php-apache}", "{name: a, annotations: {q.autoscaling.crane.io/x: y}}", 1),
         "metadata.annotations.q.autoscaling.crane.io/x", "nobody reads it any more"),
        (KEDA, "spec.triggers[0]", "take this trigger out"),
        (KEDA.partition("  - {type: cpu")[0], "spec.triggers", "nothing to predict by"),
        (TEMPLATE, "spec.metrics[0]", 'autoscaling.knative.dev/metric: rps and autoscaling.knative.dev/target: "10"'),
        (TEMPLATE, "spec", 'ahpa.dev/lead: "180s", ahpa.dev/mode: "observe", ahpa.dev/quantile: "0.95"'),
        (KNATIVE.replace("metric: rps", "metric: rt"),
         "spec.template.metadata.annotations.autoscaling.knative.dev/metric", "counts concurrency or rps"),
        (KNATIVE.replace("labels:", "name: chat-2\n      labels:"), "spec.template.metadata.name", "give it a new one"),
        ("apiVersion: autoscaling.alibabacloud.com/v1beta1\nkind: CronHorizontalPodAutoscaler\n", "kind",
         "is not understood here"),
    ],
    ids=short,
)  # fmt: skip
def test_what_no_machine_can_know_is_told_to_a_person(text: str, field: str, says: str) -> None:
    out = moved(text)
    assert says in told(out, field)
    assert out.needs_you


def test_a_service_that_moves_whole_needs_nobody() -> None:
    """Its metric is one that Knative's own autoscaler counts."""
    out = moved(KNATIVE)
    assert not out.needs_you
    assert at(out.result, "spec/template/metadata/annotations") == {
        "autoscaling.knative.dev/metric": "rps",
        "autoscaling.knative.dev/target": "50",
        "autoscaling.knative.dev/minScale": "1",
        "autoscaling.knative.dev/maxScale": "30",
    }
    assert at(out.result, "metadata/annotations") == {"team": "chat", "ahpa.dev/mode": "observe"}
    assert at(out.result, "spec/template/spec") == item_of(KNATIVE)["spec"]["template"]["spec"]


def test_what_the_cluster_and_kubectl_wrote_stays_behind() -> None:
    item = item_of(AHPA)
    item["status"] = {"currentReplicas": 3}
    item["metadata"] |= {"uid": "u", "resourceVersion": "7", "creationTimestamp": "2026-01-01T00:00:00Z"}
    item["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "team": "shop"}
    out = migrate(item)
    assert out is not None
    assert at(out.result, "metadata/annotations/team") == "shop"
    assert not {"uid", "u", "7", "last-applied-configuration"} & set(as_yaml([out]).replace("/", " ").split())


def mappings(node: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where a mapping stands within spec."""
    if isinstance(node, dict):
        yield path
        for key, value in node.items():
            yield from mappings(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from mappings(value, (*path, index))


EVERYWHERE = [(name, path) for name, text in ALL.items() for path in mappings(item_of(text)["spec"])]


@pytest.mark.parametrize(("name", "path"), EVERYWHERE, ids=[f"{n}-{'.'.join(map(str, p))}" for n, p in EVERYWHERE])
def test_a_field_that_nobody_knows_is_never_dropped_silently(name: str, path: tuple[Any, ...]) -> None:
    """Wherever it stands: it is in what is applied, or a comment says that nothing became of it."""
    item = copy.deepcopy(item_of(ALL[name]))
    node: Any = item["spec"]
    for key in path:
        node = node[key]
    node["aaUnknown"] = "1"
    node |= {key: node.pop(key) for key in list(node) if key != "aaUnknown"}  # first, so that no cut hides it
    out = migrate(item)
    assert out is not None
    assert "aaUnknown" in as_yaml([out])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (AHPA.replace("kind: Deployment, name: order", "kind: Deployment"), "spec.scaleTargetRef: kind and name"),
        (AHPA.replace("name: order}", "name: '../x'}"), "spec.scaleTargetRef.name: ../x is no name of an object"),
        (AHPA.replace("{name: order,", "{name: 'o r',"), "metadata.name: o r is no name of an object"),
        (AHPA.replace("{name: order,", "{"), "metadata.name is missing"),
        (AHPA.replace("minReplicas: 2", "minReplicas: two"), "spec.minReplicas: two is not a whole number"),
        (AHPA.replace("minReplicas: 2", "minReplicas: 60"), "spec: maxReplicas=50 must be"),
        (AHPA.replace("  maxReplicas: 50\n", ""), "spec.maxReplicas is missing"),
        (AHPA.replace("prediction: {", "prediction: 3 #"), "spec.prediction: 3 is not a mapping"),
        (AHPA.replace("scaleUpForward: 180", "scaleUpForward: -1"), "spec.prediction.scaleUpForward: -1 is not"),
        (AHPA.replace("stabilizationWindowSeconds: 300", "stabilizationWindowSeconds: 9999"), "must be in [0, 3600]"),
        (AHPA.replace("metrics: [", "metrics: {a: ").replace("}}}]", "}}}}"), "spec.metrics: .* is not a list"),
        (AHPA.replace("{team: shop}", "{team: 3}"), "metadata.labels.team: 3 is not text"),
        (PHPA.replace("{scaleDown: {stabilizationWindowSeconds: 0}}", "{scaleDown: 3}"), "spec.behavior: it has not"),
        (KEDA.replace('"10"', "many"), "desiredReplicas: not a whole number"),
        ("kind: Service\n", "apiVersion and kind"),
    ],
    ids=short,
)  # fmt: skip
def test_what_its_own_system_would_refuse_is_refused_with_its_field(text: str, says: str) -> None:
    with pytest.raises(Unmigratable, match=says.replace("[0, 3600]", r"\[0, 3600\]").replace("..", r"\.\.")):
        migrate(item_of(text))


def test_a_scaled_object_stays_as_it_is_with_our_annotations_on_it() -> None:
    """Its cron triggers too: while ahpa only watches, nobody else keeps their hours."""
    out = moved(KEDA)
    assert at(out.result, "spec") == item_of(KEDA)["spec"]
    assert out.first == ()


def test_a_scaled_object_without_a_clock_has_nothing_to_move() -> None:
    assert migrate(item_of(KEDA.replace("type: cron", "type: kafka"))) is None


def test_an_object_on_cpu_moves_whole_and_needs_nobody() -> None:
    """ahpa measures the CPU of its pods by itself."""
    assert not moved(AHPA.partition("  instanceBounds")[0]).needs_you


@pytest.mark.parametrize("name", HPAS)
def test_who_moves_is_told_to_delete_the_old_one(name: str) -> None:
    item = item_of(HPAS[name])
    group = item["apiVersion"].partition("/")[0]
    (what, command) = moved(HPAS[name]).first
    assert "fight" in what
    assert command.startswith("kubectl delete ")
    assert f".{group} {item['metadata']['name']}" in command
