"""The main job on real parts: Prometheus, Kubernetes' API, HPA controller, Knative and `ahpa serve` as a process.

Fourteen days of a real trace lie in Prometheus, with a hole just before now, and now is a minute before the
load climbs. The story is told once, in real time, and then read from several sides.

Mutations on which this file must fail (`python -m tests.e2e.mutations` tries each and names the tests that saw it):
- sign: the floor moves away from the plan;
- template: the floor is written to the Service's template instead of the Revision;
- restore: what the owner had is not given back;
- zero: what Prometheus did not observe is read as 0.
A planner that looks only a minute ahead is not always seen here, since a good model foresees the climb in that minute
too; tests/core sees it.
"""

from __future__ import annotations

import json
import math
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from testbed import Series, Testbed
from testbed.bed import condition
from tests.e2e.trace import DAYS, PER_REPLICA, Trace, load_trace

pytestmark = [pytest.mark.testbed, pytest.mark.timeout(900)]

NAMESPACE = "e2e"
MIN_SCALE = "autoscaling.knative.dev/min-scale"
ASKED = {"ahpa.dev/demand": "e2e-demand", "ahpa.dev/quantile": "0.95"}
WATCHED_MINUTES = 2
"""Minutes of the climb that are watched; each needs at least one replica more than the one before."""
HOLE_SECONDS = 180.0
CONFIG = Path(__file__).parents[2] / "config"


@dataclass
class Sample:
    """What the cluster showed at one moment."""

    at: float
    floor: dict[str, int]
    ready: dict[str, int]
    all_ready: bool


@dataclass
class Story:
    """All that happened, for the tests to read."""

    trace: Trace
    began: float
    """Wall time of the start of minute `trace.rise`."""
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    during: dict[str, Any] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    blind: list[Sample] = field(default_factory=list)
    """The samples while Prometheus was stopped."""
    revisions: dict[str, list[str]] = field(default_factory=dict)
    events: list[Any] = field(default_factory=list)
    metrics: str = ""
    memory_mib: float = 0.0
    log: list[Any] = field(default_factory=list)
    journal: list[Any] = field(default_factory=list)

    def demand(self, now: float) -> float:
        """The trace's demand at wall time `now`."""
        index = self.trace.rise + math.floor((now - self.began) / 60)
        return float(self.trace.values[min(index, len(self.trace.values) - 1)])

    def climb(self) -> list[tuple[float, int]]:
        """(wall time at which it begins, replicas needed) of each minute watched."""
        minutes = range(1, WATCHED_MINUTES + 1)
        starts = [self.began + 60 * m for m in minutes]
        return [(at, math.ceil(self.demand(at + 1) / PER_REPLICA)) for at in starts]

    def at(self, moment: float) -> Sample:
        """The last sample before `moment`."""
        return [sample for sample in self.samples if sample.at <= moment][-1]


@pytest.fixture(scope="module")
def story(bed: Testbed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("e2e")
    wall = time.time()
    minute = math.floor(wall / 60) * 60.0
    trace = load_trace()
    told = Story(trace, minute + (60.0 if wall - minute > 15 else 0.0))
    _prepare(bed, told)
    service = _start(bed, folder)
    try:
        _watch(bed, told)
        _read_faces(bed, told, folder)
        _blind(bed, told)
        _switch_off(bed)
        told.after = _objects(bed)
        told.memory_mib = _memory_mib(service.pid)
    finally:
        service.send_signal(signal.SIGTERM)
        try:
            assert service.wait(60) == 0
        finally:
            service.kill()
            told.log = [json.loads(line) for line in (folder / "log").read_text().splitlines()]
            for line in told.log:
                if line["event"] != "decision" or "keep" not in line["message"]:
                    print(json.dumps(line), file=sys.stderr)
    yield told
    bed.delete("namespaces", NAMESPACE)
    bed.start_prometheus()


def _prepare(bed: Testbed, told: Story) -> None:
    """The objects, their history up to a hole before now, and the live end of the trace."""
    bed.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    now = time.time()
    minutes = told.began + 60.0 * np.arange(-DAYS * 1440, 0)
    values = told.trace.values[told.trace.rise - DAYS * 1440 : told.trace.rise]
    kept = minutes + 30 < now - HOLE_SECONDS
    names = ("apply", "observe", "api", "bystander")
    series = [
        Series("e2e_demand", {"exported_namespace": NAMESPACE, "service": name}, minutes[kept] + 30, values[kept])
        for name in names
    ]
    bed.backfill(series)
    for name in names:
        bed.live_metric("e2e_demand", {"exported_namespace": NAMESPACE, "service": name}, told.demand)
    slow: dict[str, Any] = {"concurrency": 10, "pull_seconds": 2, "ready_seconds": 5, "wait": False}
    bed.knative_service("apply", NAMESPACE, annotations={"ahpa.dev/mode": "apply", **ASKED}, **slow)
    bed.knative_service("observe", NAMESPACE, annotations={"ahpa.dev/mode": "observe", **ASKED}, **slow)
    bed.knative_service("bystander", NAMESPACE, **slow)
    wanted = {"ahpa.dev/mode": "apply", "ahpa.dev/target-per-replica": f"{PER_REPLICA:g}", **ASKED}
    bed.hpa_with_deployment("api", NAMESPACE, annotations=wanted, pull_seconds=2, ready_seconds=5)
    bed.hpa_with_deployment("bystander-api", NAMESPACE)
    for name in ("apply", "observe", "bystander"):
        bed.wait_for(
            lambda name=name: condition(bed.get("ksvc", name, NAMESPACE), "Ready") == "True", 60, f"{name} is Ready"
        )
        bed.load(NAMESPACE, f"{name}-00001", told.demand(time.time()))
    bed.wait_for(
        lambda: bed.get("hpa", "api", NAMESPACE).get("status", {}).get("currentReplicas"), 40, "the HPA synced"
    )
    told.before = _objects(bed)


def _start(bed: Testbed, folder: Path) -> subprocess.Popen[bytes]:
    queries = folder / "queries.yaml"
    queries.write_text(
        'e2e-demand: sum(avg_over_time(e2e_demand{exported_namespace="{{namespace}}",service="{{name}}"}[{{step}}]))\n'
    )
    words = [
        sys.executable, "-m", "ahpa", "serve", "--prometheus", bed.prometheus_url, "--queries", str(queries),
        "--kubeconfig", str(bed.kubeconfig), "--namespace", NAMESPACE, "--tick", "3s", "--lag-p50", "18s",
        "--lag-p95", "24s", "--stale-after", "4m", "--metrics-port", "0", "--health-port", "0",
        "--journal", str(folder / "journal.jsonl"),
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(words, stderr=log)


def _sample(bed: Testbed) -> Sample:
    floor = {
        name: int(bed.get("revisions", f"{name}-00001", NAMESPACE)["metadata"]["annotations"].get(MIN_SCALE, 0))
        for name in ("apply", "observe", "bystander")
    }
    floor["api"] = int(bed.get("hpa", "api", NAMESPACE)["spec"]["minReplicas"])
    pods = bed.find("pods", NAMESPACE)
    ready = {
        name: sum(
            condition(pod, "Ready") == "True"
            for pod in pods
            if (pod["metadata"]["labels"].get("serving.knative.dev/service") or pod["metadata"]["labels"].get("app"))
            == name
        )
        for name in floor
    }
    services = [bed.get("ksvc", name, NAMESPACE) for name in ("apply", "observe", "bystander")]
    return Sample(time.time(), floor, ready, all(condition(service, "Ready") == "True" for service in services))


def _watch(bed: Testbed, told: Story) -> None:
    """Until the watched minutes are over; the real KPA hears of the load as it comes."""
    end = told.began + 60 * (WATCHED_MINUTES + 1) - 20
    while time.time() < end:
        for name in ("apply", "observe", "bystander"):
            bed.load(NAMESPACE, f"{name}-00001", told.demand(time.time()))
        told.samples.append(_sample(bed))
        time.sleep(0.5)


def _read_faces(bed: Testbed, told: Story, folder: Path) -> None:
    told.events = bed.find("events.events.k8s.io", NAMESPACE)
    started = next(row for row in _rows(folder / "log") if row["event"] == "service.started")
    metrics_port, health_port = started["ports"]
    told.metrics = requests.get(f"http://127.0.0.1:{metrics_port}/metrics", timeout=5).text
    for page in ("healthz", "livez", "readyz"):
        assert requests.get(f"http://127.0.0.1:{health_port}/{page}", timeout=5).status_code == 200
    told.journal = _rows(folder / "journal.jsonl")
    told.during = _objects(bed)
    told.revisions = {
        name: [r["metadata"]["name"] for r in bed.find("revisions", NAMESPACE, f"serving.knative.dev/service={name}")]
        for name in ("apply", "observe", "bystander")
    }


def _blind(bed: Testbed, told: Story) -> None:
    bed.stop_prometheus()
    time.sleep(4)  # a round that had read before the stop may still act
    stop = threading.Event()
    threading.Timer(15, stop.set).start()
    while not stop.wait(0.5):
        told.blind.append(_sample(bed))


def _switch_off(bed: Testbed) -> None:
    """One by `off`, the other by taking the annotation away, with Prometheus still stopped."""
    bed.patch("ksvc", "apply", {"metadata": {"annotations": {"ahpa.dev/mode": "off"}}}, NAMESPACE)
    bed.patch("hpa", "api", {"metadata": {"annotations": {"ahpa.dev/mode": None}}}, NAMESPACE)
    time.sleep(10)


def _objects(bed: Testbed) -> dict[str, Any]:
    """Annotations, labels and spec of every object that anybody could have been tempted to write.

    The mode is left out: that one the test itself changes.
    """
    out = {}
    for kind in ("ksvc", "configurations", "revisions", "hpa"):
        for item in bed.find(kind, NAMESPACE):
            meta = item["metadata"]
            annotations = {k: v for k, v in (meta.get("annotations") or {}).items() if k != "ahpa.dev/mode"}
            face = {"annotations": annotations, "labels": meta.get("labels"), "spec": item["spec"]}
            out[f"{kind}/{meta['name']}"] = json.dumps(face, sort_keys=True)
    return out


def _memory_mib(pid: int) -> float:
    """Resident memory of a process."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found.group(1)) / 1024


def _rows(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.mark.parametrize("name", ["apply", "api"])
def test_the_floor_rose_before_the_demand_did(story: Story, name: str) -> None:
    for begins, need in story.climb():
        assert story.at(begins - 1).floor[name] >= need, f"{need} needed at {begins - story.began:.0f} s"


@pytest.mark.parametrize("name", ["apply", "api"])
def test_the_pods_were_ready_in_time(story: Story, name: str) -> None:
    for begins, need in story.climb():
        assert story.at(begins).ready[name] >= need, f"{need} needed at {begins - story.began:.0f} s"


@pytest.mark.parametrize("name", ["apply", "api"])
def test_the_floor_was_not_simply_at_the_top_all_day(story: Story, name: str) -> None:
    """Two minutes before the climb the floor is less than half of what the day's peak needs."""
    peak = math.ceil(np.nanmax(story.trace.values[story.trace.rise : story.trace.rise + 60]) / PER_REPLICA)
    assert story.samples[0].floor[name] <= 1
    assert min(s.floor[name] for s in story.samples if s.at < story.began + 30) < peak / 2


def test_without_us_the_same_service_was_late(story: Story) -> None:
    """The observed one has the same load and the same KPA: it had too few replicas as a minute of the climb began."""
    assert any(story.at(begins + 1).ready["observe"] < need for begins, need in story.climb())


def test_no_new_revision_and_the_services_stayed_ready(story: Story) -> None:
    assert story.revisions == {name: [f"{name}-00001"] for name in ("apply", "observe", "bystander")}
    assert all(sample.all_ready for sample in story.samples)


def test_only_the_floor_and_our_record_were_written(story: Story) -> None:
    changed = {key for key in story.before if story.before[key] != story.during[key]}
    # Knative copies a Service's annotations, so also our record, to its Configuration (and that is all it does).
    assert changed == {"ksvc/apply", "configurations/apply", "revisions/apply-00001", "hpa/api"}
    assert set(story.before) == set(story.during)
    for key in ("ksvc/apply", "revisions/apply-00001"):
        assert json.loads(story.before[key])["spec"] == json.loads(story.during[key])["spec"]


def test_the_observed_one_has_only_events_and_metrics(story: Story) -> None:
    assert all(sample.floor["observe"] == 0 for sample in story.samples)
    told = [e for e in story.events if e["regarding"]["name"] == "observe" and e["reason"] == "PeakAhead"]
    assert told
    assert "needs" in told[0]["note"]
    shown = re.search(r'ahpa_floor_replicas\{kind="knative",name="observe",namespace="e2e"\} (\S+)', story.metrics)
    assert shown is not None
    assert float(shown.group(1)) >= 4


def test_nobody_else_is_mentioned(story: Story) -> None:
    assert "bystander" not in story.metrics
    assert not [e for e in story.events if e["regarding"]["name"].startswith("bystander")
                and e.get("reportingController") == "ahpa.dev/ahpa"]  # fmt: skip


def test_with_prometheus_stopped_nothing_is_lowered(story: Story) -> None:
    last = story.blind[0].floor
    assert last["apply"] >= 4
    assert last["api"] >= 4
    for sample in story.blind:
        assert all(sample.floor[name] >= last[name] for name in last)
    assert any(row["event"] == "tick.no_data" for row in story.log)


def test_the_hole_in_the_history_is_a_hole_and_no_zero(story: Story) -> None:
    """Three of the last sixty minutes were not there when the service began: it says so of every target."""
    first = min(row["now"] for row in story.journal)
    coverage = [row["workload"]["coverage"] for row in story.journal if row["now"] == first]
    assert len(coverage) == 3
    assert all(54 / 60 <= share < 1 for share in coverage)


def test_after_off_every_object_is_as_it_was(story: Story) -> None:
    assert story.after == story.before


def test_every_decision_is_in_the_journal_and_replays(story: Story) -> None:
    from ahpa.core.journal import decision_to_json, entry_from_json

    entries = [entry_from_json(row) for row in story.journal]
    assert {entry.workload.key for entry in entries} == {f"knative/{NAMESPACE}/{n}" for n in ("apply", "observe")} | {
        f"hpa/{NAMESPACE}/api"
    }
    for entry in entries:
        assert decision_to_json(entry.replay()) == dict(entry.decision)


def test_the_service_itself_saw_no_failure(story: Story) -> None:
    """A conflict with a controller that writes the status is none: the next round tries again."""
    failures = [row for row in story.log if row["event"].endswith(".failed")]
    assert [row for row in failures if not row.get("problem", "").startswith("409")] == []


def test_the_controller_is_small(story: Story) -> None:
    """After a refit, some sixty rounds and an outage: under 100 MiB, for no model library is loaded."""
    print(f"resident: {story.memory_mib:.0f} MiB", file=sys.stderr)
    assert story.memory_mib < 100
