"""What the cluster decides for a Revision that says nothing, and what is done while that cannot be read."""

from __future__ import annotations

import pytest

from ahpa.core.decision import Reason
from ahpa.ports import ClusterError
from tests.fakes.kube import FakeKube
from tests.service.stage import NOW, ROOT
from tests.service.test_units import CONFIG, at, chat, config, settled

VERSION = "/deployments/controller"


def timed_out(method: str, where: str) -> ClusterError | None:
    return ClusterError(0, "timeout") if "/configmaps/" in where else None


def ten_each() -> FakeKube:
    """The cluster gives every Revision a target of 10."""
    kube = chat({})
    config(kube, "config-autoscaler", container_concurrency_target_default="10")
    return kube


def busy(kube: FakeKube) -> None:
    kube.objects[f"{ROOT}/revisions/chat-00001"]["status"]["actualReplicas"] = 9


def test_a_restart_while_the_defaults_cannot_be_read_lowers_nothing() -> None:
    """60 in flight at a target of 10 need 9; a new process that could not read that target took 100, and went 9, 6, 4
    ... 1."""
    kube = ten_each()
    assert settled(at(kube, {"concurrency": 60.0})).floor == 9
    busy(kube)
    kube.fail = timed_out
    stage = at(kube, {"concurrency": 60.0})
    decision = settled(stage, 40)
    assert (decision.floor, decision.reason) == (9, Reason.DOUBTFUL_DATA)
    assert "the cluster's defaults could not be read" in decision.message
    kube.fail = lambda method, where: None
    decision = settled(stage)
    assert (decision.floor, decision.reason) == (9, Reason.DESIRED_WITHIN_RANGE)


def test_while_the_defaults_cannot_be_read_a_floor_is_still_raised() -> None:
    kube = ten_each()
    assert settled(at(kube, {"concurrency": 60.0})).floor == 9
    kube.fail = timed_out
    assert settled(at(kube, {"concurrency": 1000.0})).floor == 15


def test_a_config_map_that_vanishes_is_believed_for_a_while() -> None:
    """Deleted and made anew, or a 404 of a proxy's: it replaced what was known without a word, and 9 became 1."""
    kube = ten_each()
    stage = at(kube, {"concurrency": 60.0})
    assert settled(stage).floor == 9
    busy(kube)
    kept = kube.objects.pop(f"{CONFIG}/config-autoscaler")
    decision = settled(stage, 40)
    assert decision.floor == 9
    assert "what config-autoscaler said last, for it is gone" in decision.message
    kube.objects[f"{CONFIG}/config-autoscaler"] = kept
    decision = settled(stage)
    assert decision.floor == 9
    assert "config-autoscaler" not in decision.message


@pytest.mark.parametrize("error", [ClusterError(0, "timeout"), ClusterError(404, "not found")])
def test_one_failed_look_at_knatives_version_refuses_nobody(error: ClusterError) -> None:
    kube = ten_each()
    stage = at(kube, {"concurrency": 60.0})
    kube.fail = lambda method, where: error if where.endswith(VERSION) else None
    (decision,) = stage.tick(NOW).values()
    assert decision.reason is not Reason.REFUSED, decision.message


def test_defaults_that_cannot_be_read_freeze_no_others() -> None:
    """They are one ConfigMap of the cluster's, and no sign that the data of many services went bad."""
    kube = ten_each()
    settled(at(kube, {"concurrency": 60.0}))
    kube.fail = timed_out
    stage = at(kube, {"concurrency": 60.0})
    stage.tick(NOW)
    (row,) = stage.service.shown.rounds
    assert row.workload.doubt is not None
    assert not row.workload.was_trusted
