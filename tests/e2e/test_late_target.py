"""`late-target` acts, on real parts: two services alike but for it have other floors soon after the service has begun,
as their history knows what would have kept each."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from testbed import Series, Testbed
from testbed.kube import condition
from tests.e2e.controller import Controller, serving
from tests.e2e.story import MIN_SCALE

pytestmark = [pytest.mark.testbed, pytest.mark.timeout(900)]

NAMESPACE = "e2e-late"
TARGETS = {"strict": "0.1%", "lax": "1%"}
DAYS = 6
QUIET, BURST = 15.0, 60.0


def bursts() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """15 in flight, and twice a day 60 for ten minutes, at moments that nothing foresees: left to the reactive scaler
    some 1.4 % of the requests are late, which is too many for one owner only."""
    rng = np.random.default_rng(1)
    minutes = DAYS * 1440
    out = np.full(minutes, QUIET) * np.exp(rng.normal(0, 0.05, minutes))
    for at in rng.integers(0, minutes - 20, minutes // 720):
        out[at : at + 10] = BURST
    return out


def test_two_owners_who_ask_for_other_targets_have_other_floors(bed: Testbed, tmp_path: Path) -> None:
    bed.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    try:
        _create(bed)
        with serving(bed, NAMESPACE, tmp_path) as controller:
            bed.wait_for(partial(_differ, controller), 600, "both have a setting of their own")
            controller.wait_for_rounds(3)
            last = {row["workload"]["key"].rpartition("/")[2]: row for row in controller.journal()}
        floors = {name: row["decision"]["floor"] for name, row in last.items()}
        written = {name: _min_scale(bed, name) for name in TARGETS}
    finally:
        bed.delete("namespaces", NAMESPACE)
    assert floors == written
    assert floors["strict"] >= BURST / 10 > floors["lax"]
    assert f"{floors['strict']} all the time did best lately" in last["strict"]["decision"]["message"]


def _create(bed: Testbed) -> None:
    written = []
    minutes = 60.0 * np.floor(time.time() / 60) + 60.0 * np.arange(-DAYS * 1440, 0)
    for name, target in TARGETS.items():
        asked = {"ahpa.dev/mode": "apply", "ahpa.dev/demand": "e2e-demand", "ahpa.dev/late-target": target}
        bed.knative_service(
            name, NAMESPACE, annotations=asked, concurrency=10, pull_seconds=2, ready_seconds=5, wait=False
        )
        labels = {"exported_namespace": NAMESPACE, "service": name}
        bed.live_metric("e2e_demand", labels, lambda _: QUIET)
        written.append(Series("e2e_demand", labels, minutes + 30, bursts()))
    bed.backfill(written)
    for name in TARGETS:
        bed.wait_for(partial(_is_ready, bed, name), what=f"{name} is Ready")


def _is_ready(bed: Testbed, name: str) -> bool:
    return condition(bed.get("ksvc", name, NAMESPACE), "Ready") == "True"


def _differ(controller: Controller) -> bool:
    """Both were planned for with a setting that was found in their past."""
    assert controller.rounds() >= 0
    rows: dict[str, Any] = {row["workload"]["key"]: row["workload"]["setting"] for row in controller.journal()}
    return len(rows) == 2 and all(setting["record"] is not None for setting in rows.values())


def _min_scale(bed: Testbed, name: str) -> int:
    annotations = bed.get("revisions", f"{name}-00001", NAMESPACE)["metadata"]["annotations"]
    return int(annotations.get(MIN_SCALE, 0))
