"""Electors in virtual time: the rules of `ahpa.core.election` under delays, losses, repeats, pauses, odd stopwatches.

They do what `ahpa.service.elector` does, one request after the other. How long a message takes, and which are lost or
come twice, says a `random.Random`, which Hypothesis chooses.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from ahpa.core.election import Record, Step, Terms, View, next_step, open_until, saw, written, wrote

LEASE, DIGITS = "ahpa-0", "0123456789abcdef"
FENCE_SECONDS = 0.1


@dataclass
class Server:
    """One lease, whose every write names the version that it saw."""

    record: Record = field(default_factory=Record)
    versions: int = 0
    taken: int = 0

    def write(self, wish: Record) -> Record | None:
        """None: a conflict."""
        if wish.version != self.record.version:
            return None
        self.versions += 1
        self.taken += wish.holder != self.record.holder
        self.record = replace(wish, version=str(self.versions))
        return self.record


@dataclass
class Elector:
    """One process; `rate` is how fast its stopwatch runs, `offset` what it showed at the beginning."""

    name: str
    rate: float
    offset: float
    view: View | None = None
    asked: int = 0
    """The request whose answer is awaited; an answer to an older one comes too late."""
    paused_until: float = 0.0
    open: list[tuple[float, float]] = field(default_factory=list)
    """When its gate was open, in true time."""
    since: float = 0.0

    def clock(self, at: float) -> float:
        return self.offset + self.rate * at

    def becomes(self, view: View | None, at: float, terms: Terms) -> None:
        """Until now the gate stood as the old view says, whether or not the process ran."""
        if self.view is not None and self.view.renewed_at > -math.inf:
            begins = max(self.since, (self.view.opens_at - self.offset) / self.rate)
            ends = min(at, (open_until(self.view, terms) - self.offset) / self.rate)
            self.open += [(begins, ends)] * (begins < ends)
        self.view, self.since = view, at


class Drama:
    """These electors under faults; `trouble` is the share of messages and moments that something happens to."""

    def __init__(self, random: Random, terms: Terms, electors: list[Elector], trouble: float) -> None:
        self.random, self.terms, self.electors, self.trouble = random, terms, electors, trouble
        self.server = Server()
        self._ahead: list[tuple[float, int, Callable[[float], None]]] = []
        self._count = itertools.count()

    def play(self, seconds: float) -> None:
        for one in self.electors:
            self._look_at(one, self.random.uniform(0, 1))
        while self._ahead and self._ahead[0][0] < seconds:
            at, _, happens = heapq.heappop(self._ahead)
            happens(at)
        for one in self.electors:
            one.becomes(one.view, seconds, self.terms)

    def overlaps(self) -> list[tuple[float, float]]:
        """When two gates were open."""
        stretches = sorted((*stretch, one.name) for one in self.electors for stretch in one.open)
        pairs = itertools.combinations(stretches, 2)
        return [(b[0], min(a[1], b[1])) for a, b in pairs if a[2] != b[2] and b[0] < a[1] - 1e-9]

    def _then(self, at: float, happens: Callable[[float], None]) -> None:
        heapq.heappush(self._ahead, (at, next(self._count), happens))

    def _awake(self, one: Elector, at: float, happens: Callable[[float], None]) -> None:
        """Once the process runs again."""
        self._then(max(at, one.paused_until), happens)

    def _bad(self) -> bool:
        return self.random.random() < self.trouble

    def _long(self) -> float:
        return self.random.uniform(0, 2 * self.terms.lease_seconds)

    def _delay(self) -> float:
        return self._long() if self._bad() else self.random.uniform(0, 0.05)

    def _look_at(self, one: Elector, at: float) -> None:
        self._awake(one, at, lambda at: self._look(one, at))

    def _look(self, one: Elector, at: float) -> None:
        if at < one.paused_until or self._bad():  # it is stopped, as by SIGSTOP
            one.paused_until = max(one.paused_until, at + self._long())
            self._look_at(one, one.paused_until)
        else:
            self._send(one, at, lambda: self.server.record, lambda record, at: self._read(one, record, at))

    def _send(
        self,
        one: Elector,
        at: float,
        request: Callable[[], Record | None],
        answered: Callable[[Record | None, float], None],
    ) -> None:
        """A request, whose answer counts only within the time limit; lost, or done twice, where there is trouble."""
        one.asked += 1
        number = one.asked

        def arrives(at: float) -> None:
            answer = request()
            if not self._bad():
                self._then(at + self._delay(), lambda at: self._awake(one, at, lambda at: heard(answer, at)))

        def heard(answer: Record | None, at: float) -> None:
            if number == one.asked:
                one.asked += 1
                answered(answer, at)

        def gives_up(at: float) -> None:
            if number == one.asked:
                one.asked += 1
                self._look_at(one, at)

        for _ in range(0 if self._bad() else 2 if self._bad() else 1):
            self._then(at + self._delay(), arrives)
        patience = self.terms.renew_seconds / 4 / one.rate
        self._then(at + patience, lambda at: self._awake(one, at, gives_up))

    def _read(self, one: Elector, record: Record | None, at: float) -> None:
        assert record is not None
        view = saw(one.view, record, one.name, one.clock(at))
        one.becomes(view, at, self.terms)
        step = next_step(LEASE, {LEASE: view}, DIGITS, one.name, one.clock(at), self.terms)
        if step is Step.WAIT:
            self._look_at(one, at + self.terms.retry_seconds / 2)
            return
        wish, sent = written(step, view.record, DIGITS, one.name, self.terms), one.clock(at)
        later = at + self._long() if self._bad() else at  # it is stopped between the clock and the wire
        answered = lambda record, at: self._wrote(one, record, sent, at)  # noqa: E731
        self._send(one, later, lambda: self.server.write(wish), answered)

    def _wrote(self, one: Elector, record: Record | None, sent: float, at: float) -> None:
        if record is not None and one.view is not None:
            one.becomes(wrote(one.view, record, sent, one.clock(at), FENCE_SECONDS), at, self.terms)
        self._look_at(one, at + self.terms.retry_seconds / 2)
