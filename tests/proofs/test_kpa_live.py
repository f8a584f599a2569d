"""Our KPA beside the real one: the same load, the same ready replicas, the same desired replicas.

Knative's own controller and autoscaler run in the testbed, and a script of load is reported to them second by
second. What was reported when, and how many replicas were ready when, is then given to our KPA. Times are
compressed about threefold by a stable window of 20 s; everything else (buckets of 1 s, ticks of 2 s, grace 30 s) is
as in production. A longer run with the default window: AHPA_LIVE_MINUTES=60 AHPA_LIVE_WINDOW=60.

Tolerance: each count seen in the cluster is ours within 3 s before or after: a tick (whose phase Knative does not
tell, so the one of twenty that fits best is taken) and a second for the way through the API server.
"""

from __future__ import annotations

import os
import threading
import time
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field, replace

import pytest
import websocket

from ahpa.reactive.kpa.autoscaler import TICK_SECONDS, UNKNOWN, Kpa, averages_of
from ahpa.reactive.kpa.config import GROUP, KpaConfig
from testbed import Testbed
from testbed.activator import encode_loads

pytestmark = [pytest.mark.testbed, pytest.mark.live, pytest.mark.timeout(7200)]

MINUTES = float(os.environ.get("AHPA_LIVE_MINUTES", "4"))
WINDOW_SECONDS = int(os.environ.get("AHPA_LIVE_WINDOW", "20"))
TOLERANCE_SECONDS = 3.0
PHASES = [TICK_SECONDS * i / 20 for i in range(20)]
TARGET, CONCURRENCY = 7, 10

# (share of the run, load in replicas at target): a rise, a surge, a second one within it, a fall, rest down to zero,
# and back. Halves keep the averages away from the borders between two counts.
SCRIPT = ((0.0, 0.5), (0.05, 5.5), (0.13, 14.5), (0.2, 4.5), (0.38, 9.5), (0.5, 1.5), (0.56, 0), (0.78, 3.5), (0.9, 0))


def load_at(share: float) -> float:
    return TARGET * [load for since, load in SCRIPT if since <= share][-1]


@dataclass
class Record:
    """What happened in the cluster, in unix seconds."""

    reports: list[tuple[float, float]] = field(default_factory=list)
    seen: list[tuple[float, int, int]] = field(default_factory=list)
    """(time, spec.replicas of the Deployment, its ready replicas)."""


def report(port: int, record: Record, namespace: str, revision: str, begin: float, end: float) -> None:
    """Send the load once a second, in the middle of the second, so that each bucket gets one."""
    connection = websocket.create_connection(f"ws://127.0.0.1:{port}/", timeout=5)
    second = int(begin) + 1.5
    while second < end:
        time.sleep(max(0.0, second - time.time()))
        load = load_at((second - begin) / (end - begin))
        if load:
            connection.send_binary(encode_loads({(namespace, revision): load}))
            record.reports.append((time.time(), load))
        second += 1
    connection.close()


def watch(bed: Testbed, record: Record, namespace: str, revision: str, end: float) -> None:
    while (now := time.time()) < end:
        deployment = bed.get("deployments", f"{revision}-deployment", namespace)
        ready = deployment.get("status", {}).get("readyReplicas", 0)
        record.seen.append((now, deployment["spec"]["replicas"], ready))
        time.sleep(0.25)


def replay(config: KpaConfig, record: Record, begin: float, end: float, phase: float) -> list[tuple[float, int]]:
    """(time, replicas) of our KPA at each of its ticks, and whenever the ready replicas change."""
    kpa, averages = Kpa(config, begin, ready=1, replicas=1), averages_of(config)
    kpa.scaler.reconcile(begin, UNKNOWN, -1, 1)
    ticks = [begin + phase + TICK_SECONDS * i for i in range(int((end - begin) / TICK_SECONDS))]
    events = [(at, 0, load) for at, load in record.reports] + [(at, 1, 0.0) for at in ticks]
    events += [(at, 2, float(ready)) for at, _, ready in record.seen]
    ready, says = 1, [(begin, 1)]
    for at, kind, value in sorted(events):
        if kind == 0:
            averages.record(at, value)
        if kind == 1 or (kind == 0 and kpa.decider.desired == 0):  # a request at zero does not wait for the tick
            stable, panic = averages.at(at, scraped=False) or (None, 0.0)
            says.append((at, kpa.tick(at, stable, panic, ready)))
        elif kind == 2 and int(value) != ready:
            ready = int(value)
            decider = kpa.decider
            says.append((at, kpa.scaler.reconcile(at, decider.desired, decider.excess_burst_capacity, ready)))
    return says


def differences(record: Record, says: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """What was seen in the cluster and is not ours within the tolerance."""
    out = []
    times = [t for t, _ in says]
    for at, replicas, _ in record.seen:
        first = bisect_right(times, at - TOLERANCE_SECONDS)
        last = bisect_left(times, at + TOLERANCE_SECONDS)
        if replicas not in {count for _, count in says[max(0, first - 1) : last]}:
            out.append((at, replicas))
    return out


def test_the_real_autoscaler_and_ours_want_the_same(bed: Testbed, bed_namespace: str) -> None:
    """Over a rise, two surges, panic's end, a fall, rest, zero and waking: no count in the cluster is not ours."""
    window = {GROUP + "window": f"{WINDOW_SECONDS}s"}
    silent = {GROUP + "target-burst-capacity": "-1"}  # the testbed's services are not scraped
    service = bed.knative_service(
        "live", bed_namespace, template_annotations=window, concurrency=CONCURRENCY, gpus=0, ready_seconds=4
    )
    revision = service["status"]["latestReadyRevisionName"]
    config = KpaConfig.from_annotations(window | silent, None, CONCURRENCY)
    record, begin = Record(), time.time()
    end = begin + 60 * MINUTES
    sender = threading.Thread(target=report, args=(bed.autoscaler_port, record, bed_namespace, revision, begin, end))
    sender.start()
    watch(bed, record, bed_namespace, revision, end)
    sender.join()

    found = {phase: differences(record, replay(config, record, begin, end, phase)) for phase in PHASES}
    best = min(PHASES, key=lambda phase: len(found[phase]))
    counts = [replicas for _, replicas, _ in record.seen]
    print(
        f"\n{len(record.seen)} counts seen, {min(counts)} to {max(counts)}, {len(record.reports)} reports; "
        f"differences at the best phase ({best:.1f} s): {len(found[best])}"
    )
    assert (min(counts), max(counts) >= 15) == (0, True), "the script did not reach its corners"
    assert not found[best], [(round(at - begin, 1), count) for at, count in found[best]]

    # The same comparison tells a slightly different autoscaler from the real one, whatever its phase.
    for other in (
        replace(config, panic_threshold_ratio=10.0),
        replace(config, stable_window_seconds=WINDOW_SECONDS * 3 // 2),
        replace(config, max_scale_down_rate=1.2),
        replace(config, target_value=TARGET * 1.15),
    ):
        assert all(differences(record, replay(other, record, begin, end, phase)) for phase in PHASES), other
