"""What samples are drawn from, and what drawing them costs."""

from __future__ import annotations

import tracemalloc

import numpy as np

from forecasting.executor import Serial
from forecasting.fleet.calendar import Calendars
from forecasting.fleet.learning import Source, sample
from forecasting.fleet.network import Samples
from forecasting.fleet.synthetic import services
from forecasting.panel import Floats
from forecasting.windows import Window

STEP, DAYS, ROWS, MINUTES = 60.0, 4.0, 40, 24
WINDOWS = [Window(0, 1), Window(0, 8)]
WANTED = 24_000


def drawn(values: Floats) -> tuple[list[Samples], int]:
    """The samples, and the most bytes that were held while they were drawn."""
    periods, clock = np.zeros(len(values), np.intp), np.zeros((len(values), 60), np.float32)
    source = Source(
        values,
        periods,
        clock,
        0.0,
        STEP,
        Calendars.of([str(i) for i in range(len(values))], None, {}),
        np.arange(len(values)),
    )
    tracemalloc.start()
    found = sample(source, WINDOWS, WANTED, 6, np.random.default_rng(0), Serial())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found, peak


def taught(found: list[Samples]) -> int:
    return sum(len(part.truth) for part in found)


def test_newcomers_cost_no_more_memory_than_the_settled() -> None:
    """Fifty histories of 24 minutes in a fortnight: ten times as many origins were described, to find the few of which
    anything is known, and a refit of 508 peaked at 668 MiB."""
    made = services(ROWS, DAYS, STEP, np.random.default_rng(1))
    _, settled = drawn(made)
    young = np.full_like(made, np.nan)
    young[:, -MINUTES:] = made[:, -MINUTES:]
    found, peak = drawn(young)
    assert peak <= settled
    assert taught(found) > ROWS * (MINUTES - 8), "and every minute of theirs that can teach is found"


def test_no_origin_is_lost_to_a_gap_that_all_have() -> None:
    """Prometheus was away for half of the time."""
    made = services(ROWS, DAYS, STEP, np.random.default_rng(1))
    made[:, made.shape[1] // 4 : 3 * made.shape[1] // 4] = np.nan
    found, _ = drawn(made)
    assert taught(found) > 0.95 * WANTED
