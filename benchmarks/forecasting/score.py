"""The same calibration around every peer, and the same score for everyone."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from benchmarks.forecasting.peers import Targets
from benchmarks.forecasting.traces import DAY_SECONDS, Group
from forecasting.calibration import Calibration, spread, walk
from forecasting.fleet.features import Frame, frame
from forecasting.fleet.learning import QUANTILES, least_floor
from forecasting.fleet.lookback import Rolling
from forecasting.fleet.model import FleetModel
from forecasting.panel import Floats, Ints
from forecasting.rolling import stepwise
from forecasting.scoring import coverage, scaled_pinball

WINDOW_SECONDS = (120.0, 240.0, 660.0)
"""Readiness lags of 60, 180 and 600 s plus a tick of a minute."""
LEAD_SECONDS = (300.0, 1800.0)
"""Single steps are scored so far ahead, at an origin every ten minutes."""
STEPS_EVERY_SECONDS = 600
LEVELS = (0.5, 0.9, 0.95, 0.99)


def targets_of(step: int) -> Targets:
    """(lead, width) in steps: the windows, then the single steps; those of one length count once."""
    widths = sorted({max(1, int(np.ceil(w / step))) for w in WINDOW_SECONDS})
    leads = sorted({max(1, round(s / step)) for s in LEAD_SECONDS})
    return (*((0, width) for width in widths), *((lead, 1) for lead in leads))


@dataclass(frozen=True, eq=False)
class Scores:
    """How one model did on one group: arrays [n, targets, q] over the test."""

    loss: Floats
    covered: Floats


class Bench:
    """One group of traces with its truth, its frames, and where rehearsal and test lie."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.targets = targets_of(group.step)
        t = group.values.shape[1]
        self.origins: Ints = np.arange(group.rehearsal, t)
        values = group.values.astype(np.float32)
        self.view = Rolling(values, self.origins)
        self.frame: Frame = frame(self.view, least_floor(values[:, : group.test]), group.step)
        self.test = slice(group.test - group.rehearsal, None)
        self.truth = np.stack([self._truth(*target) for target in self.targets], axis=2)

    def _truth(self, lead: int, width: int) -> Floats:
        first, last = lead, lead + width
        return np.where(self.view.complete(first, last), self.view.max(first, last), np.nan)

    def points(self, said: Floats) -> Floats:
        """Calibrated quantiles [n, o, targets, q] around expected maxima [n, o, targets].

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
        """Calibrated quantiles around quantiles [n, o, targets, LEVELS] that a model says by itself."""
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
        trail, _ = walk(fresh, 0, quantiles, truth, sum(self.targets[w]))
        return np.sort(quantiles + trail * spread(quantiles, levels), axis=2)

    def scores(self, said: Floats) -> Scores:
        """Of quantiles [n, o, targets, LEVELS] over the test."""
        shape = (len(said), len(self.targets), len(LEVELS))
        loss, covered = np.empty(shape), np.empty(shape)
        for w, (lead, _) in enumerate(self.targets):
            every = self.every if lead else 1
            truth = self.truth[:, self.test, w][:, ::every]
            for k, level in enumerate(LEVELS):
                quantile = said[:, ::every, w, k]
                loss[:, w, k] = scaled_pinball(truth, quantile, level)
                covered[:, w, k] = coverage(truth, quantile)
        return Scores(loss, covered)

    def by_clock(self, said: Floats) -> Floats:
        """Share of windows under the quantile by three hours of the day, [n, 8, LEVELS above the median]."""
        windows = [w for w, (lead, _) in enumerate(self.targets) if not lead]
        truth, quantile = self.truth[:, self.test][..., windows, None], said[:, :, windows, 1:]
        inside = np.where(np.isfinite(truth), truth <= quantile, np.nan)
        day = DAY_SECONDS // self.group.step
        part = self.origins[self.test] % day * 8 // day
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a service without a truth in some part of the day
            return np.stack([np.nanmean(inside[:, part == k], axis=(1, 2)) for k in range(8)], axis=1)

    @property
    def every(self) -> int:
        """Origins from one at which single steps are scored to the next."""
        return max(1, STEPS_EVERY_SECONDS // self.group.step)

    def fleet(self, model: FleetModel, single_steps: bool = True) -> Floats:
        """What the fleet model says in the test [n, o, targets, LEVELS], fitted once, at its beginning.

        Single steps are NaN at the origins at which they are not scored.
        """
        group = self.group
        fitted = model.fit(group.panel(0, group.test))
        ahead = group.panel(group.test, group.values.shape[1])
        windows = [width * group.step for lead, width in self.targets if not lead]
        leads = [lead for lead, _ in self.targets if lead]
        said = fitted.rolling(ahead, windows)[..., [int(np.argmin(abs(QUANTILES - q))) for q in LEVELS]]
        steps = np.full((*said.shape[:2], len(leads), len(LEVELS)), np.nan)
        for k, forecaster in enumerate(fitted.through(ahead, self.every) if single_steps else ()):
            if k * self.every < steps.shape[1]:
                told = stepwise(forecaster, max(leads) + 1, group.step, LEVELS)
                steps[:, k * self.every] = told.steps[:, leads]
        return np.concatenate([said, steps], axis=2)
