"""Two copies of the service in one world: the one that does not lead watches, learns and decides as the other does, and
leaves no trace; when it comes to lead it goes on where the other stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from ahpa.adapters.kubernetes.kept import MIN_SCALE
from ahpa.core.decision import Reason
from ahpa.service.loop import Loop
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.service.stage import NOW, ROOT, SETTINGS, Stage, add_knative, morning, staged

NIGHT = NOW + 12 * 3600


@dataclass
class Seat:
    """Leases as a test says; by the name in a fake's uid."""

    leads: bool = False
    new: bool = False
    planned: frozenset[str] | None = None
    share: float = 1.0
    reigns: int = 0
    asked: list[str] = field(default_factory=list)

    def take(self) -> None:
        self.leads = self.new = True
        self.reigns += 1

    def gained(self) -> bool:
        was, self.new = self.new, False
        return was

    def plans(self, uid: str) -> bool:
        return self.planned is None or uid.rpartition("/")[2] in self.planned

    def holds(self, uid: str) -> bool:
        return self.leads and self.plans(uid)

    @contextmanager
    def writing(self, uid: str) -> Iterator[bool]:
        self.asked.append(uid)
        yield self.holds(uid)


@dataclass
class Pair:
    """A leader and a follower."""

    kube: FakeKube
    leader: Stage
    follower: Stage
    seats: tuple[Seat, Seat]

    def tick(self, now: float) -> None:
        """The follower first: what it sees was written by the leader a round before."""
        self.follower.tick(now)
        self.leader.tick(now)

    def takeover(self) -> None:
        self.seats[0].leads = False
        self.seats[1].take()

    @property
    def floor(self) -> int:
        return int(self.kube.objects[f"{ROOT}/revisions/chat-00001"]["metadata"]["annotations"].get(MIN_SCALE, 0))


def pair(journal: Path | None = None) -> Pair:
    kube, prometheus = FakeKube(), FakePrometheus({"chat": morning})
    add_knative(kube, "chat", mode="apply")
    seats = Seat(leads=True), Seat()
    leader, follower = (
        staged(kube, prometheus, leases=seat, journal=file) for seat, file in zip(seats, (None, journal), strict=True)
    )
    for each in (leader, follower):
        each.service.refit(NOW)
    return Pair(kube, leader, follower, seats)


def test_a_follower_decides_as_the_leader_does_and_leaves_no_trace(tmp_path: Path) -> None:
    """No write, no Event, no line in its journal, no figure of a target among its metrics."""
    both = pair(tmp_path / "journal")
    for minute in range(3):
        before = len(both.kube.writes), len(both.kube.created)
        followed = both.follower.tick(NOW + 60 * minute)
        assert (len(both.kube.writes), len(both.kube.created)) == before
        led = both.leader.tick(NOW + 60 * minute)
        if minute:
            assert followed["knative/shop/chat"].floor == led["knative/shop/chat"].floor > 1
    assert both.kube.writes
    assert both.kube.created
    assert not (tmp_path / "journal").exists() or (tmp_path / "journal").read_text() == ""
    assert ["ahpa_floor_replicas{" in each.metrics() for each in (both.leader, both.follower)] == [True, False]


def test_what_is_in_force_on_a_follower_is_what_the_objects_say_not_what_it_thought_of() -> None:
    """Else it would begin from floors that nobody wrote."""
    both = pair()
    both.follower.tick(NOW)
    thought = both.follower.tick(NOW + 60)["knative/shop/chat"]
    assert (thought.previous, thought.floor > 1) == (0, True)


def test_a_takeover_lowers_nothing_in_its_first_round_and_goes_on_in_the_second() -> None:
    both = pair()
    both.tick(NOW)
    both.kube.edit(f"{ROOT}/revisions/chat-00001", {"metadata": {"annotations": {MIN_SCALE: "40"}}}, manager="ahpa")
    both.follower.service.refit(NIGHT)
    both.follower.tick(NIGHT)
    both.follower.tick(NIGHT + 60)
    both.takeover()
    assert both.follower.tick(NIGHT + 120)["knative/shop/chat"].reason is Reason.SETTLING
    assert both.floor == 40
    both.follower.tick(NIGHT + 180)
    assert both.floor < 40


def test_who_lost_the_lease_and_has_it_again_between_two_rounds_lowers_nothing_either() -> None:
    """Somebody else led meanwhile."""
    both = pair()
    both.leader.tick(NOW)
    both.leader.tick(NOW + 60)
    assert both.leader.tick(NOW + 120)["knative/shop/chat"].reason is not Reason.SETTLING
    both.kube.edit(f"{ROOT}/revisions/chat-00001", {"metadata": {"annotations": {MIN_SCALE: "40"}}}, manager="ahpa")
    both.leader.service.refit(NIGHT)
    both.seats[0].take()
    assert both.leader.tick(NIGHT)["knative/shop/chat"].reason is Reason.SETTLING


def test_a_takeover_raises_in_its_first_round() -> None:
    both = pair()
    both.follower.tick(NOW - 3600)
    both.takeover()
    both.follower.tick(NOW)
    assert both.floor > 1


def test_who_comes_to_lead_ticks_at_once_and_once() -> None:
    both = pair()
    both.follower.tick(NOW)
    both.follower.service.take_wish("tick")
    both.takeover()
    assert not both.follower.service.take_wish("refit")
    assert [both.follower.service.take_wish("tick") for _ in range(2)] == [True, False]


def test_a_new_leader_does_not_introduce_again_what_its_owners_were_told() -> None:
    both = pair()
    both.tick(NOW)
    told = [body["reason"] for _, body in both.kube.created]
    assert "Measured" in told
    both.takeover()
    before = len(both.kube.created)
    both.follower.tick(NOW + 60)
    assert "Measured" not in [body["reason"] for _, body in both.kube.created[before:]]


def test_a_lease_that_is_lost_during_a_round_ends_its_writes_and_its_words() -> None:
    both = pair()
    assert both.leader.prometheus is both.follower.prometheus
    both.leader.prometheus.meanwhile = lambda: setattr(both.seats[0], "leads", False)
    decided = both.leader.tick(NOW)["knative/shop/chat"]
    assert decided.change > 0
    assert both.seats[0].asked, "the gate was asked again before the write"
    assert (both.kube.writes, both.kube.created) == ([], [])


def test_a_dry_run_that_leads_writes_nothing() -> None:
    kube, prometheus = FakeKube(), FakePrometheus({"chat": morning})
    add_knative(kube, "chat", mode="apply")
    at = staged(kube, prometheus, leases=Seat(leads=True), may_write=lambda now: False)
    at.service.refit(NOW)
    at.tick(NOW)
    assert at.tick(NOW + 60)["knative/shop/chat"].floor > 1
    assert (kube.writes, bool(kube.created)) == ([], True)


def test_a_copy_with_some_of_the_shards_plans_for_its_own_targets_and_spends_its_share_of_the_budget() -> None:
    """As many copies as there are shards raise no more together than one would."""
    kube, prometheus = FakeKube(), FakePrometheus({"chat": morning, "other": morning})
    for name in ("chat", "other"):
        add_knative(kube, name, mode="apply")
    seat = Seat(leads=True, planned=frozenset({"chat"}), share=0.5)
    limits = replace(SETTINGS.limits, budget=4)
    at = staged(kube, prometheus, replace(SETTINGS, limits=limits), leases=seat)
    at.service.refit(NOW)
    at.tick(NOW)
    assert list(at.tick(NOW + 60)) == ["knative/shop/chat"]
    assert (at.min_scale("chat"), at.min_scale("other")) == ("4", None)  # twice half of four


def test_of_a_namespace_so_many_are_served_by_all_shards_together() -> None:
    """Else those that each served of its own would be too many for who takes over, and their floors stand still."""
    names = [f"c{number}" for number in range(4)]
    kube, prometheus = FakeKube(), FakePrometheus(dict.fromkeys(names, morning))
    for name in names:
        add_knative(kube, name, mode="apply")
    seats = [Seat(leads=True, planned=frozenset(shard), share=0.5) for shard in (names[:1], names[1:])]
    settings = replace(SETTINGS, most_targets=2)
    both = [staged(kube, prometheus, settings, leases=seat) for seat in seats]
    for each in both:
        each.service.refit(NOW)
        each.tick(NOW)
    floors = [both[0].min_scale(name) for name in names]
    assert [floor is not None for floor in floors] == [True, True, False, False]
    seats[0].planned, seats[0].share = None, 1.0
    seats[0].take()
    both[0].service.refit(NOW + 60)
    decisions = both[0].tick(NOW + 60)
    assert [decisions[f"knative/shop/{name}"].reason is Reason.REFUSED for name in names] == [False, False, True, True]


def two_with_floors() -> tuple[FakeKube, FakePrometheus]:
    """Both far above what their night needs, by a leader before."""
    kube, prometheus = FakeKube(), FakePrometheus({"chat": morning, "other": morning})
    for name in ("chat", "other"):
        add_knative(kube, name, mode="apply")
        kube.edit(f"{ROOT}/revisions/{name}-00001", {"metadata": {"annotations": {MIN_SCALE: "40"}}}, manager="ahpa")
        noted = {"ahpa.dev/baseline": f'{{"{name}-00001":null}}'}
        kube.edit(f"{ROOT}/services/{name}", {"metadata": {"annotations": noted}})
    return kube, prometheus


def test_a_shard_that_is_gained_is_settled_a_round_later() -> None:
    """Its former leader knew more of it; one that has just been annotated has none."""
    kube, prometheus = two_with_floors()
    seat = Seat(leads=True, planned=frozenset({"chat"}), share=0.5)
    at = staged(kube, prometheus, leases=seat)
    at.service.refit(NIGHT)
    at.tick(NIGHT)
    add_knative(kube, "third", mode="apply")
    assert at.tick(NIGHT + 60)["knative/shop/chat"].reason is not Reason.SETTLING
    seat.planned, seat.share = None, 1.0
    seat.take()
    at.service.refit(NIGHT + 60)
    before = at.min_scale("chat"), at.min_scale("other")
    assert at.tick(NIGHT + 120)["knative/shop/other"].reason is Reason.SETTLING
    assert (at.min_scale("chat"), at.min_scale("other")) == before
    at.tick(NIGHT + 180)
    assert int(at.min_scale("other") or 0) < 40


@dataclass
class Hasty(Seat):
    """It comes to lead all in the midst of a round: after the targets were chosen, before it says what it holds."""

    hasty: bool = False

    def holds(self, uid: str) -> bool:
        if self.hasty:
            self.hasty, self.planned = False, None
            self.take()
        return super().holds(uid)


def test_a_shard_that_is_gained_while_a_round_lists_is_new_to_the_next_one() -> None:
    kube, prometheus = two_with_floors()
    seat = Hasty(leads=True, planned=frozenset({"chat"}))
    at = staged(kube, prometheus, leases=seat)
    at.service.refit(NIGHT)
    at.tick(NIGHT)
    seat.hasty = True
    assert list(at.tick(NIGHT + 60)) == ["knative/shop/chat"]
    at.service.refit(NIGHT + 60)
    assert at.tick(NIGHT + 120)["knative/shop/other"].reason is Reason.SETTLING
    assert at.min_scale("other") == "40"
    at.tick(NIGHT + 180)
    assert int(at.min_scale("other") or 0) < 40


def test_a_follower_is_ready() -> None:
    """A rollout waits for it; and it is alive as long as its loop goes on."""
    both = pair()
    loop = Loop(both.follower.service, both.follower.telemetry, clock=lambda: NOW)
    assert not loop.ready
    loop.do("tick")
    assert (loop.ready, loop.alive) == (True, True)
    assert both.kube.writes == []
