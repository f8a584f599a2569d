"""The second lever in the service: chosen by what it would have done, carried out beside the floor, and let go in the
round in which trust is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ahpa.adapters.kubernetes.api import Object
from ahpa.adapters.kubernetes.kept import MIN_SCALE, TARGET_PERCENTAGE
from ahpa.core.decision import Reason
from ahpa.core.policy.values import STATE, TARGET_STATE
from ahpa.core.setting import Rule, Setting
from ahpa.ports import ClusterError
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.service.cluster import REVISION, Cluster
from tests.service.stage import HPAS, NOW, ROOT, Stage, add_hpa, add_knative, always, morning, staged

ASKED = {"manage-target": "true"}
SERVICE = f"{ROOT}/services/chat"
FULL = Setting(Rule.CONSTANT, 0.99, 8, utilization=0.9)


class Fenced(FakeKube):
    """Refuses some annotations, as a policy does: targets in a namespace without the label."""

    key: str = TARGET_PERCENTAGE
    refuses: Callable[[str | None], bool] = staticmethod(lambda value: value is not None)

    def merge_patch(self, where: str, body: Object) -> Object:
        annotations = body["metadata"].get("annotations") or {}
        if self.key in annotations and self.refuses(annotations[self.key]):
            raise ClusterError(422, "denied request: label the namespace ahpa.dev/manage-target=allowed")
        return super().merge_patch(where, body)


def asking(kube: FakeKube, setting: Setting = FULL) -> Stage:
    """A service whose owner opted in, after its first round; what was chosen for it is told by hand."""
    add_knative(kube, "chat", mode="apply", **ASKED)
    at = staged(kube, FakePrometheus({"chat": morning}))
    at.service.refit(NOW)
    at.tick(NOW)
    follow(at, setting)
    return at


def follow(at: Stage, setting: Setting) -> None:
    tried = at.service._memory.tried
    assert tried is not None
    at.service._memory.settings[tried.series[0]] = setting


def order(kube: FakeKube, since: int) -> list[str]:
    """What was written to the Revision since so many writes: `floor` and `target`, one after the other."""
    names = {MIN_SCALE: "floor", TARGET_PERCENTAGE: "target"}
    bodies = [body for where, body in kube.writes[since:] if where == REVISION]
    return [names[key] for body in bodies for key in body["metadata"]["annotations"]]


def test_with_the_lever_the_same_target_is_kept_for_fewer_replica_hours() -> None:
    """Six hours of a load that comes every hour, above an exact KPA: nobody is late with it or without. 33.0
    replica-hours were 28.7."""
    plain, filled = Cluster({}, 360), Cluster(ASKED, 360)
    plain.live(360)
    decision = filled.live(360)
    assert set(plain.filled) == {0.7}
    assert min(filled.filled) == 0.7, "not before there is a record"
    assert max(filled.filled) > 0.7
    assert plain.outcome().late_ratio <= 0.001
    assert filled.outcome().late_ratio <= 0.001
    assert filled.outcome().replica_hours < 0.9 * plain.outcome().replica_hours
    assert "while foreseen" in decision.message
    shown = f'ahpa_target_utilization_ratio{{kind="knative",name="chat",namespace="shop"}} {filled.filled[-1]}'
    assert shown in filled.at.metrics()
    assert "ahpa_target_utilization_ratio{" not in plain.at.metrics()


def test_when_trust_is_lost_the_target_is_back_in_the_same_round_and_nothing_else_moves() -> None:
    """Prometheus does not answer. The floor stays; once there are data again the target is raised in that round."""
    cluster = Cluster(ASKED)
    cluster.live(10)
    assert cluster.filled[-1] > 0.7
    floor = cluster.said[MIN_SCALE]
    cluster.at.prometheus.down = True
    decision = cluster.live(1)
    assert (cluster.filled[-1], cluster.said[MIN_SCALE]) == (0.7, floor)
    assert decision.message.endswith("target back to its own")
    assert TARGET_STATE not in cluster.kube.objects[SERVICE]["metadata"]["annotations"]
    cluster.at.prometheus.down = False
    cluster.live(1)
    assert cluster.filled[-1] > 0.7


def test_a_process_that_dies_leaves_it_to_the_next_one() -> None:
    """Its first round does not know whether what was trusted is to be trusted; the record says what the owner had."""
    cluster = Cluster(ASKED)
    cluster.live(10)
    raised, floor = cluster.filled[-1], cluster.said[MIN_SCALE]
    cluster.restart()
    cluster.live(1)
    assert (cluster.filled[-1], cluster.said[MIN_SCALE]) == (0.7, floor)
    for _ in range(2):  # the first learns, the second tries the settings on the days before
        cluster.at.service.refit(cluster.world.now)
        cluster.live(1)
    assert cluster.filled[-1] == raised


@pytest.mark.parametrize("word", ["off", "observe", "aply"])
def test_an_owner_who_leaves_or_slips_has_the_own_target_back_in_one_round(word: str) -> None:
    """`aply` is no mode: nothing is planned or lowered on it, and nothing stays raised."""
    kube = FakeKube()
    at = asking(kube)
    at.tick(NOW + 60)
    assert kube.objects[REVISION]["metadata"]["annotations"][TARGET_PERCENTAGE] == "90"
    kube.edit(SERVICE, {"metadata": {"annotations": {"ahpa.dev/mode": word}}})
    at.tick(NOW + 120)
    assert TARGET_PERCENTAGE not in kube.objects[REVISION]["metadata"]["annotations"]
    noted = kube.objects[SERVICE]["metadata"]["annotations"]
    assert TARGET_STATE not in noted
    assert (STATE in noted) == (word == "aply")


def test_the_floor_goes_up_first_and_the_target_down_first() -> None:
    """No moment has a raised target without the floor for it."""
    kube = FakeKube()
    at = asking(kube)
    before = len(kube.writes)
    at.tick(NOW + 60)
    assert order(kube, before) == ["floor", "target"]
    before = len(kube.writes)
    follow(at, Setting(Rule.CONSTANT, 0.99, 2))
    at.tick(NOW + 120)
    assert order(kube, before) == ["target", "floor"]


def test_a_floor_that_could_not_be_written_raises_no_target() -> None:
    kube = Fenced()
    kube.key = MIN_SCALE
    at = asking(kube, replace(FULL, replicas=5))
    before = len(kube.writes)
    assert at.tick(NOW + 60)["knative/shop/chat"].utilization == 0.9
    assert order(kube, before) == []
    kube.refuses = lambda value: False
    at.tick(NOW + 180)
    assert order(kube, before) == ["floor", "target"]


def test_a_target_that_cannot_be_put_back_keeps_the_floor_where_it_is() -> None:
    """Down with the floor and not with the target would be the worst of both. It is tried again in each round."""
    kube = Fenced()
    kube.refuses = lambda value: value is None
    at = asking(kube)
    at.tick(NOW + 60)
    floor = at.min_scale("chat")
    follow(at, Setting(Rule.CONSTANT, 0.99, 2))
    at.tick(NOW + 120)
    assert at.min_scale("chat") == floor
    kube.refuses = lambda value: False
    at.tick(NOW + 180)
    assert TARGET_PERCENTAGE not in kube.objects[REVISION]["metadata"]["annotations"]
    assert at.min_scale("chat") != floor


def test_a_refused_target_costs_no_floor_and_is_told_with_the_next_step() -> None:
    """In a namespace without the label. The floor is what it would be without the lever, and it is not asked for again
    in every round."""
    kube = Fenced()
    at = asking(kube, Setting.fill(0.99, 0.9))
    decision = at.tick(NOW + 300)["knative/shop/chat"]
    assert decision.utilization == 0.9
    assert at.min_scale("chat") == str(decision.floor)
    (event,) = [body for _, body in kube.created if body["reason"] == "TargetRefused"]
    assert "label ahpa.dev/manage-target: allowed" in event["note"]
    assert event["type"] == "Warning"
    later = at.tick(NOW + 330)["knative/shop/chat"]
    assert later.utilization is None
    assert later.floor > decision.floor, "as many as it needs at its own 70 %"
    assert "its target stays as it is: raising it was refused" in later.message
    assert at.tick(NOW + 361)["knative/shop/chat"].utilization == 0.9, "it is tried again, less and less often"
    assert at.tick(NOW + 422)["knative/shop/chat"].utilization is None


def test_what_somebody_else_took_over_is_left_alone() -> None:
    kube = FakeKube()
    at = asking(kube)
    at.tick(NOW + 60)
    owner = {"apiVersion": "v1", "kind": "ModelDeployment", "name": "maker", "uid": "its", "controller": True}
    kube.edit(SERVICE, {"metadata": {"ownerReferences": [owner]}})
    before = len(kube.writes)
    assert at.tick(NOW + 120)["knative/shop/chat"].reason == Reason.REFUSED
    assert len(kube.writes) == before


def in_force(cluster: Cluster) -> list[float | None]:
    """The fills of which the last minute told something."""
    tried = cluster.at.service._memory.tried
    assert tried is not None
    return [share for share, column in zip(tried.fills.shares, tried.in_force, strict=True) if column >= 0]


def test_what_really_happened_is_held_against_the_fill_that_was_in_force() -> None:
    """And all fills learn of it. In the round that raises it nothing has happened with it yet; while the data are
    partial the target is the owner's, and nothing happens with the setting."""
    cluster = Cluster(ASKED)
    cluster.live(1)
    while cluster.filled[-1] == 0.7:
        assert in_force(cluster) in ([], [None])
        cluster.live(1)
    assert in_force(cluster) == []
    cluster.live(3)
    assert in_force(cluster) == [cluster.filled[-1]]
    cluster.live(2)
    tried = cluster.at.service._memory.tried
    assert tried is not None
    known = set(tried.tryouts.experience.demand.tolist())
    assert len(known) == 1
    assert known != {0.0}
    cluster.at.prometheus.warns = True
    for _ in range(2):
        assert cluster.live(1).plan is not None
        assert in_force(cluster) == []


def test_a_dry_run_raises_nothing() -> None:
    may: dict[str, Callable[[float], bool]] = {"write": always}
    kube = FakeKube()
    add_knative(kube, "chat", mode="apply", **ASKED)
    at = staged(kube, FakePrometheus({"chat": morning}), may_write=lambda now: may["write"](now))
    at.service.refit(NOW)
    may["write"] = lambda now: False
    at.tick(NOW)
    follow(at, FULL)
    before = len(kube.writes)
    at.tick(NOW + 60)
    assert len(kube.writes) == before


def test_only_for_those_who_ask_further_fills_are_tried() -> None:
    kube = FakeKube()
    add_knative(kube, "chat", mode="apply", **ASKED)
    add_knative(kube, "other", mode="apply")
    add_knative(kube, "watched", mode="observe", **ASKED)
    at = staged(kube, FakePrometheus(dict.fromkeys(("chat", "other", "watched"), morning)))
    at.service.refit(NOW)
    at.tick(NOW)
    tried = at.service._memory.tried
    assert tried is not None
    shares: dict[str, list[float | None]] = {}
    for series, share in zip(tried.fills.services, tried.fills.shares, strict=True):
        shares.setdefault(series.split()[0], []).append(share)
    own = {f"knative/shop/{name}": [None] for name in ("other", "watched")}
    assert shares == {"knative/shop/chat": [None, 0.8, 0.9, 1.0], **own}
    assert tried.served.per_replica.tolist() == pytest.approx([7.0, 8.0, 9.0, 10.0, 7.0, 7.0])
    assert tried.served.slots.tolist() == pytest.approx([10.0] * 6)


def test_an_owner_who_asks_no_more_has_no_further_fills_and_the_record_of_the_own() -> None:
    kube = FakeKube()
    at = asking(kube)
    for minute in range(1, 10):
        at.tick(NOW + 60 * minute)
    kube.edit(SERVICE, {"metadata": {"annotations": {"ahpa.dev/manage-target": "false"}}})
    at.tick(NOW + 600)
    tried = at.service._memory.tried
    assert tried is not None
    assert tried.fills.shares == (None,)
    assert tried.tryouts.minutes.tolist()[0] >= 8


def test_the_targets_of_an_hpa_are_raised_and_what_is_planned_with_stays() -> None:
    kube = FakeKube()
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}
    add_hpa(kube, "chat", mode="apply", manage_target="true", demand="mine", target_per_replica="8")
    kube.edit(f"{HPAS}/chat", {"spec": {"metrics": [cpu]}})
    at = staged(kube, FakePrometheus({"chat": morning}))
    at.service.refit(NOW)
    at.tick(NOW)
    tried = at.service._memory.tried
    assert tried is not None
    assert tried.fills.shares == (None, 0.8, 0.9, 1.0)
    at.service._memory.settings[tried.series[0]] = FULL

    def target() -> Any:
        (metric,) = kube.objects[f"{HPAS}/chat"]["spec"]["metrics"]
        return metric["resource"]["target"]["averageUtilization"]

    at.tick(NOW + 60)
    assert target() == 90
    again = at.service._memory.tried
    assert again is not None
    assert again.tryouts.minutes.tolist() == [count + 1 for count in tried.tryouts.minutes.tolist()]
    at.prometheus.down = True
    at.tick(NOW + 120)
    assert target() == 50
