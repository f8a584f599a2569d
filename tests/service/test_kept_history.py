"""A service whose history is kept decides what one decides that reads it anew each time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ahpa.core.decision import Decision
from ahpa.history.kept import Kept
from ahpa.history.store import Keeping
from ahpa.ports import ClusterError
from ahpa.service.growing import LearnAsItGrows
from ahpa.service.rounds import Service
from ahpa.service.settings import Settings
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.service.stage import NOW, SETTINGS, add_knative, always, morning, staged


def demand(now: float) -> float:
    """In float32 the same. Each second half of an hour has more, so that floors move where nothing is lost, too."""
    return float(round(morning(now))) + 28.0 * (now % 3600 >= 1800)


def a_morning(*, kept: bool) -> list[dict[str, Decision]]:
    """Two hours with a refit now and then, an outage in which no plan is followed, a warning, a clock that differs."""
    settings = replace(SETTINGS, limits=replace(SETTINGS.limits, follow_seconds=0.0))
    kube, prometheus = FakeKube(), FakePrometheus({"chat": demand, "other": demand})
    for name in ("chat", "other"):
        add_knative(kube, name, mode="apply")
    ports = staged(kube, prometheus).ports
    if kept:
        keeping = Keeping(SETTINGS.history_seconds, SETTINGS.step_seconds)
        ports = replace(ports, demand=Kept(prometheus, prometheus, keeping, stopwatch=lambda: 0.0))
    service = Service(settings, ports, always, lambda: 0.0)
    out = []
    for minute in range(120):
        now = NOW + 60 * minute
        prometheus.down = 20 <= minute < 40
        prometheus.warns = 50 <= minute < 60
        prometheus.skew = 90.0 if 70 <= minute < 75 else 0.0
        if minute % 30 == 0:
            service.refit(now)
        out.append({decision.key: decision for decision in service.tick(now)})
    return out


def test_all_decisions_are_the_same() -> None:
    """Also each sentence: problems, doubts and the skew are those of the round."""
    directly, by_memory = a_morning(kept=False), a_morning(kept=True)
    assert len({each.floor for round_ in directly for each in round_.values()}) > 3
    assert by_memory == directly


class Growing:
    """Jobs, and a history that has grown."""

    settings = Settings()
    idle = False
    grown = True
    fails = False

    def refit(self, now: float) -> None:
        if self.fails:
            raise ClusterError(0, "nothing can be listed")
        self.grown = False

    def tick(self, now: float) -> None: ...

    def take_wish(self, job: str) -> bool:
        return False


@pytest.mark.parametrize("job", ["refit", "tick"])
def test_a_refit_is_wished_for_when_the_history_has_grown_and_takes_a_quarter_of_the_time(job: str) -> None:
    growing, now = Growing(), 0.0
    times = iter([0.0, 0.0, 10.0, 39.0, 40.0])
    jobs = LearnAsItGrows(growing, growing, lambda: next(times))
    assert jobs.take_wish(job) == (job == "refit")
    if job == "refit":
        jobs.refit(now)
        growing.grown = True
        assert [jobs.take_wish(job) for _ in range(2)] == [False, True]


def test_a_refit_that_fails_is_not_wished_for_again_at_once() -> None:
    """The loop asks each second, and nothing was learned: the history has still grown."""
    growing = Growing()
    growing.fails = True
    now = 0.0
    jobs = LearnAsItGrows(growing, growing, lambda: now)
    with pytest.raises(ClusterError):
        jobs.refit(now)
    for at, wished in ((1.0, False), (59.0, False), (60.0, True)):
        now = at
        assert jobs.take_wish("refit") == wished
