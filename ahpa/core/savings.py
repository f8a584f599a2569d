"""What it saved, as people read it: the course that really was, beside those that would have been without us.

A service meets each minute once. What it really had is measured; what it would have had otherwise is a model in minutes
(courses.py). How far that model is from the truth is known of the one course that really was, which it follows too:
that difference is the interval of all that it says (docs/decisions/0082-what-it-saved.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Estimate:
    """A figure, and between what it lies; all three are the same where it was measured."""

    value: float
    low: float
    high: float

    @staticmethod
    def exactly(value: float) -> Estimate:
        """Nothing about it is estimated."""
        return Estimate(value, value, value)

    def __add__(self, other: Estimate) -> Estimate:
        """The same model says both, so their errors have one sign: bounds are added to bounds."""
        return Estimate(self.value + other.value, self.low + other.low, self.high + other.high)

    def __sub__(self, other: Estimate) -> Estimate:
        return Estimate(self.value - other.value, self.low - other.high, self.high - other.low)


NOTHING = Estimate.exactly(0.0)


@dataclass(frozen=True)
class Evidence:
    """What the model can be held against: the course that really was, in all minutes that are counted."""

    hours: float
    """Replica-hours that were measured, and those that the model says of them."""
    hours_modelled: float
    late: float
    """Late requests, likewise, of so many `requests`."""
    late_modelled: float
    requests: float


_OFF, _OFF_REPLICAS, _OFF_MOST = 0.02, 0.6, 0.6
"""Replica-hours are off by two hundredths, by six tenths of a replica (a minute's mean does not show what happens
within it), by as much as they were off of what really was, and by some times the share that was late: a scaler that
meets queues is as uncertain as they are. By six tenths at most."""
_FEWER, _MORE = 10.0, 3.5
"""So many times that share fewer replicas there may really be, and so many times more."""
_LATE_LEAST, _LATE_LIKELY, _LATE_MOST = 1 / 8, 1.2, 2.5
"""Of the late requests that the model says at least so many there are, hardly more than so many, and at most so many:
it is a pessimist."""
_LATE_OFF = 0.0005
"""Of all requests, besides."""
_UNMEASURED = 2.5
"""By so much the share that is worked out from what is ready is off (lateness.py)."""
_MEASURED = 0.9
"""From this share on that is measured, it is measured."""


def hours_like(said: float, counted: float, late_ratio: float, known: Evidence) -> Estimate:
    """Replica-hours in so many hours `counted`, where the model `said` so many and so large a share late."""
    if not said:
        return NOTHING
    apart = abs(known.hours / known.hours_modelled - 1) if known.hours_modelled else 0.0
    off = _OFF + _OFF_REPLICAS * counted / said + apart
    low, high = (min(_OFF_MOST, off + times * late_ratio) for times in (_FEWER, _MORE))
    return Estimate(said * (1 + (high - low) / 2), said * (1 - low), said * (1 + high))


def late_like(said: float, requests: float, measured: float, known: Evidence) -> Estimate:
    """Late requests of so many, where the model `said` so many, and of a share of all it was measured."""
    off, few = _LATE_OFF * requests, _LATE_OFF * known.requests
    found = (known.late + few / 2) / (known.late_modelled + few) if few else 1 / 2
    value = said * min(max(found, _LATE_LEAST), _LATE_LIKELY)
    more = 1.0 if measured >= _MEASURED else _UNMEASURED
    return _of(requests, value, said * _LATE_LEAST / more - off, said * _LATE_MOST * more + off)


def late_actual(late: float, requests: float, measured: float) -> Estimate:
    """Late requests that there really were; where they were not measured they are worked out."""
    if measured >= _MEASURED:
        return Estimate.exactly(late)
    off = _LATE_OFF * requests
    return _of(requests, late, late / _UNMEASURED - off, late * _UNMEASURED + off)


def _of(requests: float, value: float, low: float, high: float) -> Estimate:
    """No fewer than none, and no more than all."""
    return Estimate(*(min(max(each, 0.0), requests) for each in (value, low, high)))


@dataclass(frozen=True)
class Course:
    """What one way of scaling has cost, and how many requests were late."""

    replica_hours: Estimate = NOTHING
    """From asked for to gone."""
    late_requests: Estimate = NOTHING
    """Of a demand that counts no requests, in its unit times minutes: only their share means anything."""

    def __add__(self, other: Course) -> Course:
        return Course(self.replica_hours + other.replica_hours, self.late_requests + other.late_requests)

    def __sub__(self, other: Course) -> Course:
        return Course(self.replica_hours - other.replica_hours, self.late_requests - other.late_requests)


@dataclass(frozen=True)
class Account:
    """Minutes of one kind, and what came of them in each course: those in which floors of ours were in force, or those
    in which we only said what they would be."""

    hours: float = 0.0
    """So much was observed and is counted in every course."""
    requests: float = 0.0
    measured: float = 0.0
    """Requests of which somebody measured whether they were late; of the others it was worked out from what was
    ready."""
    actual: Course = Course()
    """What it really had."""
    reactive: Course = Course()
    """What its own scaler alone would have had, above its owner's own minimum. Without our floors that is `actual`."""
    advised: Course = Course()
    """What it would have had with the floors that we decided. Where those were in force that is `actual`."""
    fixed: Course = Course()
    """What it would have had above the smallest constant floor that kept the late target on the days before."""

    def __add__(self, other: Account) -> Account:
        return Account(
            self.hours + other.hours,
            self.requests + other.requests,
            self.measured + other.measured,
            self.actual + other.actual,
            self.reactive + other.reactive,
            self.advised + other.advised,
            self.fixed + other.fixed,
        )


@dataclass(frozen=True)
class Saving:
    """One service, or a fleet, since it is counted."""

    key: str
    """That of its target; empty for a fleet."""
    since: float
    """Unix seconds."""
    until: float
    acted: Account
    """What was really done. `reactive - actual` and `fixed - actual` were saved."""
    watched: Account
    """What was only thought of (observe, dry run): `actual - advised` would have been saved."""
    counted: bool = True
    """Whether its demand counts requests, so that a number of late ones can be told and not only their share."""
    services: int = 1

    @property
    def unobserved_hours(self) -> float:
        """Of which nothing is said: no demand was observed, its data were doubted, or the model had just begun."""
        return max(0.0, (self.until - self.since) * self.services / 3600 - self.acted.hours - self.watched.hours)


def fleet(savings: Iterable[Saving]) -> Saving | None:
    """All together, late requests only of those whose demand counts them; None where there are none."""
    found = list(savings)
    if not found:
        return None
    acted, watched = Account(), Account()
    for one in found:
        acted += one.acted if one.counted else _without_requests(one.acted)
        watched += one.watched if one.counted else _without_requests(one.watched)
    since, until = min(one.since for one in found), max(one.until for one in found)
    return Saving("", since, until, acted, watched, any(one.counted for one in found), len(found))


def _without_requests(account: Account) -> Account:
    def hours(course: Course) -> Course:
        return Course(course.replica_hours)

    return replace(
        account,
        requests=0.0,
        measured=0.0,
        actual=hours(account.actual),
        reactive=hours(account.reactive),
        advised=hours(account.advised),
        fixed=hours(account.fixed),
    )
