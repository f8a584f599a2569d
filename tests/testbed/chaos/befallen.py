"""What befalls a cluster in a minute, and when: a dependency dies or stands still, and so does the leader."""

from __future__ import annotations

import random
import signal
import threading
import time
from dataclasses import dataclass, field

from testbed import Testbed
from tests.testbed.chaos.replicas import LEASE_SECONDS, Replica

KILL, FREEZE = "killed", "frozen"
FAULTS = [
    (name, how)
    for name in (
        "prometheus", "kube-apiserver", "etcd", "knative-webhook", "knative-controller", "knative-autoscaler",
        "kube-controller-manager", "kube-scheduler",
    )
    for how in (KILL, FREEZE)
]  # fmt: skip
MINUTE = 60.0
FAULT_SECONDS = (4.0, 25.0)
PATIENCE_SECONDS = 30.0
"""So long somebody is waited for who leads; while the API server is gone nobody may."""
SURE_SECONDS = 0.05
"""After a signal was sent its process does nothing more."""


@dataclass(frozen=True)
class Outage:
    """Of one dependency, unix seconds."""

    name: str
    how: str
    began: float
    ended: float


@dataclass
class Befallen:
    """All of it, until it is `over`; what is random comes from the seed."""

    bed: Testbed
    replicas: list[Replica]
    """The first is never killed, only frozen, so that there is one to be watched."""
    seed: int
    over: threading.Event = field(default_factory=threading.Event)
    outages: list[Outage] = field(default_factory=list)
    killed: list[tuple[float, str]] = field(default_factory=list)
    frozen: list[tuple[float, str]] = field(default_factory=list)
    leaderless: int = 0
    """Minutes in which nobody led for so long that there was no leader to kill."""

    def faults(self) -> None:
        """One a minute, each of them as often as any other."""
        rng, waiting = random.Random(self.seed), list[tuple[str, str]]()
        while not self.over.is_set():
            waiting = waiting or rng.sample(FAULTS, len(FAULTS))
            pause, seconds = rng.uniform(0, 20), rng.uniform(*FAULT_SECONDS)
            self._pause(pause)
            if self.over.is_set():
                return
            self._fault(*waiting.pop(), seconds)
            self._pause(MINUTE - pause - seconds)

    def leaders(self) -> None:
        """One killed a minute; some stand still before, for longer than their lease."""
        rng = random.Random(self.seed + 1)
        while not self.over.is_set():
            began, pause = time.monotonic(), rng.uniform(5, 40)
            self._pause(pause)
            if self.over.is_set():
                return
            self.depose(rng)
            self._pause(MINUTE - (time.monotonic() - began))

    def depose(self, rng: random.Random) -> None:
        leader = self._leader()
        if leader is not None and (leader is self.replicas[0] or rng.random() < 0.2):
            self._freeze(leader, rng.uniform(0, 2))
            leader = self._leader(but=self.replicas[0])
        if leader is None:
            self.leaderless += 1
            return
        leader.kill()
        self.killed.append((time.time(), leader.name))
        self._pause(rng.uniform(0, 5))
        leader.start()

    def _leader(self, but: Replica | None = None) -> Replica | None:
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until and not self.over.is_set():
            for each in self.replicas:
                if each is not but and each.life.leads:
                    return each
            time.sleep(0.1)
        return None

    def _freeze(self, leader: Replica, longer: float) -> None:
        leader.signal(signal.SIGSTOP)
        self.frozen.append((time.time(), leader.name))
        self._pause(LEASE_SECONDS + longer)
        if self._leader(but=leader) is None:
            self.leaderless += 1
        leader.signal(signal.SIGCONT)

    def _fault(self, name: str, how: str, seconds: float) -> None:
        processes = self.bed.processes
        processes.signal(name, signal.SIGKILL if how == KILL else signal.SIGSTOP)
        began = time.time() + SURE_SECONDS
        self._pause(seconds)
        self.outages.append(Outage(name, how, began, time.time()))
        if how == KILL:
            processes.again(name)
        else:
            processes.signal(name, signal.SIGCONT)
        self._tend()

    def _tend(self) -> None:
        """As a kubelet does: who has ended by itself is started again."""
        for name in self.bed.processes.ended():
            self.bed.processes.again(name)

    def _pause(self, seconds: float) -> None:
        self.over.wait(max(0.0, seconds))
