"""Claims about the rehearsal at the end of a fit."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from ahpa.adapters.calendars import calendar_of
from ahpa.adapters.processes.executors import Threads
from forecasting.calibration import Calibration
from forecasting.executor import Executor, Serial
from forecasting.fleet import rehearsal
from forecasting.fleet.calendar import Calendar
from forecasting.fleet.model import FleetModel
from forecasting.fleet.network import Training
from forecasting.fleet.synthetic import services
from forecasting.panel import Panel
from forecasting.windows import tracked

ROWS, STEP, START = 13, 900.0, datetime(2026, 3, 27, tzinfo=UTC).timestamp()  # the clock goes forward on the 29th
QUICK = Training(hidden=(8,), members=2, epochs=1)


def learned(executor: Executor) -> Calibration:
    """Of a fleet whose every other service goes by the clock of Berlin, two rows described at once."""
    values = services(ROWS, 3, STEP, np.random.default_rng(6))
    values[5] = 0.0  # silent: it has no say, and is rehearsed by itself
    keys = tuple(f"s{row:02}" for row in range(ROWS))
    berlin: dict[str, Calendar | None] = dict.fromkeys(keys[::2], calendar_of("Europe/Berlin", None))
    model = FleetModel(samples=600, others=1, peaks=QUICK, steps=QUICK, executor=executor).placed(berlin)
    return model.fit(Panel.of(START, STEP, values, keys)).pending.calibration


def test_in_how_many_pieces_and_by_whom_it_is_done_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """And each row has what it taught itself, whatever calendar it goes by."""
    monkeypatch.setattr(rehearsal, "_ROWS", 2)
    found = []
    for pieces in (16, 1, 3):
        monkeypatch.setattr(rehearsal, "_PIECES", pieces)
        found.append(learned(Serial()))
    with Threads(3) as executor:  # in three pieces
        found.append(learned(executor))
    for other in found[1:]:
        for name in ("offsets", "settled", "covered"):
            np.testing.assert_array_equal(getattr(other, name), getattr(found[0], name))
    assert len(np.unique(found[0].offsets[:, 0, :3], axis=0)) > ROWS / 2
    assert (found[0].settled > 0).all()


@pytest.mark.parametrize(
    ("services", "days", "minutes"),
    [
        (1, 7, 5), (1, 1, 1), (200, 7, 46), (200, 1, 7),
        (1000, 3, 90), (1000, 1, 33), (10_000, 3, 90), (10_000, 1, 90), (10_000, 0.1, 9),
    ],
)  # fmt: skip
def test_origins_of_a_large_fleet_are_as_far_apart_in_a_day_as_in_three(
    services: int, days: float, minutes: int
) -> None:
    whole = 1440 * (7 if services <= 200 else 3)
    asked = services * sum(window.lead == 0 for window in tracked(60.0))
    assert rehearsal.spacing(asked, round(1440 * days), whole) == minutes
