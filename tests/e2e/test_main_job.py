"""The main job on real parts: Prometheus, Kubernetes' API, HPA controller, Knative and `ahpa serve` as a process.

Fourteen days of a real trace lie in Prometheus, with a hole just before now, and the service has just made its first
round as a minute begins after which the load climbs. The story (story.py) is told once, in real time, and then read
from several sides.

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
import sys

import numpy as np
import pytest

from testbed import Testbed
from tests.e2e.story import Story, tell
from tests.e2e.trace import PER_REPLICA

pytestmark = [pytest.mark.testbed, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def story(bed: Testbed, tmp_path_factory: pytest.TempPathFactory) -> Story:
    return tell(bed, tmp_path_factory.mktemp("e2e"))


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
    """A minute before the climb the floor is less than half of what the day's peak needs."""
    peak = math.ceil(np.nanmax(story.trace.values[story.trace.rise : story.trace.rise + 60]) / PER_REPLICA)
    assert story.samples[0].floor[name] <= 1
    assert story.at(story.began).floor[name] < peak / 2


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
    labels = f'kind="knative",name="observe",namespace="{story.namespace}"'
    shown = re.search(rf"ahpa_floor_replicas\{{{labels}\}} (\S+)", story.metrics)
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
    keys = {f"knative/{story.namespace}/{name}" for name in ("apply", "observe")} | {f"hpa/{story.namespace}/api"}
    assert {entry.workload.key for entry in entries} == keys
    for entry in entries:
        assert decision_to_json(entry.replay()) == dict(entry.decision)


def test_the_service_itself_saw_no_failure(story: Story) -> None:
    """A conflict with a controller that writes the status is none: the next round tries again."""
    failures = [row for row in story.log if row["event"].endswith(".failed")]
    assert [row for row in failures if not row.get("problem", "").startswith("409")] == []


def test_the_controller_is_small(story: Story) -> None:
    """After a refit, some sixty rounds and an outage: under 128 MiB, for no model library is loaded."""
    print(f"resident: {story.memory_mib:.0f} MiB", file=sys.stderr)
    assert story.memory_mib < 128
