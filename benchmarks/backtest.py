"""`python -m benchmarks.backtest`: how long the backtest takes, by days and by services.

CPU seconds on one core. `ahpa` is measured without the forecasts, which are made for the whole fleet at once and are
measured on their own (`--model`). `--services 100` runs the whole command's work on so many services.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ahpa.adapters.files.ticks import TickFiles
from ahpa.adapters.files.writing import file_names
from ahpa.adapters.processes.executors import Processes, Threads
from ahpa.backtest import alternatives
from ahpa.backtest.contenders import NAMES
from ahpa.backtest.foresight import foresee, windows_of
from ahpa.backtest.oracle import oracle
from ahpa.backtest.ours import ours
from ahpa.backtest.run import Job, run
from ahpa.backtest.scaling import ByKpa
from ahpa.backtest.series import prepared
from ahpa.backtest.sweep import Question
from ahpa.backtest.trial import Setting, Span, Trial
from ahpa.core.readiness import Lag, Readiness
from ahpa.reactive.kpa.config import KpaConfig
from ahpa.simulation.stream import SimulatedService
from forecasting.executor import Executor, Serial
from forecasting.fleet.model import FleetModel
from forecasting.model import Model
from forecasting.panel import Floats, Panel
from tests.fakes.models import SameAsYesterday, Yesterday

SETTING = Setting(
    SimulatedService(readiness=Readiness.single(Lag.of(180, 270))), ByKpa(KpaConfig(target_value=2.8, total_value=4.0))
)


def demand(days: float, services: int = 1, seed: int = 0) -> Panel:
    """Daily waves of up to 30 replicas' load with 10 % noise and a burst a day, in requests in flight."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(days * 1440))
    wave = 0.15 + 0.85 * np.clip(np.sin(2 * np.pi * t / 1440), 0, None) ** 1.5
    rows = wave * 60 * np.exp(rng.normal(0, 0.1, (services, len(t))))
    for row in rows:
        for at in rng.integers(0, len(t), round(days)):
            row[at : at + 10] *= 2
    return Panel.of(0.0, 60.0, rows, [f"service-{i}" for i in range(services)])


class Cheap(SameAsYesterday):
    """Yesterday's peak spread over the levels: forecasts that cost nothing."""

    def fit(self, history: Panel) -> Rolled:
        return Rolled(history)


class Rolled(Yesterday):
    def rolled_peaks(self, panel: Panel, windows: Sequence[float], levels: Sequence[float]) -> Floats:
        both = np.concatenate([self.history.values, panel.values], axis=1)
        first = self.history.values.shape[1] + np.arange(panel.values.shape[1]) - 1440
        peaks = [
            np.lib.stride_tricks.sliding_window_view(both, round(w // 60) + 1, axis=1).max(axis=2)[:, first]
            for w in windows
        ]
        return np.asarray(np.stack(peaks, axis=2)[..., None] * np.linspace(0.8, 1.3, len(levels)))


def seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def one_service(days: float) -> dict[str, float]:
    """CPU seconds of each contender at one setting."""
    panel = demand(days + 1)
    span = Span(None, 86_400.0, panel.end)
    (foresight,) = foresee(Cheap(), panel, span.first, span.end, windows_of(SETTING.service, 60.0))
    out: dict[str, float] = {}
    begun = time.process_time()
    trial = Trial.of(panel, span, SETTING, foresight)
    scenario = trial.tested
    traffic = scenario.traffic
    _ = traffic.units, traffic.peak_pressure, traffic.arrivals_list, scenario.world(scenario.scaling)
    out["requests"] = time.process_time() - begun
    plays: dict[str, Callable[[], object]] = {
        "kpa": lambda: alternatives.kpa(scenario, 0.7),
        "ahpa": lambda: ours(trial)(0.99),
        "hpa": lambda: alternatives.hpa(scenario, 0.7),
        "static": lambda: alternatives.static(scenario, 8),
        "fixed-max": lambda: alternatives.fixed_max(scenario, 30),
        "seasonal": lambda: alternatives.seasonal(scenario, 1.0),
        "oracle": lambda: oracle("service-0", traffic, 0.001),
    }
    return out | {name: seconds(play) for name, play in plays.items()}


def fleet(services: int, days: float, jobs: int, sweep: bool, cheap: bool) -> None:
    """The work of the whole command."""
    panel = demand(days + 4, services)
    begun = time.monotonic()
    series, _ = prepared([panel], 1.0, days)
    job = Job(SETTING, Question(sweep=sweep), keep_runs=False)
    names = file_names(one.name for one in series)
    model: Model = Cheap() if cheap else FleetModel(executor=Threads())
    executor: Executor = Serial() if jobs == 1 else Processes(jobs)
    with TemporaryDirectory() as folder:
        done = sum(1 for _ in run(series, model, job, executor, lambda name: TickFiles(Path(folder), names[name], 1.0)))
    executor.stop()
    wall = time.monotonic() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    used = [sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(
        f"{done} services x {days:g} days x {len(NAMES)} contenders: {wall:.0f} s on {jobs} processes, CPU "
        f"{used[0]:.0f} s here and {used[1]:.0f} s in workers; peak {peak[0] / 1024:.0f} MiB here, "
        f"{peak[1] / 1024:.0f} MiB per worker"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=float, nargs="*", default=[1, 3, 7, 14])
    parser.add_argument("--services", type=int, help="run the whole command's work on so many services")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--sweep", action="store_true")
    parser.add_argument("--model", action="store_true", help="with the real forecasts")
    given = parser.parse_args()
    if given.services:
        fleet(given.services, given.days[-1], given.jobs, given.sweep, not given.model)
        return
    head = None
    for days in given.days:
        row = one_service(days)
        if head is None:
            head = list(row)
            print("days  " + "".join(f"{name:>10}" for name in head))
        print(f"{days:4g}  " + "".join(f"{row[name]:10.2f}" for name in head), flush=True)


if __name__ == "__main__":
    main()
