"""Our HPA sets the replicas that the real controller sets: no difference in many thousand random syncs.

The whole controller runs, with its metrics, pods and scale made up. `pytest -s` prints how often each corner
was reached; one that never is fails the test.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from ahpa.reactive.hpa.autoscaler import Hpa, Reading, _largest, _propose
from ahpa.reactive.hpa.config import HpaConfig, Metric, Tolerances
from ahpa.reactive.hpa.replicas import Groups, Pod, Sample, group
from testbed.proofs.corners import Corners
from testbed.proofs.upstream import EPOCH, Upstream

pytestmark = [pytest.mark.testbed, pytest.mark.xdist_group("proofs")]

STEPS = 30


EVERY_SOURCE = ("Resource", "Resource", "ContainerResource", "Pods", "Pods", "Object", "External")


def random_metric(rng: random.Random, number: int, sources: tuple[str, ...]) -> dict[str, Any]:
    """A metric of any source and target type, in the words of autoscaling/v2; `number` makes it unique."""
    average = {"type": "AverageValue", "averageValue": rng.choice(["10", "500m", "1", "2500m", "3k"])}
    whole = {"type": "Value", "value": rng.choice(["10", "700m", "100"])}
    utilization = {"type": "Utilization", "averageUtilization": rng.choice([50, 80, 100, 150])}
    name = {"metric": {"name": f"m{number}"}}
    resource = {"name": rng.choice(["cpu", "cpu", "memory"]), "target": rng.choice([utilization, utilization, average])}
    source = rng.choice(sources)
    if source == "Resource":
        return {"type": source, "resource": resource}
    if source == "ContainerResource":
        return {"type": source, "containerResource": resource | {"container": rng.choice(["main", "side"])}}
    if source == "Pods":
        return {"type": source, "pods": name | {"target": average}}
    target = {"target": rng.choice([average, whole])}
    if source == "External":
        return {"type": source, "external": name | target}
    described = {"describedObject": {"kind": "Ingress", "name": "in", "apiVersion": "v1"}}
    return {"type": source, "object": name | target | described}


def random_rules(rng: random.Random) -> dict[str, Any] | None:
    if rng.random() < 0.2:
        return None
    rules: dict[str, Any] = {}
    if rng.random() < 0.7:
        rules["policies"] = [
            {
                "type": rng.choice(["Pods", "Percent"]),
                "value": rng.choice([1, 2, 4, 10, 50, 100, 300]),
                "periodSeconds": rng.choice([15, 30, 60, 180]),
            }
            for _ in range(rng.choice([1, 1, 2, 3]))
        ]
    if rng.random() < 0.6:
        rules["stabilizationWindowSeconds"] = rng.choice([0, 15, 30, 60, 300])
    if rng.random() < 0.4:
        rules["selectPolicy"] = rng.choice(["Max", "Min", "Min", "Disabled"])
    if rng.random() < 0.3:
        rules["tolerance"] = rng.choice(["0", "50m", "10m", "200m", "300m", "1500m"])
    return rules


def random_spec(rng: random.Random, scale_to_zero: bool) -> dict[str, Any]:
    minimum = rng.choice([0, 0, 0, 1, 3]) if scale_to_zero else rng.choice([1, 1, 2, 5])
    spec: dict[str, Any] = {"minReplicas": minimum, "maxReplicas": max(1, minimum) + rng.choice([0, 3, 10, 40])}
    metrics = {}
    sources = ("Object", "External") if scale_to_zero and rng.random() < 0.6 else EVERY_SOURCE
    for number in range(rng.choice([1, 1, 1, 2, 3])):
        metric = random_metric(rng, number, sources)
        body = metric.get("resource") or metric.get("containerResource") or {"name": number}
        # The program finds a resource's values by its name, so each stands at most once.
        metrics[metric["type"], body["name"], body.get("container")] = metric
    spec["metrics"] = list(metrics.values())
    return spec | random_behavior(rng)


def random_behavior(rng: random.Random) -> dict[str, Any]:
    if rng.random() < 0.3:
        return {}
    rules = {"scaleUp": random_rules(rng), "scaleDown": random_rules(rng)}
    return {"behavior": {key: value for key, value in rules.items() if value is not None}}


def random_pods(rng: random.Random, count: int, now: float, calm: bool) -> list[dict[str, Any]]:
    """Pods of which some are starting, failed, being deleted or without a condition; all well if `calm`."""
    pods = []
    for number in range(count):
        started = now - rng.choice([5.0, 25.0, 120.0, 299.0, 300.0, 301.0, 4000.0])
        changed = started + rng.choice([0.0, 10.0, 29.5, 30.0, 31.0, 200.0])
        odd = not calm and rng.random() < 0.35
        pods.append(
            {
                "name": f"p{number}",
                "phase": rng.choice(["Pending", "Failed", "Running", "Running"]) if odd else "Running",
                "deleting": odd and rng.random() < 0.15,
                "ready": rng.choice([True, False, False, None]) if odd else True,
                "changed": min(changed, now) if not calm else now - 1000,
                "started": None if odd and rng.random() < 0.1 else started if not calm else now - 5000,
                "requests": {
                    f"{container}/{resource}": rng.choice([100, 250, 1000])
                    for container in ("main", "side")
                    for resource in ("cpu", "memory")
                    if rng.random() > 0.001
                },
            }
        )
    return pods


def random_reading(rng: random.Random, metric: Metric, pods: list[dict[str, Any]], now: float, heat: float) -> Any:
    """Values around `heat` times the target; some pods or the whole metric missing, some values of strangers."""
    if rng.random() < 0.04:
        return {"error": True}
    if metric.source in ("Object", "External"):
        whole = metric.target * (len(pods) if metric.target_type == "AverageValue" else 1)
        parts = rng.choice([1, 1, 3]) if metric.source == "External" else 1
        return {"values": [int(whole * heat) // parts] * parts}
    lost = rng.choice([0.0, 0.0, 0.0, 0.1, 0.4])
    names = [pod["name"] for pod in pods if rng.random() >= lost] + (["stranger"] if rng.random() < 0.03 else [])
    typical = metric.target
    if metric.target_type == "Utilization":
        typical = metric.target * (900 if not metric.container else 450) // 100
    spread = rng.choice([0.0, 0.0, 0.05, 0.4])
    return {
        "pods": {
            name: [
                max(0, int(typical * heat * (1 + spread * rng.uniform(-1, 1)))),
                now - rng.choice([0.0, 15.0, 45.0]),
                rng.choice([15.0, 30.0, 60.0]),
            ]
            for name in names
        }
    }


def play(rng: random.Random, corners: Corners) -> tuple[dict[str, Any], list[int]]:
    """A script of thirty syncs, and what our HPA made of it.

    The load walks, jumps and rests; the target mostly has the replicas that were set last, sometimes those
    that somebody else set.
    """
    scale_to_zero = rng.random() < 0.3
    spec = random_spec(rng, scale_to_zero)
    hpa = Hpa(HpaConfig.from_spec(spec, scale_to_zero))
    now, current, heat, calm = float(rng.randrange(2000)), rng.choice([0, 1, 3, 8, 30]), 1.0, rng.random() < 0.5
    steps: list[dict[str, Any]] = []
    answers = []
    for number in range(STEPS):
        changed = number > 0 and rng.random() < 0.1
        if changed:
            others = {key: value for key, value in spec.items() if key != "behavior"}
            spec = others | random_behavior(rng) if rng.random() < 0.7 else random_spec(rng, scale_to_zero)
            hpa.config = HpaConfig.from_spec(spec, scale_to_zero)
        heat = rng.choice([heat, heat, heat * rng.uniform(0.7, 1.4), rng.choice([0.0, 0.5, 0.9, 1.0, 1.1, 1.3, 2, 5])])
        heat = min(heat, 20.0)
        pods = random_pods(rng, max(0, current - rng.choice([0, 0, 0, 1, 2])), now, calm)
        readings = [random_reading(rng, metric, pods, now, heat) for metric in hpa.config.metrics]
        step = {
            "now": now, "replicas": current, "status": max(0, current - rng.choice([0, 0, 0, 1])),
            "pods": pods, "readings": readings, "spec": spec if changed or number == 0 else None,
        }  # fmt: skip
        steps.append(step)
        corners["spec changed"] += changed
        answers.append(sync(hpa, step, corners))
        somebody = 0.4 if answers[-1] == 0 and not hpa.scaled_to_zero else 0.06
        current = rng.choice([0, 1, 4, 20, 60]) if rng.random() < somebody else answers[-1]
        now += rng.choice([15, 15, 15, 15, 14.5, 30, 75, 300])
    return {"scaleToZero": scale_to_zero, "steps": steps}, answers


def as_pod(pod: dict[str, Any]) -> Pod:
    requests: dict[str, dict[str, int]] = {}
    for key, value in pod["requests"].items():
        container, resource = key.split("/")
        requests.setdefault(container, {})[resource] = value
    started = None if pod["started"] is None else EPOCH + pod["started"]
    ready, changed = pod["ready"], EPOCH + pod["changed"]
    return Pod(pod["name"], pod["phase"], pod["deleting"], ready, changed, started, requests)


def as_reading(reading: dict[str, Any]) -> Reading:
    if "error" in reading:
        return None
    if "values" in reading:
        values: list[int] = reading["values"]
        return values
    return {name: Sample(value, EPOCH + at, window) for name, (value, at, window) in reading["pods"].items()}


def sync(hpa: Hpa, step: dict[str, Any], corners: Corners) -> int:
    """One sync of our HPA, with a note of the corners it went through."""
    config, now, current = hpa.config, EPOCH + step["now"], step["replicas"]
    pods, readings = [as_pod(pod) for pod in step["pods"]], [as_reading(reading) for reading in step["readings"]]
    if hpa._needs_metrics(current):
        proposals = []
        for metric, reading in zip(config.metrics, readings, strict=True):
            proposal = _propose(config, metric, now, current, step["status"], pods, reading)
            proposals.append(proposal)
            corners[f"{metric.source} {metric.target_type}"] += proposal is not None
            corners["invalid metric"] += proposal is None
            if isinstance(reading, dict) and pods:
                note_pods(config, metric, current, proposal, group(pods, reading, now, metric.name == "cpu"), corners)
            elif isinstance(reading, list) and metric.target_type == "Value":
                corners["tolerance at its edge"] += sum(reading) / metric.target in (0.9, 1.1)
        largest = _largest(proposals, current)
        corners["all metrics invalid"] += proposals.count(None) == len(proposals)
        corners["invalid metric forbids to shrink"] += largest is None and proposals.count(None) < len(proposals)
        corners["several metrics"] += len(proposals) > 1
    else:
        largest = None
        corners["below min"] += 0 < current < config.min_replicas
        corners["above max"] += current > config.max_replicas
        corners["zero is off"] += current == 0
    before = len(hpa._recommended)
    revived = [e for e in hpa._added if config.up and e.outdated and e.at >= now - config.up.longest_period_seconds]
    corners["an outdated change within a longer period"] += bool(revived)
    desired = hpa.reconcile(now, current, pods, readings, step["status"])
    corners["recommendation replaced"] += largest is not None and len(hpa._recommended) == before
    corners["to zero"] += desired == 0 < current
    corners["from zero"] += current == 0 < desired
    if largest is not None:
        note_limits(config, current, largest, desired, corners)
    return desired


def note_pods(
    config: HpaConfig, metric: Metric, current: int, proposal: int | None, groups: Groups, corners: Corners
) -> None:
    corners["starting pods"] += bool(groups.unready)
    corners["missing pods"] += bool(groups.missing)
    corners["missing and starting pods"] += bool(groups.missing and groups.unready)
    corners["a stranger's value"] += "stranger" in groups.measured
    if metric.target_type == "AverageValue" and groups.measured and proposal is not None:
        ratio = int(sum(groups.measured.values()) / len(groups.measured)) / metric.target
        outside = not config.tolerances.hold(ratio)
        corners["missing hold a fall"] += bool(groups.missing) and outside and ratio < 1 and proposal == current
        corners["unready hold a rise"] += bool(groups.unready) and outside and ratio > 1 and proposal == current


def note_limits(config: HpaConfig, current: int, largest: int, desired: int, corners: Corners) -> None:
    style = "old rules" if config.up is None else "behavior"
    corners[f"{style}: rise"] += desired > current
    corners[f"{style}: fall"] += desired < current
    corners[f"{style}: rise held back"] += largest > desired >= current and desired < config.max_replicas
    corners[f"{style}: fall held back"] += largest < desired <= current and desired > config.min_replicas
    corners["own tolerance"] += config.tolerances != Tolerances()
    if config.up and config.down:
        corners["select Min up"] += config.up.select == "Min" and desired > current
        corners["select Min down"] += config.down.select == "Min" and desired < current
        corners["Disabled up"] += config.up.select == "Disabled" and largest > current
        corners["Disabled down"] += config.down.select == "Disabled" and largest < current


def test_syncs(kubernetes: Upstream) -> None:
    """At least 20,000 random syncs end with the same replicas."""
    rng, corners = random.Random(45), Corners()
    played = [play(rng, corners) for _ in range(800)]
    ours = [answers for _, answers in played]
    assert sum(map(len, ours)) >= 20_000
    upstream = kubernetes.answers(script for script, _ in played)
    for (script, mine), theirs in zip(played, upstream, strict=True):
        if mine != theirs:
            first = next(i for i, pair in enumerate(zip(mine, theirs, strict=True)) if pair[0] != pair[1])
            raise AssertionError((mine[: first + 1], theirs[: first + 1], script["steps"][: first + 1]))
    corners.report(
        "Resource Utilization", "Resource AverageValue", "ContainerResource Utilization",
        "ContainerResource AverageValue", "Pods AverageValue", "Object Value", "Object AverageValue",
        "External Value", "External AverageValue", "invalid metric", "all metrics invalid",
        "invalid metric forbids to shrink", "several metrics", "tolerance at its edge", "own tolerance",
        "starting pods", "missing pods", "missing and starting pods", "a stranger's value",
        "missing hold a fall", "unready hold a rise", "below min", "above max", "zero is off", "to zero",
        "from zero", "recommendation replaced", "old rules: rise", "old rules: fall",
        "old rules: rise held back", "old rules: fall held back", "behavior: rise", "behavior: fall",
        "behavior: rise held back", "behavior: fall held back", "select Min up", "select Min down",
        "Disabled up", "Disabled down", "spec changed", "an outdated change within a longer period",
    )  # fmt: skip
