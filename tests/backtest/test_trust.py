"""Claims about the freeze of a fleet in the backtest: it is the service's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from ahpa.backtest.foresight import Foresight
from ahpa.backtest.run import Job, run
from ahpa.backtest.series import joined, prepared
from ahpa.backtest.sweep import Question
from ahpa.backtest.trust import NEVER, Freeze, freeze_of, limits_for, observed
from ahpa.core.observation import Observation, Workload
from ahpa.core.policy.values import Parsed, Policy
from ahpa.core.readiness import Lag, Readiness
from ahpa.core.trust import distrusted, frozen_tenants
from ahpa.simulation.outcome import Run
from forecasting.executor import Serial
from forecasting.panel import Floats, Panel
from tests.backtest.examples import DAY, SETTING, Spread, foreseen, waves

LOST = slice(3 * DAY + 1190, 3 * DAY + 1250)
"""The hour of the tested day from ten minutes before the load begins to fall, in minutes."""


def fleet(blind: int, of: int = 10) -> list[Panel]:
    """Services with the same daily wave, of which the first few are not observed for that hour."""
    out = []
    for number in range(of):
        whole = waves(4, 20.0 + number, f"s{number}")
        values = whole.values.copy()
        if number < blind:
            values[0, LOST] = np.nan
        out.append(Panel.of(0.0, 60.0, values, whole.keys))
    return out


def frozen_as_in_the_service(demand: Panel, said: Sequence[Foresight], ticks: Floats) -> list[bool]:
    """What `frozen_tenants` says of the round in which all services stand side by side."""
    until, coverage = observed(demand, ticks)
    lag = Readiness.single(Lag.of(180, 270))
    limits = limits_for(demand.step)
    out, trusted = [], set[str]()
    for tick, now in enumerate(ticks.tolist()):
        origins = [int(one.newest(np.array([now]))[0]) for one in said]
        outlooks = {key: one.outlook(o) for key, one, o in zip(demand.keys, said, origins, strict=True) if o >= 0}
        policy = Parsed(Policy(mode="apply"))
        workloads = tuple(
            replace(
                Workload(key, policy, 0, 0, 0, 0, 2.8, lag, float(u[tick]), float(c[tick])), was_trusted=key in trusted
            )
            for key, u, c in zip(demand.keys, until, coverage, strict=True)
        )
        observation = Observation(now, 60.0, workloads, outlooks, limits)
        trusted |= {w.key for w in workloads if distrusted(w, observation) is None}
        out.append(bool(frozen_tenants(observation)))
    return out


@pytest.mark.parametrize("blind", [4, 5, 10])
def test_it_freezes_when_the_service_would(blind: int) -> None:
    """Also while the model has nothing to say of a service, and after the gap while the last hour is not whole."""
    series, _ = prepared(fleet(blind), 1.0, 1.0)
    demand, span = joined(series)
    said = foreseen(demand, span)
    found = freeze_of(demand, said, span.first, span.end)
    ticks = span.first + 60.0 * np.arange(len(found.ticks))
    assert found.ticks.tolist() == frozen_as_in_the_service(demand, said, ticks)
    assert found.ticks.any() == (blind > 4)


def floors(blind: int) -> dict[str, Floats]:
    """Each service's floor, minute by minute of the tested day."""
    series, _ = prepared(fleet(blind), 1.0, 1.0)
    courses: dict[str, Run] = {}

    def sink_of(name: str) -> Sink:
        return Sink(name, courses)

    job = Job(SETTING, Question(quantile=0.99, sweep=False), ("ahpa",))
    assert len(list(run(series, Spread(), job, Serial(), sink_of))) == 10
    return {name: course.floor for name, course in courses.items()}


class Sink:
    def __init__(self, name: str, courses: dict[str, Run]) -> None:
        self.name = name
        self.courses = courses

    def packed(self, course: Run) -> dict[str, bytes]:
        self.courses[self.name] = course
        return {}

    def write(self, files: Mapping[str, bytes]) -> None:
        assert not files


def lowered(floor: Floats) -> list[int]:
    """Minutes in which a floor fell, within those of the gap in which its data are stale."""
    return [m for m in range(1200, 1250) if floor[m] < floor[m - 1]]


def test_with_half_a_fleet_blind_nothing_is_lowered_and_with_less_the_others_are() -> None:
    """Of ten, five are more than three tenths and enough to freeze; four are too few. The load of s9 falls."""
    assert lowered(floors(5)["s9"]) == []
    assert lowered(floors(4)["s9"])


def test_a_service_alone_is_never_frozen_and_nobody_beyond_what_is_known() -> None:
    ticks = 60.0 * np.arange(4)
    assert NEVER.at(ticks) == [False] * 4
    assert Freeze(60.0, np.array([True, False])).at(ticks) == [False, True, False, False]


def test_a_service_counts_from_when_it_can_first_be_trusted() -> None:
    """Five young ones beside five old: neither before they came nor while the model does not know them have they gone
    bad. As in the service, onboarding freezes nobody."""
    panels = [waves(4, 20.0, f"old{i}") for i in range(5)]
    young = np.where(np.arange(4 * DAY) < 2 * DAY, np.nan, 5.0)
    panels += [Panel.of(0.0, 60.0, young, (f"young{i}",)) for i in range(5)]
    demand = Panel.of(0.0, 60.0, np.concatenate([p.values for p in panels]), [p.keys[0] for p in panels])
    said = foreseen(demand, prepared([panels[0]], 1.0, 1.0)[0][0].span)
    found = freeze_of(demand, said, 86_400.0, demand.end)
    assert not found.ticks.any()
