"""Our scaler and our reading of the annotations give the answers of the real Go code."""

from __future__ import annotations

import random
from dataclasses import asdict
from typing import Any

import pytest

from ahpa.reactive.kpa.autoscaler import Activity, DeploymentScaler
from ahpa.reactive.kpa.config import GROUP, ClusterDefaults, KpaConfig, KpaConfigError
from testbed.proofs.corners import Corners
from testbed.proofs.upstream import EPOCH, Upstream

pytestmark = [pytest.mark.testbed, pytest.mark.xdist_group("proofs")]


def scaler_script(rng: random.Random) -> dict[str, Any]:
    """Desired counts with rests at zero, replicas that come late or never, floors that come and go."""
    annotations = {
        "min-scale": rng.choice(["", "0", "1", "3"]),
        "max-scale": rng.choice(["", "", "0", "4", "8"]),
        "initial-scale": rng.choice(["", "", "0", "2", "5"]),
        "window": rng.choice(["", "6s", "30s"]),
        "target-burst-capacity": rng.choice(["", "-1", "0"]),
        "scale-to-zero-pod-retention-period": rng.choice(["", "", "20s", "70s"]),
    }
    progress = {"serving.knative.dev/progress-deadline": "10s"} if rng.random() < 0.5 else {}
    cluster = {
        "enable-scale-to-zero": rng.choice(["true", "true", "true", "false"]),
        "allow-zero-initial-scale": "true",
        "scale-to-zero-grace-period": rng.choice(["30s", "10s"]),
    }
    now, steps = float(rng.randrange(100)), []
    ready, desired = rng.choice([0, 0, 1, 5]), rng.choice([-1, 0, 1])
    for _ in range(60):
        if rng.random() < 0.25:
            desired = rng.choice([0, 0, 0, 1, 2, 10, -1])
        if rng.random() < 0.4:
            ready = rng.choice([0, 1, 2, 3, 5, 8, 10])
        step = {"now": now, "desired": desired, "excess": rng.choice([-1, 0, 5]), "ready": ready}
        steps.append(step | ({"minScale": rng.randrange(6)} if rng.random() < 0.1 else {}))
        now += rng.choice([0, 2, 2, 2, 2, 5, 10, 20, 30, 60])
    keyed = {GROUP + key: value for key, value in annotations.items() if value} | progress
    script = {"kind": "scaler", "annotations": keyed, "cluster": cluster, "steps": steps}
    return script | {"reachable": rng.random() < 0.8, "replicas": rng.choice([0, 1, 5])}


def scaler_answers(script: dict[str, Any], corners: Corners) -> list[list[Any]]:
    cluster = ClusterDefaults.from_config_map(script["cluster"])
    config = KpaConfig.from_annotations(script["annotations"], cluster)
    begin = EPOCH + script["steps"][0]["now"]
    scaler = DeploymentScaler(config, begin, script["replicas"], script["reachable"])
    answers, floor = [], None
    for step in script["steps"]:
        floor = step.get("minScale", floor)
        before, was, now = scaler.replicas, scaler.activity, EPOCH + step["now"]
        lasted, initialized = now - scaler.since, scaler.initialized
        after = scaler.reconcile(now, step["desired"], step["excess"], step["ready"], floor)
        state = scaler.activity
        answers.append([after, state.value.split(":")[0], scaler.since - EPOCH, scaler.initialized])
        minimum = config.min_scale if floor is None else floor
        corners["to zero"] += after == 0 < before
        corners["idle marked inactive"] += was is Activity.ACTIVE and state is Activity.IDLE
        corners["held at one for the window"] += was is Activity.ACTIVE and step["desired"] == 0 and after == 1
        corners["activation failed"] += state is Activity.FAILED
        corners["window just over"] += was is Activity.ACTIVE and lasted == config.stable_window_seconds
        corners["grace just over"] += was is Activity.IDLE and lasted == config.grace_period_seconds
        corners["held for pod retention"] += (
            was is Activity.IDLE and step["desired"] == 0 < after and lasted < config.pod_retention_seconds
        )
        corners["held for the network"] += (
            was is Activity.IDLE and step["desired"] == 0 < after and lasted >= config.pod_retention_seconds
        )
        corners["raised by min"] += script["reachable"] and max(step["desired"], 0) < after == minimum
        corners["min ignored"] += not script["reachable"] and after < minimum
        corners["cut by max"] += step["desired"] > after == config.max_scale
        corners["initial scale"] += not initialized and max(step["desired"], minimum) < after == config.initial_scale
        corners["unknown ignored"] += step["desired"] < 0 and after == before
        corners["scale to zero disabled"] += not config.enable_scale_to_zero and step["desired"] == 0 and after == 1
        corners["from zero"] += before == 0 < after
    return answers


def test_scaler_steps(knative: Upstream) -> None:
    """50,000 random steps of bounds, initial scale, activity and scale to zero agree in all they leave behind."""
    rng, corners = random.Random(43), Corners()
    scripts = [scaler_script(rng) for _ in range(850)]
    ours = [scaler_answers(script, corners) for script in scripts]
    assert sum(map(len, ours)) >= 50_000
    differences = [(s, a, b) for s, a, b in zip(scripts, ours, knative.answers(scripts), strict=True) if a != b]
    assert not differences, differences[0]
    corners.report(
        "to zero", "idle marked inactive", "held at one for the window", "activation failed",
        "window just over", "grace just over", "held for pod retention", "held for the network",
        "raised by min", "min ignored", "cut by max", "initial scale", "unknown ignored",
        "scale to zero disabled", "from zero",
    )  # fmt: skip


# --- annotations ----------------------------------------------------------------------------------

ANNOTATIONS = {
    "min-scale": ["0", "1", "3", "-1", "x", "2.0", "2147483647", "2147483648", "+2"],
    "minScale": ["1", "2"],
    "max-scale": ["0", "2", "10", "-3", ""],
    "maxScale": ["5"],
    "initial-scale": ["1", "3", "-1", "a"],
    "activation-scale": ["2", "5", "1", "0"],
    "scale-down-delay": ["0s", "15m", "1.5s", "61m", "-1s", "1h"],
    "scaleDownDelay": ["30s"],
    "metric": ["concurrency", "rps", "cpu", ""],
    "target": ["1", "0.01", "0.009", "250.5", "1e2", "-1", "two"],
    "target-utilization-percentage": ["1", "70", "99.5", "100", "0.5", "101"],
    "target-burst-capacity": ["-1", "0", "200", "-0.5", "x"],
    "targetBurstCapacity": ["70"],
    "window": ["6s", "60s", "1h", "1h1s", "5s", "7.5s", "1m5s", "90", "0.5h"],
    "panic-window-percentage": ["1", "10", "33.3", "100", "0.9", "101"],
    "panic-threshold-percentage": ["110", "200.0", "1000", "109.9", "1001"],
    "metric-aggregation-algorithm": ["linear", "weighted-exponential", "weightedExponential", "other"],
    "scale-to-zero-pod-retention-period": ["0", "1m3.5s", "1h", "61m", "-1s", "1"],
    "unknown": ["1"],
}
CLUSTER = {
    "min-scale": ["0", "1"],
    "max-scale": ["0", "4", "20"],
    "max-scale-limit": ["0", "20"],
    "container-concurrency-target-default": ["100", "10", "0.01"],
    "container-concurrency-target-percentage": ["70", "0.8", "100", "0", "120"],
    "requests-per-second-target-default": ["200", "0.001"],
    "target-burst-capacity": ["211", "-1", "-3"],
    "stable-window": ["60s", "2m", "3s"],
    "panic-window-percentage": ["10", "50", "0"],
    "panic-threshold-percentage": ["200", "150"],
    "max-scale-up-rate": ["1000", "1"],
    "max-scale-down-rate": ["2", "1.5", "0.9"],
    "initial-scale": ["1", "2", "0"],
    "allow-zero-initial-scale": ["true", "false"],
    "enable-scale-to-zero": ["true", "false"],
    "scale-to-zero-grace-period": ["30s", "0s", "45s"],
    "scale-to-zero-pod-retention-period": ["0s", "1m", "-1m"],
    "scale-down-delay": ["0s", "10s", "0.5s"],
}


def pick(rng: random.Random, table: dict[str, list[str]], share: float) -> dict[str, str]:
    return {
        key: rng.choice(values[: rng.choice([2, len(values)])]) for key, values in table.items() if rng.random() < share
    }


def test_annotations_and_defaults(knative: Upstream) -> None:
    """20,000 random sets of annotations and config maps are accepted, refused and read alike."""
    rng, corners = random.Random(44), Corners()
    scripts: list[dict[str, Any]] = []
    ours: list[dict[str, Any] | None] = []
    for _ in range(20_000):
        annotations = {GROUP + k: v for k, v in pick(rng, ANNOTATIONS, rng.choice([0.05, 0.2, 0.4])).items()}
        annotations[GROUP + "class"] = "kpa.autoscaling.knative.dev"
        cluster = pick(rng, CLUSTER, rng.choice([0.0, 0.1, 0.3]))
        concurrency = rng.choice([0, 0, 1, 20])
        scripts.append(
            {"kind": "config", "annotations": annotations, "cluster": cluster, "containerConcurrency": concurrency}
        )
        try:
            defaults = ClusterDefaults.from_config_map(cluster)
            config = asdict(KpaConfig.from_annotations(annotations, defaults, concurrency))
            del config["progress_deadline_seconds"]
            ours.append(config)
            corners["accepted"] += 1
        except KpaConfigError:
            ours.append(None)
            corners["refused"] += 1
    differences = [(s, a, b) for s, a, b in zip(scripts, ours, knative.answers(scripts), strict=True) if a != b]
    assert not differences, (len(differences), differences[0])
    corners.report("accepted", "refused")
    assert min(corners.values()) > 5000
