"""The same calibration around every peer, and the same score for everyone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.forecasting.traces import DAY_SECONDS, Group
from forecasting.calibration import Calibration, spread, walk
from forecasting.features import Frame, frame
from forecasting.fleet import FleetModel
from forecasting.learning import QUANTILES, least_floor
from forecasting.lookback import Ints, Rolling
from forecasting.panel import Floats
from forecasting.scoring import coverage, scaled_pinball

WINDOW_SECONDS = (120.0, 240.0, 660.0)
"""Readiness lags of 60, 180 and 600 s plus a tick of a minute."""
LEVELS = (0.5, 0.9, 0.95, 0.99)


def widths(step: int) -> tuple[int, ...]:
    """The windows in steps; windows of one length count once."""
    return tuple(sorted({max(1, int(np.ceil(w / step))) for w in WINDOW_SECONDS}))


@dataclass(frozen=True, eq=False)
class Scores:
    """How one model did on one group: arrays [n, w, q] over the test."""

    loss: Floats
    covered: Floats


class Bench:
    """One group of traces with its truth, its frames, and where rehearsal and test lie."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.widths = widths(group.step)
        t = group.values.shape[1]
        self.origins: Ints = np.arange(group.rehearsal, t)
        values = group.values.astype(np.float32)
        self.view = Rolling(values, self.origins)
        self.frame: Frame = frame(self.view, least_floor(values[:, : group.test]), group.step)
        self.test = slice(group.test - group.rehearsal, None)
        self.truth = np.stack([self._truth(w) for w in self.widths], axis=2)

    def _truth(self, width: int) -> Floats:
        return np.where(self.view.complete(0, width), self.view.max(0, width), np.nan)

    def points(self, said: Floats) -> Floats:
        """Calibrated quantiles [n, o, w, q] around expected maxima [n, o, w].

        The first guess of each quantile is that of the errors of the three days before the test; from there
        offsets are walked through those days and the test. Errors are taken both as ratios and as
        differences, and each service and window keeps what served it better in the rehearsal.
        """
        first, unit = self.test.start, self.frame.usual.mean(axis=1)[:, None, None]
        out = []
        for w in range(said.shape[2]):
            truth = self.truth[..., w]
            logs = self._walked(*self._guessed(self.frame.log(said[..., w]), self.frame.log(truth)), w, QUANTILES)
            ratios = np.maximum(self.frame.demand(np.minimum(logs, 30)), 0)
            plain = self._guessed(said[..., w] / unit[..., 0], truth / unit[..., 0])
            sums = np.maximum(self._walked(*plain, w, QUANTILES) * unit, 0)
            losses = [
                np.nansum(
                    [scaled_pinball(truth[:, :first], x[:, :first, k], q) for k, q in enumerate(QUANTILES)], axis=0
                )
                for x in (ratios, sums)
            ]
            out.append(np.where((losses[0] <= losses[1])[:, None, None], ratios, sums)[:, first:])
        return np.stack(out, axis=2)[..., [int(np.argmin(abs(QUANTILES - q))) for q in LEVELS]]

    def _guessed(self, said: Floats, truth: Floats) -> tuple[Floats, Floats]:
        """Quantiles [n, o, q] around `said` [n, o], from the errors of the rehearsal; and the truth."""
        error = (truth - said)[:, : self.test.start]
        known = np.isfinite(error).any(axis=1)
        guess = np.zeros((len(error), len(QUANTILES)))
        guess[known] = np.nanquantile(error[known], QUANTILES, axis=1).T
        return said[..., None] + guess[:, None], truth

    def quantiles(self, said: Floats) -> Floats:
        """Calibrated quantiles around quantiles [n, o, w, LEVELS] that a model says by itself."""
        out = []
        for w in range(said.shape[2]):
            logs = np.stack([self.frame.log(said[:, :, w, k]) for k in range(len(LEVELS))], axis=2)
            walked = self._walked(logs, self.frame.log(self.truth[..., w]), w, np.array(LEVELS))
            out.append(np.maximum(self.frame.demand(np.minimum(walked, 30)), 0))
        return np.stack(out, axis=2)[:, self.test]

    def _walked(self, quantiles: Floats, truth: Floats, w: int, levels: Floats) -> Floats:
        """With offsets walked through rehearsal and test, sorted."""
        quantiles = quantiles.astype(np.float32)
        rate = FleetModel.rate(self.group.step)
        fresh = Calibration.fresh(len(quantiles), 1, levels, rate, 3 * DAY_SECONDS / self.group.step)
        trail, _ = walk(fresh, 0, quantiles, truth, self.widths[w])
        return np.sort(quantiles + trail * spread(quantiles, levels), axis=2)

    def scores(self, said: Floats) -> Scores:
        """Of quantiles [n, o, w, LEVELS] over the test."""
        shape = (len(said), len(self.widths), len(LEVELS))
        loss, covered = np.empty(shape), np.empty(shape)
        for w in range(shape[1]):
            for k, level in enumerate(LEVELS):
                truth = self.truth[:, self.test, w]
                loss[:, w, k] = scaled_pinball(truth, said[:, :, w, k], level)
                covered[:, w, k] = coverage(truth, said[:, :, w, k])
        return Scores(loss, covered)

    def fleet(self, model: FleetModel, each: Callable[[int], None] = lambda _: None) -> Floats:
        """What the fleet model says in the test, refitted once, at its beginning."""
        group = self.group
        fitted = model.fit(group.panel(0, group.test))
        seconds = [w * group.step for w in self.widths]
        said = fitted.rolling(group.panel(group.test, group.values.shape[1]), seconds)
        each(group.step)
        return np.asarray(said[..., [int(np.argmin(abs(QUANTILES - q))) for q in LEVELS]])
