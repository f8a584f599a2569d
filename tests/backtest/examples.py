"""A small service with a steep daily wave, a model that is told by hand, and a trial of both."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from ahpa.backtest.foresight import Foresight, foresee, windows_of
from ahpa.backtest.results import SeriesResult
from ahpa.backtest.scaling import ByKpa
from ahpa.backtest.sweep import Question
from ahpa.backtest.trial import Setting, Span, Trial
from ahpa.backtest.verdict import verdict_on
from ahpa.core.readiness import Lag, Readiness
from ahpa.reactive.kpa.config import KpaConfig
from ahpa.simulation.stream import SimulatedService
from forecasting.model import Model
from forecasting.panel import Floats, Panel
from tests.fakes.models import SameAsYesterday, Yesterday

DAY = 1440
SETTING = Setting(
    SimulatedService(readiness=Readiness.single(Lag.of(180, 270))),
    ByKpa(KpaConfig(target_value=2.8, total_value=4.0)),
    1.0,
)


def waves(days: int = 4, top: float = 30.0, name: str = "waves") -> Panel:
    """A service that goes from 2 to `top` in flight within the same five minutes each day."""
    t = np.arange(days * DAY) % DAY
    rise = np.clip((t - 480) / 5, 0, 1) - np.clip((t - 1200) / 60, 0, 1)
    return Panel.of(0.0, 60.0, 2 + (top - 2) * rise, (name,))


class Spread(SameAsYesterday):
    """Yesterday's peak, spread over the levels: 0.9 times it at the least, 1.2 at the highest."""

    def fit(self, history: Panel) -> Rolled:
        return Rolled(history)


class Rolled(Yesterday):
    def rolled_peaks(self, panel: Panel, windows: Sequence[float], levels: Sequence[float]) -> Floats:
        both = np.concatenate([self.history.values, panel.values], axis=1)
        first = self.history.values.shape[1] + np.arange(panel.values.shape[1]) - DAY
        views = [np.lib.stride_tricks.sliding_window_view(both, round(w // 60) + 1, axis=1) for w in windows]
        peaks = np.stack([view.max(axis=2)[:, first] for view in views], axis=2)
        return np.asarray(peaks[..., None] * np.linspace(0.9, 1.2, len(levels)))


def foreseen(panel: Panel, span: Span, model: Model | None = None) -> list[Foresight]:
    """What the model says of every row, for the setting's windows."""
    return foresee(model or Spread(), panel, span.first, span.end, windows_of(SETTING.service, panel.step))


def trial_of(panel: Panel) -> Trial:
    """The only row of a panel, its last day tested."""
    span = Span.of(panel, SETTING.test_days)
    (foresight,) = foreseen(panel, span)
    return Trial.of(panel, span, SETTING, foresight)


@cache
def wave_trial() -> Trial:
    return trial_of(waves())


@cache
def wave_result() -> SeriesResult:
    """Every contender on the wave, swept."""
    return verdict_on(wave_trial(), Question(late_target=0.001))
