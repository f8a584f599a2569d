"""The thread that keeps leases: it looks, renews, takes, hands over, gives back. The rules are in `core/election.py`.

It holds no lock while it asks the API server, and what it knows is swapped whole, so the gate never waits for it: if
the server hangs, or this thread gets no turn, the gate shuts by the stopwatch alone.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from ahpa.core.election import (
    Record,
    Step,
    Terms,
    View,
    given_back,
    may_write,
    next_step,
    open_until,
    over_at,
    saw,
    written,
    wrote,
)
from ahpa.core.shards import lease_of, to_ask_for
from ahpa.core.sight import Sight
from ahpa.ports import ClusterError

FENCE_SECONDS = 0.1
"""A new holder's first write comes so long after its lease: until then the API server's fence may still let the former
holder through (docs/decisions/0067-the-fence-of-a-lease.md: for 10 ms at most)."""
LOOK_SECONDS = 0.5
"""Who waits for a lease looks at least so often: one that was given back is taken within a second."""


def stopwatch() -> float:
    """Seconds that go on while the machine is suspended, as those of the others do (CLOCK_MONOTONIC stands still)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class LeaseStore(Protocol):
    """Where leases are kept. An answer that takes longer than `seconds` is none."""

    def read(self, seconds: float) -> Mapping[str, Record]:
        """All of ours that there are, by name; never from a cache. Raises ClusterError."""
        ...

    def write(self, name: str, record: Record, seconds: float) -> Record:
        """Make it this, if it still has the version that `record` names; returns it with its new one. Raises
        ClusterError; 409: somebody else was first."""
        ...


class Herald(Protocol):
    """What is told of leases."""

    def log(self, event: str, level: int = logging.INFO, **fields: object) -> None: ...

    def fault(self, event: str, **fields: object) -> None: ...

    def led(self, lease: str, holds: bool) -> None:
        """This process came to hold a lease, or lost it; told once of each at the start."""
        ...


class Elector:
    """Implements `Leases` for one process, `me`, which no other is called."""

    def __init__(
        self,
        store: LeaseStore,
        me: str,
        leases: Mapping[str, str],
        terms: Terms,
        herald: Herald,
        clock: Callable[[], float] = stopwatch,
        ready: Callable[[], bool] = lambda: True,
        sight: Callable[[], Sight] = Sight,
    ) -> None:
        """`leases`: the digits that each covers, by its name (`ahpa.core.shards.shards`). Until it is `ready` it takes
        none: who has just begun knows nothing yet, and another may. `sight`: whether it can read any demand."""
        self._store, self._me, self._leases, self._terms = store, me, dict(leases), terms
        self._herald, self._clock, self._ready, self._sight = herald, clock, ready, sight
        self._views: Mapping[str, View] = {}
        self._free = threading.Condition()
        self._writes: Counter[str] = Counter()
        self._shut: set[str] = set()
        """Leases that are being given back: no write begins any more, until we wrote the lease itself."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
        self._told: dict[str, bool] = {}
        self._problem, self._told_problem = "", False
        self._gained = threading.Event()
        self.reigns = 0

    # What the service asks

    def gained(self) -> bool:
        was = self._gained.is_set()
        self._gained.clear()
        return was

    @property
    def share(self) -> float:
        return 1.0 if len(self._leases) == 1 else len(self._mine()) / len(self._leases)

    def plans(self, uid: str) -> bool:
        return len(self._leases) == 1 or lease_of(uid, self._leases) in self._mine()

    def holds(self, uid: str) -> bool:
        return self._may_write(lease_of(uid, self._leases))

    @contextmanager
    def writing(self, uid: str) -> Iterator[bool]:
        name = lease_of(uid, self._leases)
        with self._free:
            allowed = self._may_write(name)
            self._writes[name] += allowed
        try:
            yield allowed
        finally:
            with self._free:
                self._writes[name] -= allowed
                self._free.notify_all()

    def seconds_left(self) -> float:
        """How long a write may take that begins now: until the first lease of ours would be over."""
        held = [name for name in self._views if self._may_write(name)]
        return min((open_until(self._views[name], self._terms) for name in held), default=-math.inf) - self._clock()

    # Its life

    def start(self) -> None:
        for name in self._leases:
            self._tell(name, False)
        self._thread.start()

    def stop(self) -> None:
        """Write no more, wait for the write that is under way, and give all leases back: the next leader need not wait
        for their end. Raises nothing; takes a few seconds at most."""
        self._stop.set()  # which shuts all gates
        if self._thread.is_alive():
            self._thread.join(3 * self._patience)
        try:
            self._see()  # one may have been handed to us a moment ago
            for name in filter(self._shut_gate, self._mine()):
                self._store.write(name, given_back(self._views[name].record), self._patience)
        except ClusterError as error:  # then they end by themselves
            self._herald.log("lease.kept", logging.WARNING, problem=str(error))
        for name in self._leases:
            self._tell(name, False)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._stop.wait(self.look())
            except Exception:  # a fault of ours: the gate shuts by itself
                self._herald.fault("lease.failed")
                self._stop.wait(self._terms.retry_seconds)

    def look(self) -> float:
        """Renew, see who holds what, do what follows. Returns how many seconds to wait before the next look."""
        took = False
        self._problem = ""
        try:
            for name in self._mine():
                if self._next(name) is Step.RENEW:
                    self._do(name, Step.RENEW)
            self._see()
            for name in [*self._leases, *(self._views.keys() - self._leases.keys())]:
                step = self._next(name)
                if step is Step.WAIT or (step is Step.TAKE and not self._ready()):
                    continue
                took |= self._do(name, step) and step is Step.TAKE
            self._ask()
        except ClusterError as error:
            self._problem = str(error)
        self._tell_of_problem()
        now = self._clock()
        for name in self._leases:
            self._tell(name, self._may_write(name))
        idle = self._terms.retry_seconds if len(self._mine()) == len(self._leases) else self._between
        ahead = [moment for view in self._views.values() for moment in (view.opens_at, over_at(view, self._terms))]
        return 0.0 if took else min([idle, *(moment - now for moment in ahead if moment > now)])

    # Its parts

    @property
    def _patience(self) -> float:
        """For one answer: several tries must fit into the renew deadline, whatever hangs."""
        return self._terms.renew_seconds / 4

    @property
    def _between(self) -> float:
        return min(self._terms.retry_seconds / 4, LOOK_SECONDS)

    def _mine(self) -> list[str]:
        return [name for name, view in self._views.items() if view.record.holder == self._me]

    def _may_write(self, name: str) -> bool:
        view = self._views.get(name)
        shut = self._stop.is_set() or name in self._shut
        return view is not None and not shut and may_write(view, self._clock(), self._terms)

    def _see(self) -> None:
        found = self._store.read(self._patience)
        at = self._clock()
        names = self._leases.keys() | found.keys() | self._views.keys()
        self._views = {name: saw(self._views.get(name), found.get(name, Record()), self._me, at) for name in names}

    def _next(self, name: str) -> Step:
        return next_step(name, self._views, self._leases.get(name), self._me, self._clock(), self._terms)

    def _do(self, name: str, step: Step) -> bool:
        """Whether it was done; another may have been first, or this lease alone be refused. Raises ClusterError where
        there was no answer: the others would wait for theirs in vain."""
        if self._stop.is_set() or (step is Step.HAND_OVER and not self._shut_gate(name)):
            return False
        view, sent = self._views[name], self._clock()
        wish = written(step, view.record, self._leases.get(name, ""), self._me, self._terms, self._sight().blind)
        try:
            record = self._store.write(name, wish, self._patience)
            done = self._clock()
            mine = record.holder == self._me
            self.reigns += mine and view.renewed_at == -math.inf
            view = wrote(view, record, sent, done, FENCE_SECONDS) if mine else saw(view, record, self._me, done)
            self._views = {**self._views, name: view}
            self._shut.discard(name)  # not where it failed: a hand-over that nobody answered may be done all the same
        except ClusterError as error:
            if not error.status:
                raise
            if error.status != 409:
                self._problem = str(error)
            return False
        return True

    def _ask(self) -> None:
        ours = {name: view for name, view in self._views.items() if name in self._leases}
        name = to_ask_for(ours, self._me, self._clock(), self._terms, self._sight())
        if name is None or not self._ready():
            return
        try:  # no sign of life of its holder, so not its beat
            self._store.write(name, replace(ours[name].record, asked_by=self._me), self._patience)
            if ours[name].record.blind:
                self._herald.log("lease.asked_for", lease=name, holder=self._holder(name), problem="it reads no demand")
        except ClusterError as error:
            if error.status != 409:
                raise

    def _shut_gate(self, name: str) -> bool:
        """No write begins under this lease any more. False, and open again: one that is under way does not end."""
        with self._free:
            self._shut.add(name)
            ended = self._free.wait_for(lambda: self._writes[name] == 0, self._patience)
            if not ended:
                self._shut.discard(name)
            return ended

    # What it tells

    def _tell(self, name: str, holds: bool) -> None:
        if self._told.get(name) == holds:
            return
        if name in self._told:
            self._herald.log("lease.gained" if holds else "lease.lost", lease=name, holder=self._holder(name))
        self._told[name] = holds
        self._herald.led(name, holds)
        if holds:
            self._gained.set()

    def _holder(self, name: str) -> str:
        view = self._views.get(name)
        return view.record.holder if view is not None else ""

    def _tell_of_problem(self) -> None:
        """An outage is told of once when it begins and once when it is over."""
        if self._problem and not self._told_problem:
            self._herald.log("lease.unreachable", logging.WARNING, problem=self._problem)
        if self._told_problem and not self._problem:
            self._herald.log("lease.reachable")
        self._told_problem = bool(self._problem)
