"""`python -m benchmarks.settings [SIZES]`: what trying and choosing the settings adds to a tick and to a refit.

Made-up services as in benchmarks/forecasting/scale.py, seven days of minutes; all in one run, so that the ratios mean
something on a machine that others use. A tick is a new minute taken in, a forecast of the peaks, and beside it all
settings tried on that minute and what they want of the next. A refit is a fit, and beside it the choice; once after a
start also the rehearsal of as many as one refit has time for.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np

from ahpa.adapters.processes.executors import Threads
from ahpa.core.fills import Fills
from ahpa.core.served import Served, wishes
from ahpa.core.tryouts import RULES, Minute, Tryouts
from ahpa.service.choose import Tried
from ahpa.service.rehearse import has_past, rehearsal
from forecasting.fleet.model import FleetModel
from forecasting.fleet.synthetic import services
from forecasting.forecast import Forecast
from forecasting.panel import Panel

DAYS, STEP = 7, 60.0
LEAD = 240.0


def timed(work: Callable[[], object]) -> float:
    """Seconds on the wall, the best of three."""
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def measure(size: int) -> None:
    made = services(min(size, 250), DAYS, STEP, np.random.default_rng(3))
    values = np.tile(made, (-(-size // len(made)), 1))[:size]
    keys = tuple(f"service-{i}" for i in range(size))
    history = Panel(0.0, STEP, values[:, :-1], keys)
    newest = Panel(history.end, STEP, values[:, -1:], keys)
    model = FleetModel(executor=Threads())
    began = time.perf_counter()
    forecaster = model.fit(history)
    fit = time.perf_counter() - began
    told: dict[str, Forecast] = {}

    def tick() -> None:
        told["said"] = forecaster.observe(newest).forecast(1, (LEAD,))

    ticking = timed(tick)
    said = told["said"]
    n, zeros = size, np.zeros(size)
    served = Served.of([7.0] * n, [10.0] * n, [0] * n, [np.inf] * n, [0.25] * n, [180.0] * n, [2.0] * n, [1.0] * n)
    largest = np.nanmax(values[:, -1440:], axis=1) / 7
    tryouts = Tryouts.fresh(keys, np.ceil(values[:, -2] / 7), largest)
    wanted, kept = wishes(said.levels, said.peaks[:, 0].astype(np.float32), served)
    ones = np.ones(n, np.float32)
    minute = Minute(wanted, kept, values[:, -1].astype(np.float32), ones, ones, np.zeros(n, int))
    wishing = timed(lambda: wishes(said.levels, said.peaks[:, 0].astype(np.float32), served))
    trying = timed(lambda: tryouts.seen(served, minute))
    target = np.full(n, 0.001)
    choosing = timed(lambda: tryouts.choose(served, target, {}))
    print(
        f"{size} services: tick {ticking:.2f} s, settings {wishing + trying:.3f} s beside it "
        f"({(wishing + trying) / ticking:.1%}); fit {fit:.1f} s, choice {choosing:.3f} s ({choosing / fit:.1%})"
    )
    nothing = np.zeros((n, RULES), np.float32)
    times = history.end + zeros, 30.0 + zeros, LEAD + 90 + zeros
    fills, now = Fills.of([(key, (None,)) for key in keys]), (*times, zeros, zeros.astype(int), nothing, nothing)
    tried = Tried(tryouts, fills, served, served, 7.0 + zeros, target, 1 + zeros, *now)
    began = time.perf_counter()
    found = rehearsal(tried, history, has_past(history))
    assert found is not None
    lived = found.lived(model)
    minutes = int(lived.tryouts.minutes.sum())
    seconds = time.perf_counter() - began
    print(f"    once after a start, {len(lived.keys)} of them rehearsed: {minutes:,} minutes in {seconds:.1f} s")


def main() -> None:
    for size in (sys.argv[1] if len(sys.argv) > 1 else "100,1000,10000").split(","):
        measure(int(size))


if __name__ == "__main__":
    main()
