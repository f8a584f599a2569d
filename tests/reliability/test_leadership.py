"""T6 of the reliability list: two processes, a lease of 3/2/0.4 s, nine things that befall the leader, 25 times each.

Who led when is read from the API server's log of writes alone (`judge`). The API server is a stand-in on real sockets
that does versions and the fence as the real one; the fence itself is proven on that (tests/manifests).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from tests.fakes.lease_server import LeaseServer, Write
from tests.reliability.judge import refused, reigns, two_leaders
from tests.reliability.reached import Reached
from tests.waiting import until

LEASE, RENEW, RETRY = 3.0, 2.0, 0.4
TRIALS = 25
AT_ONCE = 3
"""Modes that are tried beside one another."""
PATIENCE_SECONDS = 60.0
MOST_HELD_UP = 0.1
"""Seconds: a trial in which the machine itself was later is judged for two leaders as any other, but not timed."""
ROOT = Path(__file__).parents[2]

FAULTS = ("reset", "hang", "error", "lost reply", "conflict")
MODES = (*FAULTS, "SIGSTOP", "SIGKILL", "wall clock", "graceful stop")


@dataclass(frozen=True)
class Outcome:
    """Of one trial."""

    mode: str
    takeover: float | None
    """Seconds from what happened to the first write of the other; None: there is to be none."""
    both: float
    """Seconds of two leaders."""
    reigns: Sequence[str]
    late: int
    """Writes that the fence refused."""
    held_up: float
    """Seconds that the machine itself was late in it, at most: who gets no turn cannot take over."""


@dataclass
class Rivals:
    """Two processes before one API server."""

    server: LeaseServer = field(default_factory=LeaseServer)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        words = [sys.executable, "-m", "tests.reliability.contender", self.server.url, name]
        seconds = [str(each) for each in (LEASE, RENEW, RETRY)]
        self.processes[name] = subprocess.Popen([*words, *seconds], cwd=ROOT)

    def signal(self, name: str, number: signal.Signals) -> None:
        os.kill(self.processes[name].pid, number)

    def stopped(self, name: str) -> bool:
        return Path(f"/proc/{self.processes[name].pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def close(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.server.close()

    def settled(self) -> tuple[str, str]:
        """Leader and follower, once one has led for a second beside the other."""
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE_SECONDS:
            now, lately = time.monotonic(), self.server.writes[-5:]
            both = all(now - self.server.seen.get(name, 0.0) < 1 for name in "ab")
            if both and len(lately) == 5 and len(reigns(lately)) == 1 and now - lately[-1].at < 0.5:
                leader = lately[-1].writer
                return leader, "b" if leader == "a" else "a"
            time.sleep(0.02)
        raise AssertionError(f"nobody leads: {self.server.writes[-5:]}, {self.server.seen}")

    def trial(self, mode: str, rng: random.Random) -> Outcome:
        with watched() as held_up:
            outcome = self._trial(mode, rng)
        return replace(outcome, held_up=held_up[0])

    def _trial(self, mode: str, rng: random.Random) -> Outcome:
        for name in "ab":
            if name not in self.processes or self.processes[name].poll() is not None:
                self.start(name)
        self.settled()
        time.sleep(rng.uniform(0.5, 0.5 + RETRY))  # anywhere between two renewals
        leader, other = self.settled()
        mark = len(self.server.writes)
        began = self._happens(mode, leader, other)

        def log() -> list[Write]:
            return self.server.writes[mark:]

        if mode == "wall clock":
            time.sleep(LEASE + RETRY)
            return Outcome(mode, None, two_leaders(log()), reigns(log()), len(refused(log())), 0.0)
        wait_for(lambda: other in reigns(log()), f"{mode}: {other} takes over")
        first = next(write.at for write in log() if write.writer == other and write.accepted)
        if mode == "SIGSTOP":
            time.sleep(max(0.0, began + 2 * LEASE - time.monotonic()))
            self.signal(leader, signal.SIGCONT)
            wait_for(lambda: refused(log()), "the late write arrives")
            late = [write.writer for write in refused(log())]
            assert late == [leader], late
        if mode in ("SIGKILL", "graceful stop"):
            self.processes[leader].wait(PATIENCE_SECONDS)
        self.server.faults.clear()
        written = [write for write in log() if write.accepted] if mode == "SIGSTOP" else log()
        return Outcome(mode, first - began, two_leaders(written), reigns(log()), len(refused(log())), 0.0)

    def _happens(self, mode: str, leader: str, other: str) -> float:
        """Returns when."""
        began = time.monotonic()
        if mode in FAULTS:
            self.server.faults[leader] = mode
        elif mode == "SIGKILL":
            self.signal(leader, signal.SIGKILL)
        elif mode == "graceful stop":
            self.signal(leader, signal.SIGTERM)
        elif mode == "wall clock":
            self.signal(leader, signal.SIGUSR1)
            self.signal(other, signal.SIGUSR2)
        else:
            self.signal(leader, signal.SIGALRM)
            wait_for(lambda: self.stopped(leader), "it stops between the gate and the wire")
        return began


@contextmanager
def watched() -> Iterator[list[float]]:
    """How late a thread was that wanted to run every hundredth of a second, at worst."""
    worst, ended = [0.0], threading.Event()

    def run() -> None:
        while True:
            before = time.monotonic()
            if ended.wait(0.01):
                return
            worst[0] = max(worst[0], time.monotonic() - before - 0.01)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield worst
    finally:
        ended.set()
        thread.join()


wait_for = partial(until, seconds=PATIENCE_SECONDS, pause=0.005)


def tried(mode: str, trials: int) -> list[Outcome]:
    rivals, rng = Rivals(), random.Random(mode)
    try:
        return [rivals.trial(mode, rng) for _ in range(trials)]
    finally:
        rivals.close()


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_whatever_happens_to_the_leader_there_are_never_two(reached: Reached) -> None:
    """225 trials: 0.00 s of two leaders, a takeover within lease + 2 retries, within a second after a graceful stop."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = [one for of_mode in pool.map(lambda mode: tried(mode, TRIALS), MODES) for one in of_mode]
    assert len(outcomes) == TRIALS * len(MODES)
    assert max(one.both for one in outcomes) == 0
    assert [one for one in outcomes if len(one.reigns) > (1 if one.mode == "wall clock" else 2)] == []
    late = {mode: sum(one.late for one in outcomes if one.mode == mode) for mode in MODES}
    assert late == {mode: TRIALS if mode == "SIGSTOP" else 0 for mode in MODES}
    timed = [one for one in outcomes if one.takeover is not None and one.held_up <= MOST_HELD_UP]
    assert len(timed) > len(outcomes) / 3, "this machine is too busy to time anything"
    graceful = [one.takeover or 0.0 for one in timed if one.mode == "graceful stop"]
    others = [one.takeover or 0.0 for one in timed if one.mode != "graceful stop"]
    assert max(graceful) <= 1
    assert max(others) <= LEASE + 2 * RETRY
    took = f"takeover {min(others):.1f} to {max(others):.1f} s, after a graceful stop at most {max(graceful):.2f} s"
    refusals = f"{late['SIGSTOP']} of {TRIALS} late writes refused"
    size = f"{len(outcomes)} trials, lease 3/2/0.4 s; {len(timed)} timed, in which the machine was never late by 0.1 s"
    reached("T6", size, f"two-leader time 0.00 s; {took}; {refusals}")
