"""`python -m benchmarks.savings [made-up|traces]`: what would have been (ahpa/core/courses.py) beside the exact world.

Each service is played for two days in the exact simulation, with our floors and with its scaler alone. Beside each the
courses are counted from nothing but the demand, the replicas and the floors, and what they say of the other course and
of a constant floor is held against that, played exactly. Floors follow yesterday's peak: how good forecasts are is not
the question. Made-up services of 20 replicas, traces (AHPA_TRACES) of 30; KPA and HPA; starts of 60, 180 and 600 s. A
line for each estimate that lies outside its interval, and how many did not.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ahpa.backtest import alternatives
from ahpa.backtest.chosen import chooser, served_by
from ahpa.backtest.foresight import foresee, windows_of
from ahpa.backtest.ours import Ahpa
from ahpa.backtest.trial import Setting, Span, Trial
from ahpa.core.controller import step
from ahpa.core.courses import Came, Courses
from ahpa.core.decision import Decision
from ahpa.core.observation import Observation
from ahpa.core.readiness import Lag, Readiness
from ahpa.core.savings import Estimate
from ahpa.simulation.outcome import Run
from ahpa.simulation.stream import SimulatedService
from benchmarks.results import KPA, ROOT, TRACES, panel_of
from forecasting.fleet.synthetic import services
from forecasting.panel import Array, Floats, Panel
from tests.backtest.examples import Spread

LAGS_SECONDS = (60, 180, 600)
DAYS, HISTORY_DAYS = 2.0, 5.0
MADE_UP, REPLICAS = 8, 20


@dataclass(frozen=True)
class Judged:
    """One estimate of one course."""

    name: str
    said: Estimate
    really: float

    @property
    def holds(self) -> bool:
        return self.said.low - 1e-9 <= self.really <= self.said.high + 1e-9


@dataclass(frozen=True, eq=False)
class Lived:
    """A course that really was, by minute: [t] each."""

    run: Run
    present: Floats
    """As each minute began."""
    ready: Floats

    @staticmethod
    def of(run: Run) -> Lived:
        """From the means of the minutes before."""
        return Lived(run, _before(run.ready + run.starting), _before(run.ready))


def _before(values: Floats) -> Floats:
    return np.concatenate([values[:1], values[:-1]])


def made_up(seed: int) -> Iterator[Panel]:
    """Services whose 99.9 % quantile needs so many replicas."""
    per_replica = KPA.config.target_value
    for i, row in enumerate(services(MADE_UP, HISTORY_DAYS, 60.0, np.random.default_rng(seed)).astype(float)):
        if (top := float(np.quantile(row, 0.999))) > 0:
            values = np.minimum(row * (REPLICAS * per_replica / top), 1.5 * REPLICAS * per_replica)
            yield Panel.of(0.0, 60.0, values, (f"made-up-{seed}-{i}",))


def traces() -> Iterator[Panel]:
    """Those of benchmarks/results.py, their last days."""
    folder = Path(os.environ.get("AHPA_TRACES", ROOT.parent / "shared" / "traces"))
    for name in TRACES:
        if (folder / f"{name}.csv.gz").exists():
            row = panel_of(folder, [name]).values[0][-round(HISTORY_DAYS * 1440) :]
            yield Panel.of(0.0, 60.0, row, (name,))


def judged(panel: Panel, setting: Setting) -> Iterator[Judged]:
    """Both kinds of minutes: our floors in force, and only thought of."""
    span = Span.of(panel, DAYS)
    (foresight,) = foresee(Spread(), panel, span.first, span.end, windows_of(setting.service, panel.step))
    trial = Trial.of(panel, span, setting, foresight)
    seen: list[tuple[float, float, float]] = []

    def listening(at: Observation) -> tuple[Decision, ...]:
        decisions = step(at)
        seen.append((at.workloads[0].present, at.workloads[0].ready, decisions[0].floor))
        return decisions

    ours = Ahpa(trial.tested, foresight, step=listening).play(chooser(trial, 0.001))
    present, ready, floors = np.array(seen, float).T
    alone = alternatives.kpa if setting.scaling.name == "kpa" else alternatives.hpa
    left = alone(trial.tested, setting.scaling.utilization)
    constant = max(1, round(0.8 * trial.tested.most_before))
    fixed = alternatives.static(trial.tested, constant)
    for acts, lived, other in ((True, Lived(ours, present, ready), left), (False, Lived.of(left), ours)):
        courses = _counted(trial, lived, floors, constant, acts=acts)
        saving = courses.ledger.saving(0, "", 0.0, 1.0, True)
        account = saving.acted if acts else saving.watched
        skipped = len(floors) - round(60 * account.hours)
        for name, course, really in (
            ("scaler alone" if acts else "our floors", account.reactive if acts else account.advised, other),
            ("constant floor", account.fixed, fixed),
        ):
            hours = float((really.ready + really.starting)[skipped:].sum()) / 60
            yield Judged(f"{name}, hours", course.replica_hours, hours)
            yield Judged(f"{name}, late requests", course.late_requests, float(really.late[skipped:].sum()))


def _counted(trial: Trial, lived: Lived, floors: Floats, constant: int, *, acts: bool) -> Courses:
    served, each = served_by(trial.tested, None), 60 / trial.tested.service.service_seconds
    courses, run = Courses.begun(lived.present[:1]), lived.run

    def one(value: float) -> Array:
        return np.array([value], np.float32)

    for t, demand in enumerate(run.demand.tolist()):
        late = min(1.0, float(run.late[t]) / (demand * each)) if demand > 0 else 0.0
        there = one(lived.present[t]), one(lived.ready[t])
        courses = courses.after(
            served, served,
            Came(one(demand), one(late), *there, one(floors[t]), one(constant), np.array([acts]), one(each)),
        )  # fmt: skip
    return courses


def main() -> None:
    asked = sys.argv[1:] or ["made-up", "traces"]
    panels = [*(made_up(4) if "made-up" in asked else ()), *(traces() if "traces" in asked else ())]
    found: list[Judged] = []
    for panel in panels:
        for lag in LAGS_SECONDS:
            service = SimulatedService(readiness=Readiness.single(Lag.of(lag, 1.5 * lag)))
            for scaling in (KPA, KPA.hpa(service.service_seconds)):
                for one in judged(panel, Setting(service, scaling, DAYS)):
                    found.append(one)
                    if not one.holds:
                        said = f"{one.said.value:.0f} ({one.said.low:.0f} to {one.said.high:.0f})"
                        print(f"{panel.keys[0]} {lag} s {scaling.name}: {one.name} {one.really:.0f}, not {said}")
    for what in ("hours", "late requests"):
        some = [one for one in found if one.name.endswith(what)]
        apart = [abs(one.said.value / one.really - 1) for one in some if one.really > 0]
        far = f"{np.median(apart):.1%} off in the median, {np.quantile(apart, 0.9):.1%} in nine of ten" if apart else ""
        print(f"{what}: {sum(one.holds for one in some)} of {len(some)} within their interval; {far}")


if __name__ == "__main__":
    main()
