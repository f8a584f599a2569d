"""Cost of the fleet model by size: seconds of a refit and of a tick, memory, and Prophet beside it.

    python -m benchmarks.forecasting.scale OUT.json [SIZES]

Made-up services (forecasting/fleet/synthetic.py), 14 days of minutes. A tick takes one new minute in and gives
forecasts of an hour of steps and of three windows, at five levels. Each size runs in a process of its own,
so that its peak memory is its own. Wall-clock and processor seconds are both given: on a machine that
others use, only the latter means something.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from ahpa.adapters.processes.executors import Threads
from forecasting.fleet.model import FleetModel
from forecasting.fleet.synthetic import services
from forecasting.panel import Panel

DAYS = 14
STEP = 60.0
TICKS = 3


def measure(size: int) -> dict[str, float]:
    """One size, in this process."""
    made = services(min(size, 250), DAYS, STEP, np.random.default_rng(3))
    values = np.tile(made, (-(-size // len(made)), 1))[:size]
    del made
    keys = tuple(f"service-{i}" for i in range(size))
    end = values.shape[1] - TICKS
    history = Panel(0.0, STEP, values[:, :end], keys)
    wall, cpu = time.perf_counter(), time.process_time()
    forecaster = FleetModel(executor=Threads()).fit(history)
    out = {"services": size, "refit_seconds": time.perf_counter() - wall, "refit_cpu": time.process_time() - cpu}
    ticks = []
    for k in range(TICKS):
        column = Panel(forecaster.origin, STEP, values[:, end + k : end + k + 1], keys)
        wall, cpu = time.perf_counter(), time.process_time()
        forecaster = forecaster.observe(column)
        said = forecaster.forecast(60, (120.0, 240.0, 660.0), (0.5, 0.9, 0.95, 0.99, 0.999))
        ticks.append((time.perf_counter() - wall, time.process_time() - cpu))
        assert np.isfinite(said.peaks).all()
    out["tick_seconds"], out["tick_cpu"] = (min(column) for column in zip(*ticks, strict=True))
    out["peak_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return out


def prophet() -> dict[str, float]:
    """Seconds of one Prophet fit on the same 14 days of minutes, and an hour of forecasts; children included."""
    import pandas as pd
    from prophet import Prophet

    row = services(1, DAYS, STEP, np.random.default_rng(3))[0].astype(float)
    frame = pd.DataFrame({"ds": pd.to_datetime(np.arange(len(row)) * STEP, unit="s"), "y": row})
    ahead = pd.DataFrame({"ds": pd.to_datetime((len(row) + np.arange(60)) * STEP, unit="s")})
    Prophet(uncertainty_samples=0).fit(frame[:2000], seed=1)  # imports and warms up
    wall, before = time.perf_counter(), os.times()
    Prophet(uncertainty_samples=0).fit(frame, seed=1).predict(ahead)
    after = os.times()
    return {"prophet_seconds": time.perf_counter() - wall, "prophet_cpu": sum(after[:4]) - sum(before[:4])}


def main(target: str, sizes: str = "100,1000,3000,10000") -> None:
    """Measure every size and write the file."""
    rows = []
    for size in sizes.split(","):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.forecasting.scale", "--one", size],
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            check=True,
            capture_output=True,
            text=True,
        )
        rows.append(json.loads(done.stdout))
        print(rows[-1], file=sys.stderr, flush=True)
    Path(target).write_text(json.dumps({"sizes": rows, **prophet()}, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        print(json.dumps(measure(int(sys.argv[2]))))
    else:
        main(*sys.argv[1:])
