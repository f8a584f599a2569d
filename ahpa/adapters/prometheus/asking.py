"""One reading: questions asked, answers laid into the rows of those whose they are, and what fails parted.

A question of several queries that fails as a whole, for whatever reason, is asked again in halves, down to single ones:
so a bad query harms nobody but itself, and one that is too large becomes small enough. What that may cost is bounded.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ahpa.adapters.prometheus.questions import Question
from ahpa.adapters.prometheus.ranges import Ranges
from ahpa.adapters.prometheus.samples import fill, labels_of, name_of, samples_of
from ahpa.adapters.prometheus.session import MetricsUnavailable, NoAnswer
from ahpa.core.counters import WAY_OUT, Course, course
from forecasting.panel import Floats

MAX_POINTS = 10_000
"""Of one range; Prometheus refuses more than 11,000."""
MOST_SAMPLES = 50_000
"""Of an answer that holds nothing but what was asked for."""
MOST_SERIES = 100
"""That a server is asked for (`limit`) beyond those that are wanted; a query of several is a mistake."""
PATIENCE = 8
"""If the server gave no answer to so many requests and to no other, the rest of a reading is not asked."""
_UNANSWERED, _REFUSED, _PARTED = 2, 64, 256
"""Questions are parted until so many had no answer, or were refused, and none had a good one; and never more than so
many: a server that refuses everything is not asked ten thousand times."""


@dataclass(frozen=True, eq=False)
class Demand:
    """One service's demand on a grid, and how far it may be trusted."""

    values: Floats
    """Shape [t]; NaN where nothing was observed or the value was unbelievable."""
    problem: str | None = None
    """Why nothing was read, or None."""
    partial: bool = False
    """The server warned that the answer may be incomplete."""
    asked: bool = True
    remarks: tuple[str, ...] = ()
    """What the server said of its answer, in words."""


@dataclass(eq=False)
class Asking:
    """Asks on several threads; knows whether the server answers at all."""

    ranges: Ranges
    rows: Mapping[str, Floats]
    """By query: where its demand is laid, shape [t], NaN before."""
    start: float
    step: float
    deadline: float
    guilty: set[str] = field(default_factory=set)
    """Queries that are bad company: they failed by themselves, though the server was there, or come with a warning."""
    _good: threading.Event = field(default_factory=threading.Event)
    _refused: list[Question] = field(default_factory=list)
    _unanswered: list[Question] = field(default_factory=list)
    _parted: list[Question] = field(default_factory=list)
    _skews: list[float] = field(default_factory=list)

    @property
    def skew(self) -> float:
        """As `Reading` says: the worst that any answer told."""
        return max(self._skews, key=abs, default=0.0)

    def ask(self, question: Question) -> dict[str, Demand]:
        """The demand of each of its queries."""
        found: dict[str, Demand] = {}
        stuck: list[Question] = []
        ahead = [question]
        while ahead:
            one = ahead.pop()
            answered, failed = self._asked_once(one)
            found |= answered
            if failed and self._may_part():
                ahead += self._halves(one)
            elif failed:
                stuck.append(one)
            if not ahead and stuck and self._good.is_set() and self._may_part():
                ahead += self._halves(stuck.pop())  # the server is there after all
        return found

    def _asked_once(self, question: Question) -> tuple[dict[str, Demand], bool]:
        """And whether it failed and could be parted."""
        if len(self._unanswered) >= PATIENCE and not self._good.is_set() and not self._refused:
            why = f"not asked: no answer to the first {len(self._unanswered)} requests"
            return self._none(question, why, asked=False), False
        if time.monotonic() >= self.deadline:
            return self._none(question, "not asked: the round's time was over", asked=False), False
        self.ranges.forget_skew()
        try:
            found = self.answer(question)
        except MetricsUnavailable as error:
            return self._failed(question, error), len(question.members) > 1
        finally:
            self._skews.append(self.ranges.skew)
        self._good.set()
        if len(found) == 1 and _of_a_query(next(iter(found.values())).remarks):
            self.guilty |= found.keys()  # it would make all its company partial
        return found, False

    def _failed(self, question: Question, error: MetricsUnavailable) -> dict[str, Demand]:
        silent, first = isinstance(error, NoAnswer), question.members[0].text
        (self._unanswered if silent else self._refused).append(question)
        for one in question.members:
            self.rows[one.text][:] = np.nan
        if len(question.members) > 1:
            return self._none(question, f"{error} (asked together with {len(question.members) - 1} others)")
        if time.monotonic() < self.deadline and (self._good.is_set() or not silent):
            self.guilty.add(first)
        return self._none(question, str(error))

    def _may_part(self) -> bool:
        hopeless = len(self._unanswered) >= _UNANSWERED or len(self._refused) >= _REFUSED
        allowed = len(self._parted) < _PARTED and (self._good.is_set() or not hopeless)
        return allowed and time.monotonic() < self.deadline

    def _halves(self, question: Question) -> tuple[Question, Question]:
        """The first one last, from where it is taken next."""
        self._parted.append(question)
        left, right = question.halves()
        return right, left

    def _none(self, question: Question, why: str, asked: bool = True) -> dict[str, Demand]:
        return {one.text: Demand(self.rows[one.text], why, asked=asked) for one in question.members}

    def answer(self, question: Question) -> dict[str, Demand]:
        """Each query's demand, in its row. Raises MetricsUnavailable where the question has no answer as a whole."""
        taken = {one.text: _Taken(self.rows[one.text], self.start, self.step) for one in question.members}
        points = len(next(iter(taken.values())).row)
        at_once = max(1, min(MAX_POINTS, MOST_SAMPLES // len(taken)))
        remarks: dict[str, None] = {}
        warned = False
        for first in range(0, points, at_once):
            last = min(first + at_once, points)
            # Chunks share no point: a chunk asks for the samples that close its own steps.
            span = (self.start + (first + 1) * self.step, self.start + last * self.step)
            several = len(taken) > 1
            limit = MOST_SERIES + 2 * len(taken) * several
            said = self.ranges.ask(question.form.text, span, self.step, self.deadline, limit=limit, long=several)
            if several and len(said.series) >= limit:
                raise MetricsUnavailable(f"{len(said.series)} series for {len(taken)} queries")
            if several and not question.alike and _of_a_query(said.remarks):
                raise MetricsUnavailable(said.remarks[0])
            for text, series in _by_query(question, said.series).items():
                taken[text].take(series)
            warned |= said.warned
            remarks |= dict.fromkeys(said.remarks)
        told = tuple(remarks)
        return {text: Demand(one.row, one.verdict(), warned, remarks=told) for text, one in taken.items()}


def _of_a_query(remarks: tuple[str, ...]) -> bool:
    """Whether the server warns of the text of a query, and not of its own state (promql/annotations of Prometheus)."""
    return any(one.startswith("PromQL warning") for one in remarks)


def _by_query(question: Question, found: list[object]) -> dict[str, list[object]]:
    """The series of each query. What nobody asked for is left out, as a lifted query may see more than was asked."""
    labels, texts = question.form.labels, question.form.texts
    if not labels:
        return {texts[()]: found}
    series_of: dict[str, list[object]] = {}
    for series in found:
        said = labels_of(series)
        if not said.keys() >= set(labels):
            raise MetricsUnavailable(f"a series of the answer lacks the labels {', '.join(labels)}")
        text = texts.get(tuple(str(said[label]) for label in labels))
        if text is not None:
            series_of.setdefault(text, []).append(series)
    return series_of


@dataclass(eq=False)
class _Taken:
    """What was found of one query."""

    row: Floats
    start: float
    step: float
    problem: str | None = None
    name: str = ""

    def take(self, found: list[object]) -> None:
        """The series of one chunk, which should be one."""
        if self.problem is not None or not found:
            return
        try:
            if len(found) > 1:
                samples_of(found[0])
                raise MetricsUnavailable(f"the query gave {len(found)} series; aggregate them to one, with sum() say")
            self.name = name_of(found[0])
            fill(self.row, samples_of(found[0]), self.start, self.step)
        except MetricsUnavailable as error:
            self.problem = str(error)

    def verdict(self) -> str | None:
        """Why nothing of it may be believed; the row is then empty."""
        if self.problem is None and course(self.row, self.name) is Course.COUNTER:
            self.problem = f"the query {WAY_OUT}"
        if self.problem is not None:
            self.row[:] = math.nan
        return self.problem
