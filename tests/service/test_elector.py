"""Two electors over real sockets: whatever happens to the leader, the other takes over, and never do both write.

One short trial of each kind; tests/reliability/test_leadership.py has hundreds, in processes of their own.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import pytest

from ahpa.adapters.kubernetes.fenced import Fenced
from ahpa.core.election import Record, Terms
from ahpa.core.shards import shards
from ahpa.ports import ClusterError
from ahpa.service.elector import FENCE_SECONDS, Elector
from tests.fakes.kube import FakeKube
from tests.fakes.lease_server import LEASES, THING, LeaseServer
from tests.reliability.contender import Contender, Quiet
from tests.reliability.judge import refused, reigns, two_leaders
from tests.waiting import until

TERMS = Terms(1, 0.6, 0.15)
WAIT_SECONDS = 30
"""For what comes within a second on a machine that has nothing else to do."""


@pytest.fixture
def server() -> Iterator[LeaseServer]:
    server = LeaseServer()
    yield server
    server.close()


wait_for = partial(until, seconds=WAIT_SECONDS)


@contextmanager
def running(*contenders: Contender) -> Iterator[list[threading.Thread]]:
    threads = [threading.Thread(target=each.run) for each in contenders]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        for each in contenders:
            each.stop()
        for thread in threads:
            thread.join(WAIT_SECONDS)
        assert not any(thread.is_alive() for thread in threads)


def wrote(server: LeaseServer, who: str) -> bool:
    return any(write.accepted and write.writer == who for write in server.writes)


FAULTS = ("reset", "hang", "error", "lost reply", "conflict")


def test_a_leader_that_is_cut_off_stops_before_the_next_one_begins() -> None:
    """In five ways, tried beside one another: each needs a lease's time."""

    def trial(fault: str) -> tuple[list[str], float, int]:
        server = LeaseServer()
        with running(Contender(server.url, "a", TERMS)):
            wait_for(lambda: wrote(server, "a"), "a leads")
            with running(Contender(server.url, "b", TERMS)):
                server.faults["a"] = fault
                wait_for(lambda: wrote(server, "b"), f"{fault}: b takes over")
                server.faults.clear()
        server.close()
        return reigns(server.writes)[:2], two_leaders(server.writes[: _last(server, "b")]), len(refused(server.writes))

    with ThreadPoolExecutor(len(FAULTS)) as pool:
        found = dict(zip(FAULTS, pool.map(trial, FAULTS), strict=True))
    assert found == dict.fromkeys(FAULTS, (["a", "b"], 0.0, 0))


def _last(server: LeaseServer, who: str) -> int:
    """The end of its reign, in the log; whoever led before may lead again after it."""
    return max(at for at, write in enumerate(server.writes) if write.writer == who) + 1


def test_a_leader_that_stops_gives_the_lease_back_after_its_last_write(server: LeaseServer) -> None:
    first = Contender(server.url, "a", Terms(15, 10, 2))
    with running(first), running(Contender(server.url, "b", Terms(15, 10, 2))):
        wait_for(lambda: server.writes, "one leads")
        leader = server.writes[0].writer
        if leader == "a":
            first.stop()
            wait_for(lambda: wrote(server, "b"), "b takes over, long before the lease would be over")
    assert two_leaders(server.writes) == 0
    assert refused(server.writes) == []


def test_a_lease_is_not_given_back_while_a_write_is_under_way(server: LeaseServer) -> None:
    one = Contender(server.url, "a", TERMS)
    one.elector.start()
    wait_for(lambda: one.elector.holds("0"), "it leads")
    with one.elector.writing("0") as allowed:
        assert allowed
        stopping = threading.Thread(target=one.elector.stop)
        stopping.start()
        wait_for(lambda: not one.elector.holds("0"), "no other write begins")
        assert server.holder() == "a"
    stopping.join(WAIT_SECONDS)
    assert server.holder() == ""


def test_a_late_write_of_a_former_leader_is_refused_by_the_api(server: LeaseServer) -> None:
    """It was held up between the gate and the wire, as by SIGSTOP, until the other led."""
    held_up, go_on = threading.Event(), threading.Event()

    def before_send() -> None:
        if wrote(server, "a"):
            held_up.set()
            go_on.wait(WAIT_SECONDS)

    with running(Contender(server.url, "a", TERMS, before_send=before_send)):
        held_up.wait(WAIT_SECONDS)
        server.faults["a"] = "conflict"
        with running(Contender(server.url, "b", TERMS)):
            wait_for(lambda: wrote(server, "b"), "b takes over")
            go_on.set()
            wait_for(lambda: refused(server.writes), "the late one arrives")
    assert [write.writer for write in refused(server.writes)] == ["a"]
    assert reigns(server.writes) == ["a", "b"]


def test_a_wall_clock_that_is_set_moves_nothing(server: LeaseServer) -> None:
    ahead = [0.0]
    with running(Contender(server.url, "a", TERMS, wall_clock=lambda: 1.7e9 + ahead[0])) as (thread,):
        wait_for(lambda: wrote(server, "a"), "a leads")
        with running(Contender(server.url, "b", TERMS, wall_clock=lambda: 1.7e9 - 3600)):
            for ahead[0] in (3600.0, -3600.0):
                before = _beat(server)
                wait_for(partial(_beats_on, server, before), "the lease goes on")
        assert thread.is_alive()
    assert reigns(server.writes)[:1] == ["a"]
    assert two_leaders(server.writes) == 0


def _beats_on(server: LeaseServer, before: int) -> bool:
    return _beat(server) > before + 1


def _beat(server: LeaseServer) -> int:
    meta = server.objects[f"{LEASES}/ahpa-0"]["metadata"]
    assert isinstance(meta, dict)
    return int(meta["annotations"]["ahpa.dev/beat"])


def test_shards_are_shared_evenly_when_a_replica_joins_and_taken_back_when_it_leaves(server: LeaseServer) -> None:
    def held() -> list[int]:
        holders = [server.holder(f"ahpa-{number}") for number in range(4)]
        return [holders.count(who) for who in "ab"]

    terms = Terms(15, 10, 0.2)
    first = Contender(server.url, "a", terms, count=4)
    with running(first):
        wait_for(lambda: held() == [4, 0], "one has all")
        with running(Contender(server.url, "b", terms, count=4)):
            wait_for(lambda: held() == [2, 2], "both have half")
            wait_for(lambda: first.elector.share == 0.5, "it knows")
        wait_for(lambda: held() == [4, 0], "what was given back is taken")
    assert held() == [0, 0]


@dataclass
class Forbidding:
    """A store in memory, of which one lease may not be written to."""

    forbidden: str
    records: dict[str, Record] = field(default_factory=dict)

    def read(self, seconds: float) -> dict[str, Record]:
        return dict(self.records)

    def write(self, name: str, record: Record, seconds: float) -> Record:
        if name == self.forbidden:
            raise ClusterError(403, f"leases {name!r} is forbidden")
        self.records[name] = replace(record, version=str(record.beat))
        return self.records[name]


def test_a_lease_that_is_refused_keeps_no_other_from_being_renewed() -> None:
    """A Role that lacks one of the names must not cost all of them."""
    moment = [100.0]
    store, herald = Forbidding("ahpa-1"), Quiet()
    elector = Elector(store, "me", shards("ahpa", 4), Terms(15, 10, 2), herald, lambda: moment[0])
    for _ in range(6):
        elector.look()
        moment[0] += 2
    assert {name for name, record in store.records.items() if record.holder == "me"} == {"ahpa-0", "ahpa-2", "ahpa-3"}
    assert [elector.holds(uid) for uid in "04f"] == [True, False, True]
    assert (elector.share, elector.plans("0"), elector.plans("4")) == (0.75, True, False)
    assert herald.events.count("lease.unreachable") == 1, "told once"


def test_who_has_just_begun_takes_no_lease_as_another_may_know_more() -> None:
    """A container that restarts would win it back, and raise nothing until it has learned."""
    store, ready = Forbidding("none"), [False]
    elector = Elector(store, "me", shards("ahpa", 1), Terms(15, 10, 2), Quiet(), lambda: 100.0, lambda: ready[0])
    elector.look()
    assert store.records == {}
    ready[0] = True
    elector.look()
    assert store.records["ahpa-0"].holder == "me"


def test_a_reign_is_counted_before_its_gate_opens() -> None:
    """Else a round in between would take for settled what it has just come to hold."""
    moment = [100.0]
    elector = Elector(Forbidding("none"), "me", shards("ahpa", 1), Terms(15, 10, 2), Quiet(), lambda: moment[0])
    elector.look()
    assert (elector.reigns, elector.holds("0")) == (1, False)
    moment[0] += FENCE_SECONDS
    assert elector.holds("0")
    for _ in range(3):
        elector.look()
        moment[0] += 2
    assert (elector.reigns, elector.gained()) == (1, True)


@pytest.mark.parametrize("left", [0.0, -1.0, float("-inf")])
def test_a_patch_whose_lease_is_over_is_not_sent(left: float) -> None:
    kube = FakeKube()
    kube.put(THING, {"metadata": {"name": "h", "namespace": "team"}, "spec": {}})
    with pytest.raises(ClusterError, match="we hold no lease") as refusal:
        Fenced(kube, lambda: left).merge_patch(THING, {"spec": {"minReplicas": 2}})
    assert (refusal.value.status, kube.writes) == (409, [])


def _refuses(said: str, method: str, where: str) -> ClusterError:
    return ClusterError(422, said)


def test_what_the_fence_refuses_is_a_conflict_and_no_refusal_for_good() -> None:
    """Else the next round would leave the target alone for a minute, and its owner would be told of it."""
    kube = FakeKube()
    denied = "ValidatingAdmissionPolicy 'ahpa-leader' with binding 'ahpa-leader' denied request: another process holds"
    said = {"ahpa-leader": denied, "ahpa-hpas": "ValidatingAdmissionPolicy 'ahpa-hpas' denied request"}
    found = {}
    for policy, text in said.items():
        kube.fail = partial(_refuses, text)
        with pytest.raises(ClusterError) as refusal:
            Fenced(kube, lambda: 9.0).merge_patch(THING, {})
        found[policy] = refusal.value.status
    assert found == {"ahpa-leader": 409, "ahpa-hpas": 422}


@dataclass
class Unanswering(Forbidding):
    """Writes that are done, of which no answer comes back, while `silent`."""

    silent: int | None = None
    """The status of what comes instead."""

    def write(self, name: str, record: Record, seconds: float) -> Record:
        if record.version != self.records.get(name, Record()).version:
            raise ClusterError(409, "somebody was first")
        written = super().write(name, record, seconds)
        if self.silent is not None:
            raise ClusterError(self.silent, "no answer")
        return written


@pytest.mark.parametrize("silent", [0, 504])
def test_a_lease_that_was_perhaps_handed_over_is_not_written_under(silent: int) -> None:
    """The answer was lost: who asked for it may lead already, whatever the gate of the former holder would say."""
    moment = [100.0]
    store = Unanswering("none")
    elector = Elector(store, "me", shards("ahpa", 1), Terms(15, 10, 2), Quiet(), lambda: moment[0])
    elector.look()
    moment[0] += 1
    elector.look()
    assert elector.holds("0")
    mine = store.records["ahpa-0"]
    store.records["ahpa-0"] = replace(mine, asked_by="other")
    store.silent = silent
    elector.look()
    assert store.records["ahpa-0"].holder == "other"
    assert not elector.holds("0")
    store.silent = None
    store.records["ahpa-0"] = replace(mine, asked_by="", version="9", transitions=2)  # and it comes back
    for _ in range(2):
        elector.look()
        moment[0] += 1
    assert elector.holds("0")
