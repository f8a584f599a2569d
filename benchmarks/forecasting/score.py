"""The same calibration around every peer, and the same score for everyone."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from benchmarks.forecasting.peers import Windows
from benchmarks.forecasting.traces import DAY_SECONDS, Group
from forecasting.calibration import Calibration, pace_of, rate_of, walk
from forecasting.fleet.features import Frame, frame
from forecasting.fleet.learning import least_floor
from forecasting.fleet.model import FleetModel
from forecasting.fleet.window_stats import PrefixSums
from forecasting.levels import TRACKED_LEVELS
from forecasting.panel import Floats, Ints
from forecasting.pending import COVERAGE_DAYS
from forecasting.rolling import rolled_peaks, ticked
from forecasting.scoring import coverage, scaled_pinball
from forecasting.tail import calibrated
from forecasting.windows import Window, width_of

WINDOW_SECONDS = (120.0, 240.0, 660.0)
"""Readiness lags of 60, 180 and 600 s plus a tick of a minute."""
LEAD_SECONDS = (300.0, 1800.0)
"""Single steps are scored so far ahead, at an origin every ten minutes."""
STEPS_EVERY_SECONDS = 600
FAR_SECONDS = (3600.0, 10_800.0, 28_800.0, 86_400.0)
"""Single steps that end so far ahead are scored at an origin every hour."""
FAR_EVERY_SECONDS = 3600
LEVELS = (0.5, 0.9, 0.95, 0.99)


def windows_of(step: int) -> Windows:
    """The windows that begin at the origin, each length once, then the single steps, the far ones last."""
    widths = sorted({width_of(seconds, step) for seconds in WINDOW_SECONDS})
    leads = sorted({max(1, round(seconds / step)) for seconds in LEAD_SECONDS})
    leads += [round(seconds / step) - 1 for seconds in FAR_SECONDS]
    return (*(Window(0, width) for width in widths), *(Window(lead, 1) for lead in leads))


@dataclass(frozen=True, eq=False)
class Scores:
    """How one model did on one group: arrays [n, windows, q] over the test."""

    loss: Floats
    covered: Floats


class Bench:
    """One group of traces with its truth, its frames, and where rehearsal and test lie."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.windows = windows_of(group.step)
        t = group.values.shape[1]
        self.origins: Ints = np.arange(group.rehearsal, t)
        values = group.values.astype(np.float32)
        self.stats = PrefixSums(values, self.origins)
        self.frame: Frame = frame(self.stats, least_floor(values[:, : group.test]), group.step)
        self.test = slice(group.test - group.rehearsal, None)
        self.truth = np.stack([self._truth(window) for window in self.windows], axis=2)

    def _truth(self, window: Window) -> Floats:
        first, last = window.lead, window.end
        return np.where(self.stats.complete(first, last), self.stats.max(first, last), np.nan)

    def points(self, said: Floats) -> Floats:
        """Calibrated quantiles [n, o, windows, q] around expected maxima [n, o, windows].

        The first guess of each quantile is that of the errors of the three days before the test; from there
        offsets are walked through those days and the test. Errors are taken both as ratios and as
        differences, and each service and window keeps what served it better in the rehearsal.
        """
        first, unit = self.test.start, self.frame.usual.mean(axis=1)[:, None, None]
        out = []
        for w in range(said.shape[2]):
            truth = self.truth[..., w]
            logs = self._walked(*self._guessed(self.frame.log(said[..., w]), self.frame.log(truth)), w, TRACKED_LEVELS)
            ratios = np.maximum(self.frame.demand(np.minimum(logs, 30)), 0)
            plain = self._guessed(said[..., w] / unit[..., 0], truth / unit[..., 0])
            sums = np.maximum(self._walked(*plain, w, TRACKED_LEVELS) * unit, 0)
            losses = [
                np.nansum(
                    [scaled_pinball(truth[:, :first], x[:, :first, k], q) for k, q in enumerate(TRACKED_LEVELS)], axis=0
                )
                for x in (ratios, sums)
            ]
            out.append(np.where((losses[0] <= losses[1])[:, None, None], ratios, sums)[:, first:])
        return np.stack(out, axis=2)[..., [int(np.argmin(abs(TRACKED_LEVELS - q))) for q in LEVELS]]

    def _guessed(self, said: Floats, truth: Floats) -> tuple[Floats, Floats]:
        """Quantiles [n, o, q] around `said` [n, o], from the errors of the rehearsal; and the truth."""
        error = (truth - said)[:, : self.test.start]
        known = np.isfinite(error).any(axis=1)
        guess = np.zeros((len(error), len(TRACKED_LEVELS)))
        guess[known] = np.nanquantile(error[known], TRACKED_LEVELS, axis=1).T
        return said[..., None] + guess[:, None], truth

    def quantiles(self, said: Floats) -> Floats:
        """Calibrated quantiles around quantiles [n, o, windows, LEVELS] that a model says by itself."""
        out = []
        for w in range(said.shape[2]):
            logs = np.stack([self.frame.log(said[:, :, w, k]) for k in range(len(LEVELS))], axis=2)
            walked = self._walked(logs, self.frame.log(self.truth[..., w]), w, np.array(LEVELS))
            out.append(np.maximum(self.frame.demand(np.minimum(walked, 30)), 0))
        return np.stack(out, axis=2)[:, self.test]

    def _walked(self, quantiles: Floats, truth: Floats, w: int, levels: Floats) -> Floats:
        """With offsets walked through rehearsal and test, sorted."""
        quantiles = quantiles.astype(np.float32)
        step = self.group.step
        fresh = Calibration.fresh(len(quantiles), 1, levels, rate_of(step), COVERAGE_DAYS * DAY_SECONDS / step)
        window = self.windows[w]
        trail, _ = walk(fresh, 0, quantiles, truth, window.end, pace_of(window, step, 1))
        return np.sort(calibrated(quantiles, trail, levels), axis=2)

    def scores(self, said: Floats) -> Scores:
        """Of quantiles [n, o, windows, LEVELS] over the test."""
        shape = (len(said), len(self.windows), len(LEVELS))
        loss, covered = np.empty(shape), np.empty(shape)
        for w, window in enumerate(self.windows):
            every = self.every(window)
            truth = self.truth[:, self.test, w][:, ::every]
            for k, level in enumerate(LEVELS):
                quantile = said[:, ::every, w, k]
                loss[:, w, k] = scaled_pinball(truth, quantile, level)
                covered[:, w, k] = coverage(truth, quantile)
        return Scores(loss, covered)

    def by_clock(self, said: Floats) -> Floats:
        """Share of windows under the quantile by three hours of the day, [n, 8, LEVELS above the median]."""
        windows = [w for w, window in enumerate(self.windows) if not window.lead]
        truth, quantile = self.truth[:, self.test][..., windows, None], said[:, :, windows, 1:]
        inside = np.where(np.isfinite(truth), truth <= quantile, np.nan)
        day = DAY_SECONDS // self.group.step
        part = self.origins[self.test] % day * 8 // day
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a service without a truth in some part of the day
            return np.stack([np.nanmean(inside[:, part == k], axis=(1, 2)) for k in range(8)], axis=1)

    @property
    def far(self) -> list[int]:
        """Which windows are single steps far ahead, by how far."""
        return list(range(len(self.windows) - len(FAR_SECONDS), len(self.windows)))

    def every(self, window: Window) -> int:
        """Origins from one at which a window is scored to the next."""
        if not window.lead:
            return 1
        far = window in [self.windows[w] for w in self.far]
        return max(1, (FAR_EVERY_SECONDS if far else STEPS_EVERY_SECONDS) // self.group.step)

    def fleet(self, model: FleetModel, single_steps: bool = True) -> Floats:
        """What the fleet model says in the test [n, o, windows, LEVELS], fitted once, at its beginning.

        Single steps are NaN at the origins at which they are not scored.
        """
        group = self.group
        fitted = model.fit(group.panel(0, group.test))
        ahead = group.panel(group.test, group.values.shape[1])
        windows = [float(window.width * group.step) for window in self.windows if not window.lead]
        singles = [window for window in self.windows if window.lead]
        apart = [self.every(window) for window in singles]
        tracked = [int(np.argmin(abs(TRACKED_LEVELS - q))) for q in LEVELS]
        said = rolled_peaks(fitted, ahead, windows, TRACKED_LEVELS[tracked].tolist())
        steps = np.full((*said.shape[:2], len(singles), len(LEVELS)), np.nan)
        for k, forecaster in enumerate(ticked(fitted, ahead, min(apart)) if single_steps else ()):
            origin = k * min(apart)
            asked = [w for w, every in enumerate(apart) if origin % every == 0]
            if origin < steps.shape[1]:
                told = forecaster.forecast(max(singles[w].end for w in asked), (), LEVELS)
                steps[:, origin, asked] = told.steps[:, [singles[w].lead for w in asked]]
        return np.concatenate([said, steps], axis=2)
