"""Every model on 21 kinds of damaged series (reliability test T1): what comes out, and how long a fit takes.

    python -m benchmarks.forecasting.reliability [--seeds 50] [--days 3] [--step 300] [--models NAME ...]

Each model goes the way it goes in the service: fits in worker processes, a tick, a forecast, a decision. Series of
one length are fitted together, and an exception anywhere counts all of them. A promise is kept if a row is finite, not
negative and monotone in level and window, or has a reason, and if its floor lies between 0 and the cap. Seconds are
of one series and one fit without imports; processor seconds include the library's own processes. Below, the libraries
raw: fitted to the series as they are, asked for twelve steps. Silently wrong is what is not finite, negative, or
above 1e6.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ahpa.adapters.processes.fits import FitPool
from ahpa.core.controller import step as decide
from ahpa.core.observation import Limits, Observation, Workload
from ahpa.core.policy.rules import parse_policy
from ahpa.core.readiness import Lag, Readiness
from forecasting.choice.auto import AutoModel
from forecasting.choice.models import models
from forecasting.forecast import Forecast
from forecasting.libraries.calibrated import CalibratedModel
from forecasting.libraries.strategies import Expectation, Strategy
from forecasting.model import Model
from forecasting.panel import Floats, Panel
from tests.forecasting.nasty import Kind, kinds

CAP = 100


@dataclass(frozen=True)
class Timed:
    """A strategy that notes how long each fit took, in whatever process, and whatever came of it."""

    strategy: Strategy
    notes: str

    @property
    def name(self) -> str:
        return self.strategy.name

    def prepare(self) -> None:
        self.strategy.prepare()

    def fit(self, values: Floats, step: float) -> Expectation:
        wall, before = time.perf_counter(), os.times()
        try:
            return self.strategy.fit(values, step)
        finally:
            cpu = sum(os.times()[:4]) - sum(before[:4])
            with open(self.notes, "a") as file:
                file.write(f"{time.perf_counter() - wall:.6f} {cpu:.6f}\n")


def examine(model: Model, rows: Floats, step: float) -> Counter[str]:
    """One model on series [n, t] that are fitted together: how many are `sound`, `reason`, `uncaught`, `broken`."""
    panel = Panel.of(0.0, step, rows, [str(i) for i in range(len(rows))])
    try:
        forecaster = model.fit(panel)
        forecaster = forecaster.observe(Panel.of(forecaster.origin, step, np.ones((len(rows), 1)), panel.keys))
        forecast = forecaster.forecast(6, (300.0, 900.0), (0.5, 0.9, 0.99))
    except Exception as error:
        print(f"{model.name}: {type(error).__name__}: {error}")
        return Counter(uncaught=len(rows))
    return Counter(map(verdict, sound(forecast), forecast.reasons, floors(forecast)))


def verdict(sound: bool, reason: str | None, floor: int) -> str:
    """A word for one series."""
    if not 0 <= floor <= CAP or (reason is None and not sound):
        return "broken"
    if reason is not None and (" failed: Overrun" in reason or "broke its worker" in reason):
        return "overrun"
    return "sound" if reason is None else "reason"


def sound(forecast: Forecast) -> list[bool]:
    """Of each row: finite, not negative, monotone in level and window."""
    return [
        bool(
            np.isfinite(steps).all()
            and np.isfinite(peaks).all()
            and (steps >= 0).all()
            and (peaks >= 0).all()
            and (np.diff(steps, axis=1) >= 0).all()
            and (np.diff(peaks, axis=1) >= 0).all()
            and (np.diff(peaks, axis=0) >= 0).all()
        )
        for steps, peaks in zip(forecast.steps, forecast.peaks, strict=True)
    ]


def floors(forecast: Forecast) -> list[int]:
    """The floor that each row leads to, for a service of one replica that serves 10."""
    policy, lag = parse_policy({"ahpa.dev/mode": "apply"}), Readiness.single(Lag.of(180, 300))
    workloads = tuple(
        Workload(key, policy, 0, 1, 1, 1, 10.0, lag, observed_until=forecast.origin) for key in forecast.keys
    )
    outlooks = {key: outlook for key in forecast.keys if (outlook := forecast.outlook(key)) is not None}
    return [d.floor for d in decide(Observation(forecast.origin, 60.0, workloads, outlooks, Limits(cap=CAP)))]


def named(notes: Path, workers: int) -> Mapping[str, Model]:
    """The service's models, with their fits timed into one file each."""
    pool = FitPool(workers)

    def timed(model: Model) -> Model:
        if isinstance(model, CalibratedModel):
            return CalibratedModel(Timed(model.strategy, str(notes / model.name)), pool)
        return AutoModel(tuple(map(timed, model.candidates))) if isinstance(model, AutoModel) else model

    return {name: timed(model) for name, model in models(pool).items()}


def raw() -> Mapping[str, Callable[[Floats, int], Floats]]:
    """The libraries as one would call them at first: a series [t] and a period in, twelve steps out."""
    import pandas as pd
    from prophet import Prophet
    from statsmodels.tsa.arima.model import ARIMA
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel
    from statsmodels.tsa.forecasting.stl import STLForecast
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    def prophet(values: Floats, period: int) -> Floats:
        stamps = pd.to_datetime(np.arange(len(values) + 12) * 86_400 / period, unit="s")
        fitted = Prophet(uncertainty_samples=0).fit(pd.DataFrame({"ds": stamps[:-12], "y": values}), timeout=10)
        return np.asarray(fitted.predict(pd.DataFrame({"ds": stamps[-12:]}))["yhat"])

    return {
        "holt-winters": lambda v, p: (
            ExponentialSmoothing(v, seasonal="add", seasonal_periods=p, initialization_method="heuristic")
            .fit()
            .forecast(12)
        ),
        "ets": lambda v, p: (
            ETSModel(v, seasonal="add", seasonal_periods=p, initialization_method="heuristic")
            .fit(disp=False)
            .forecast(12)
        ),
        "stl": lambda v, p: STLForecast(v, ARIMA, model_kwargs={"order": (1, 1, 0)}, period=p).fit().forecast(12),
        "prophet": prophet,
        "seasonal-naive": lambda v, p: np.array([v[-p + i] for i in range(12)]),
    }


def examine_raw(call: Callable[[Floats, int], Floats], series: Iterable[Floats], period: int) -> Counter[str]:
    """How many series a raw library answers well (`fine`), not at all (`raised`), or with nonsense (`silent`)."""
    out: Counter[str] = Counter()
    for values in series:
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                said = np.asarray(call(values, period), dtype=float)
        except Exception:
            out["raised"] += 1
            continue
        out["fine" if np.isfinite(said).all() and said.min() >= 0 and said.max() <= 1e6 else "silent"] += 1
    return out


def run(name: str, model: Model, fleets: Iterable[Floats], step: float, notes: Path) -> str:
    """Every series; a row of the table."""
    found: Counter[str] = Counter()
    for rows in fleets:
        found += examine(model, rows, step)
    noted = [tuple(map(float, line.split())) for file in notes.iterdir() for line in file.read_text().splitlines()]
    for file in notes.iterdir():
        file.unlink()
    seconds = "– | – | – | –"
    if noted:
        (wall, cpu), (wall_most, cpu_most) = np.quantile(noted, 0.99, axis=0), np.max(noted, axis=0)
        seconds = f"{cpu:.2f} | {cpu_most:.2f} | {wall:.2f} | {wall_most:.2f}"
    total, ill = sum(found.values()), found["uncaught"] + found["broken"]
    return (
        f"| `{name}` | {total} | {found['uncaught']} | {100 * (1 - ill / total):.1f} % | {found['reason']} "
        f"| {found['overrun']} | {len(noted)} | {seconds} |"
    )


def fleets(damage: Mapping[str, Kind], seeds: int) -> list[Floats]:
    """All series, those of one length side by side [n, t]: neighbours that are damaged, too."""
    made: dict[int, list[Floats]] = {}
    for kind in damage.values():
        for seed in range(seeds):
            row = np.asarray(kind(np.random.default_rng(seed)), dtype=float)
            made.setdefault(len(row), []).append(row)
    return [np.array(rows) for rows in made.values()]


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--step", type=float, default=300.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--models", nargs="*", help="default: all")
    parser.add_argument("--no-raw", action="store_true", help="leave the raw libraries out")
    given = parser.parse_args()
    damage = kinds(given.days, given.step)
    print(f"{len(damage)} kinds x {given.seeds} seeds, {given.days} days at {given.step:g} s\n")
    print("| model | series | uncaught | kept | reason | overran | fits | p99 cpu s | max | p99 wall s | max |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    series = fleets(damage, given.seeds)
    with tempfile.TemporaryDirectory() as notes:
        for name, model in named(Path(notes), given.workers).items():
            if not given.models or name in given.models:
                print(run(name, model, series, given.step, Path(notes)), flush=True)
    if given.no_raw:
        return
    logging.disable()
    print("\n| library, raw | series | fine | raised | silently wrong |\n|---|---|---|---|---|")
    for name, call in raw().items():
        once = [np.asarray(kind(np.random.default_rng(0))) for kind in damage.values()]
        found = examine_raw(call, once, round(86_400 / given.step))
        print(f"| {name} | {len(once)} | {found['fine']} | {found['raised']} | {found['silent']} |", flush=True)


if __name__ == "__main__":
    main()
