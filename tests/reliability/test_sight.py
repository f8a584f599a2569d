"""A leader whose own way to Prometheus is broken does not lead for ever: two electors that are told what they see, and
two real processes with a Prometheus each.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from ahpa.core.election import Terms
from ahpa.core.sight import BLIND_ROUNDS, Sight
from benchmarks.fleet.api import ApiServer, Fault
from benchmarks.fleet.objects import SERVING, fleet, place
from benchmarks.fleet.processes import serving
from benchmarks.fleet.prometheus import Prometheus, serve
from benchmarks.fleet.store import Store
from tests.fakes.lease_server import LEASES, LeaseServer
from tests.reliability.audit import MIN_SCALE
from tests.reliability.contender import Contender
from tests.reliability.judge import refused, reigns, two_leaders
from tests.reliability.reached import Reached
from tests.service.test_elector import running, wait_for, wrote
from tests.waiting import until

WAIT_SECONDS = 180.0
LEASE = "/apis/coordination.k8s.io/v1/namespaces/ahpa-system/leases/ahpa-0"
WORDS = (
    "--kinds", "knative", "--tick", "1s", "--history", "3h", "--metrics-port", "-1", "--health-port", "-1",
    "--page-port", "-1",
    "--leader-elect", "--lease-duration", "6s", "--renew-deadline", "4s", "--retry-period", "0.5s",
)  # fmt: skip


def test_a_leader_that_cannot_see_gives_way_to_who_can_and_stays_where_nobody_can() -> None:
    server = LeaseServer()
    blind, sees = Sight(BLIND_ROUNDS), Sight(sees=True)
    sight, terms = {"a": sees, "b": blind}, Terms(15, 10, 0.2)
    first = Contender(server.url, "a", terms, sight=lambda: sight["a"])
    second = Contender(server.url, "b", terms, sight=lambda: sight["b"])

    def noted(key: str) -> str:
        meta = server.objects[f"{LEASES}/ahpa-0"]["metadata"]
        assert isinstance(meta, dict)
        return str(meta["annotations"].get(key, ""))

    def leads_on() -> None:
        end = int(noted("ahpa.dev/beat")) + 6
        wait_for(lambda: int(noted("ahpa.dev/beat")) >= end, "some renewals")

    with running(first):
        wait_for(lambda: wrote(server, "a"), "a leads")
        with running(second):
            sight["a"] = blind
            wait_for(lambda: noted("ahpa.dev/blind") == "true", "it says so")
            leads_on()
            assert server.holder() == "a", "b sees no more than it"
            sight["b"] = sees
            wait_for(lambda: wrote(server, "b"), "b leads")
            assert noted("ahpa.dev/blind") == ""
            sight["b"] = blind
            leads_on()
            assert server.holder() == "b", "a is no better off"
            judged = list(server.writes)
    server.close()
    assert (reigns(judged), two_leaders(judged), refused(judged)) == (["a", "b"], 0, [])
    assert "lease.asked_for" in second.herald.events


class Switched(Prometheus):
    """One that fails while it is down."""

    down = False

    def fault(self, query: str, seconds: float) -> Fault:
        return 503 if self.down else None


@dataclass
class Two:
    """Both replicas, and what is seen of them."""

    store: Store
    prometheus: dict[str, Switched]
    folders: dict[str, Path]

    def lease(self) -> tuple[str, int]:
        """The holder, and how often it changed."""
        spec = self.store.objects.get(LEASE, {}).get("spec", {})
        return str(spec.get("holderIdentity") or "").partition("_")[0], int(spec.get("leaseTransitions", 0))

    def floor(self) -> int:
        namespace, name = place(0)
        revision = self.store.objects[f"{SERVING}/namespaces/{namespace}/revisions/{name}-00001"]
        return int(revision["metadata"]["annotations"].get(MIN_SCALE, 0))

    def rounds(self, name: str) -> int:
        whole = (self.folders[name] / "log").read_text().rpartition("\n")[0]
        return sum(json.loads(line)["event"] == "tick.done" for line in whole.splitlines())

    def there(self, name: str) -> bool:
        return bool(self.lease()[0]) and self.rounds(name) > 1

    def rounds_pass(self, count: int) -> None:
        """For both."""
        ends = {name: self.rounds(name) + count for name in self.folders}
        until(lambda: all(self.rounds(name) >= ends[name] for name in ends), f"{count} rounds", WAIT_SECONDS, 0.1)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    """`a` leads, `b` follows; both see."""
    store = Store()
    for where, item in fleet(1, {"ahpa.dev/mode": "apply"}):
        store.put(where, item)
    at = Two(
        store, {name: Switched(1, days=0.2, largest=60.0) for name in "ab"}, {name: tmp_path / name for name in "ab"}
    )
    with ExitStack() as stack:
        api = ApiServer(store)
        stack.callback(api.close)
        for name, prometheus in at.prometheus.items():
            server = serve(prometheus)
            stack.callback(server.close)
            at.folders[name].mkdir()
            process = serving(at.folders[name], api.url, server.url, (*WORDS, "--identity", name))
            stack.callback(process.wait)
            stack.callback(process.kill)
            until(partial(at.there, name), f"{name} is there", WAIT_SECONDS, 0.1)
        yield at


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_leader_that_cannot_see_gives_its_lease_to_who_can_and_to_nobody_else(two: Two, reached: Reached) -> None:
    until(two.floor, "a floor", WAIT_SECONDS, 0.1)
    floor = two.floor()
    assert two.lease()[0] == "a"
    two.prometheus["a"].down = True
    until(lambda: two.lease()[0] == "b", "b leads", WAIT_SECONDS, 0.1)
    two.rounds_pass(1)
    assert two.floor() >= floor, "nothing was lowered for it"
    floor = two.floor()
    two.prometheus["b"].down = True
    changes = two.lease()[1]
    two.rounds_pass(10)
    assert two.lease() == ("b", changes), "down for both: it stays where it is"
    assert two.floor() >= floor
    two.prometheus["a"].down = False
    until(lambda: two.lease()[0] == "a", "who sees again has it back", WAIT_SECONDS, 0.1)
    reached("T6", "two processes, Prometheus lost to the leader, to both, to one", "given to who sees; no to and fro")
