"""Claims about what a model is asked beforehand: only what it could have known, read as a plan reads it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from ahpa.backtest.foresight import Foresight, fits_of, foresee
from forecasting.panel import Floats, Panel
from tests.fakes.models import SameAsYesterday, Yesterday


@pytest.mark.parametrize(
    ("days", "step", "fits"),
    [
        (1.0, 60.0, [0]),
        (4.0, 60.0, [0, 1, 2, 3]),
        (6.0, 60.0, [0, 2, 4]),
        (17.0, 60.0, [0, 5, 10, 15]),
        (0.5, 300.0, [0]),
    ],
)
def test_the_model_learns_anew_whole_days_apart_and_four_times_at_most(
    days: float, step: float, fits: list[int]
) -> None:
    assert fits_of(600.0, 600.0 + 86_400 * days, step) == [600.0 + 86_400 * k for k in fits]


@pytest.mark.parametrize("step", [60.0, 420.0])
def test_nothing_is_foreseen_from_what_came_after_its_origin(step: float) -> None:
    """Also where days are no whole number of steps, so that a refit cannot come at the same time of day."""
    t = round(6 * 86_400 / step)
    values = np.random.default_rng(0).uniform(1, 9, t)
    changed = t * 3 // 4
    other = np.where(np.arange(t) >= changed, 1e6, values)
    panels = [Panel.of(0.0, step, v, ("x",)) for v in (values, other)]
    before, after = (foresee(Stays(), p, step * (t // 3), p.end, (step,))[0] for p in panels)
    differ = before.origins[(before.peaks != after.peaks).any(axis=(1, 2))]
    assert differ.min() == step * (changed + 1)


class Stays(SameAsYesterday):
    """What was seen last is what will come; refitted, it is the same."""

    def fit(self, history: Panel) -> LastSeen:
        return LastSeen(history)


class LastSeen(Yesterday):
    def rolled_peaks(self, panel: Panel, windows: Sequence[float], levels: Sequence[float]) -> Floats:
        seen = np.concatenate([self.history.values[:, -1:], panel.values[:, :-1]], axis=1)
        return np.tile(seen[:, :, None, None], (1, 1, len(windows), len(levels)))


def test_any_model_can_be_asked() -> None:
    """One that cannot roll ticks through the days, with the same answers as one that can."""
    panel = Panel.of(0.0, 600.0, np.random.default_rng(1).uniform(1, 9, (2, 3 * 144)), ("a", "b"))
    ticking = foresee(SameAsYesterday(), panel, 2 * 86_400.0, panel.end, (600.0, 1800.0))
    assert [one.peaks.shape for one in ticking] == [(144, 2, 10)] * 2
    for row, one in zip(panel.values, ticking, strict=True):
        np.testing.assert_array_equal(one.origins, 2 * 86_400.0 + 600 * np.arange(144))
        expected = [row[144 + o : 144 + o + 3].max() for o in range(144)]
        np.testing.assert_allclose(one.peaks[:, 1, 0], expected, rtol=1e-6)


def test_levels_are_read_as_a_plan_does() -> None:
    seen = Foresight(np.zeros(1), np.array([0.5, 0.9, 0.99]), np.array([60.0]), np.array([[[1.0, 2.0, 4.0]]]), "m")
    for level in (0.5, 0.7, 0.9, 0.95, 0.99):
        read = float(seen.nearest_peak(level, np.ones(1, bool))[0])
        assert read == pytest.approx(seen.outlook(0).peak(60.0, level))
