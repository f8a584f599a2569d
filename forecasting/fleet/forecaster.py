"""A fitted fleet on its way through time.

Tick: describe the newest origin, ask the networks, apply the offsets, settle what has come true. Going through many
origins at once (`rolled_peaks`, `ticked`) gives the same numbers much faster.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property, partial

import numpy as np

from forecasting.calibration import pace_of, walk
from forecasting.executor import Executor, run_all
from forecasting.fleet.calendar import Calendar, Calendars, Seasons
from forecasting.fleet.features import Features
from forecasting.fleet.learning import predict
from forecasting.fleet.network import Networks
from forecasting.fleet.rehearsal import Rehearsal
from forecasting.fleet.told import between, sparse, told_of
from forecasting.fleet.window_stats import LatestOrigin, PrefixSums, WindowStats
from forecasting.forecast import Coverage, Forecast
from forecasting.guards import guarded, within
from forecasting.history import History
from forecasting.levels import LEVELS, TRACKED_LEVELS, level_weights
from forecasting.panel import Array, Floats, Ints, Panel
from forecasting.pending import PendingPredictions
from forecasting.tail import HIGHEST_LOG, calibrated_logs
from forecasting.windows import Window, width_of

_BLOCK_ROWS = 1024
_ORIGINS = 50_000
"""Origins of rows that are looked at together: their features take some 50 MiB."""
_ROLLED_ROWS = 8
"""Are rolled at once: 20 MiB for a day of minutes."""


@dataclass(frozen=True, eq=False)
class FleetForecaster:
    """A fitted fleet; see `Forecaster`, `TicksFast`, `RollsFast` and `LooksFar` for what each method promises."""

    history: History
    names: tuple[str, ...]
    least: Array
    """[n]: the smallest floor of each row's frame."""
    periods: Ints
    """[n]: as `Features.periods`."""
    clock: Array
    """[n, steps of an hour]: as `Features.clock`."""
    calendars: Calendars
    networks: Networks
    pending: PendingPredictions
    executor: Executor

    def __getstate__(self) -> dict[str, object]:
        """Without what is found again: of ten thousand services the newest origin is hundreds of MiB."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def origin(self) -> float:
        return self.history.end

    def observe(self, panel: Panel) -> FleetForecaster:
        after = self.history.extended(panel)
        if after is self.history:
            return self
        return replace(self, history=after, pending=self.pending.settled(self.history, after)).awaiting(self.history)

    def awaiting(self, before: History | None = None) -> FleetForecaster:
        """With what it says at its origin put down, to be settled when the truth is known; `before` is the history that
        it had then."""
        due = self.pending.due(self.history, before)
        said = self._said([self.pending.windows[k] for k in due])
        after = replace(self, pending=self.pending.said(self.history.length, dict(zip(due, said, strict=True))))
        vars(after)["_latest"] = self._latest  # it is described as it was: the origin is the same
        return after

    def forecast(self, horizon: int, windows: Sequence[float], levels: Sequence[float] = LEVELS) -> Forecast:
        told = told_of(horizon, len(self.history.keys), self.history.step)
        return guarded(between(self._raw(told, windows, levels), told, horizon), self.history)

    def sketch(self, key: str, horizon: int, levels: Sequence[float] = LEVELS) -> Forecast:
        """As `Sketches` says."""
        row, told = self.history.keys.index(key), sparse(horizon, self.history.step)
        one = self._rows(slice(row, row + 1))
        return guarded(between(one._raw(told, (), levels), told, horizon), one.history)

    def at(self, steps: Sequence[int], levels: Sequence[float], rows: int) -> Floats:
        """As `LooksFar` says."""
        some = self if rows >= len(self.history.keys) else self._rows(slice(0, rows))
        return guarded(some._raw(steps, (), levels), some.history).steps

    def _raw(self, told: Sequence[int], windows: Sequence[float], levels: Sequence[float]) -> Forecast:
        """What the networks say of these steps and windows; in `steps` are those that were `told` alone."""
        history, q = self.history, np.asarray(levels, dtype=float)
        asked = np.sort(np.asarray(windows, dtype=float))
        wanted = [Window(j, 1) for j in told]
        wanted += [Window(0, width_of(seconds, history.step)) for seconds in asked]
        said = np.sort(self._said(wanted), axis=2) @ level_weights(TRACKED_LEVELS, q).astype(np.float32)
        steps, peaks = (np.moveaxis(part, 0, 1) for part in (said[: len(told)], said[len(told) :]))
        silent = (None,) * len(history.keys)
        return Forecast(history.end, history.step, q, steps, asked, peaks, history.keys, self.names, silent)

    def realised(self) -> Coverage:
        """As `Forecaster` says, over about the last three days."""
        pending = self.pending
        return Coverage(self.history.keys, pending.seconds(self.history.step), TRACKED_LEVELS, pending.coverage())

    def rolled_peaks(self, panel: Panel, windows: Sequence[float], levels: Sequence[float]) -> Array:
        """As `RollsFast` says; a row that would have no forecast at some origin says there what it can. Some rows at a
        time: what is worked out on the way is ten times as large as what is said."""
        keys, count = self.history.keys, panel.values.shape[1]
        out = np.empty((len(keys), count, len(windows), len(levels)), dtype=np.float32)
        for first in range(0, len(keys), _ROLLED_ROWS):
            rows = slice(first, first + _ROLLED_ROWS)
            part = self._rows(rows)
            out[rows] = part._rolled(part.history.extended(panel), count, windows, levels)
        return out

    def _rolled(self, after: History, count: int, windows: Sequence[float], levels: Sequence[float]) -> Array:
        """`rolled_peaks` of the last `count` steps of a history that grew from this one."""
        origins = after.length - count + np.arange(count)
        wanted = [Window(0, width_of(seconds, after.step)) for seconds in windows]
        read = level_weights(TRACKED_LEVELS, np.asarray(levels, dtype=float))
        out = np.empty((len(after.keys), len(origins), len(wanted), len(levels)), dtype=np.float32)
        trails = self._trails(after, origins, {k for window in wanted for k in self.pending.beside(window)[:2]})
        for rows, features in self._features_at(after, origins):
            for w, window in enumerate(wanted):
                logs = predict(self.networks.peaks, features, window)
                logs = calibrated_logs(logs, self.pending.offsets(window, trails[rows]), TRACKED_LEVELS)
                demand = np.nan_to_num(features.frame.demand(np.minimum(logs, HIGHEST_LOG)))
                out[rows, :, w] = np.sort(within(demand, after.cap[rows]), axis=2) @ read
        return np.maximum.accumulate(out, axis=2)

    def ticked(self, panel: Panel, every: int) -> Iterator[FleetForecaster]:
        """As `TicksFast` says. Realised coverage stays that of the beginning."""
        after = self.history.extended(panel)
        first = after.length - panel.values.shape[1]
        origins = np.arange(first, after.length + 1)
        trails = self._trails(after, origins, range(len(self.pending.windows)))
        for i in range(0, len(origins), every):
            calibration = replace(self.pending.calibration, offsets=trails[:, :, i])
            pending = PendingPredictions.of(self.pending.windows, calibration)
            yield replace(self, history=after.cut(first + i), pending=pending)

    def rehearsed(self, settled: Ints) -> FleetForecaster:
        """Calibrated on the last days; those of the rows that are `settled` together."""
        describe = partial(self._features, self.history)
        rehearsal = Rehearsal(self.history, self.networks, self.pending, self.calendars, describe, self.executor)
        done = rehearsal.calibrated(settled)
        return replace(self, pending=PendingPredictions.of(self.pending.windows, done))

    def _rows(self, some: slice) -> FleetForecaster:
        """Of some rows only, with nothing waiting to be settled."""
        pending = PendingPredictions.of(self.pending.windows, self.pending.calibration.rows(some))
        return replace(
            self, history=self.history.rows(some), names=self.names[some], least=self.least[some], pending=pending,
            periods=self.periods[some], clock=self.clock[some], calendars=self.calendars.rows(some),
        )  # fmt: skip

    def _features(
        self, history: History, rows: slice | Ints, calendar: Calendar | None, stats: WindowStats
    ) -> Features:
        """Of some rows of a history that grew from this one, which all go by one calendar."""
        seasons = Seasons(history.start, history.step, calendar)
        return Features.of(stats, self.least[rows], seasons, self.periods[rows], self.clock[rows])

    def _features_at(self, history: History, origins: Ints) -> Iterator[tuple[slice | Ints, Features]]:
        """Of all rows at many origins, as many rows at once as fit."""
        for rows, calendar in self.calendars.blocks(max(1, _ORIGINS // max(1, len(origins)))):
            yield rows, self._features(history, rows, calendar, PrefixSums(history.values[rows], origins))

    def _trails(self, history: History, origins: Ints, which: Iterable[int]) -> Array:
        """The offsets [n, windows, o, q] at each origin, settled as the truth becomes known; zeros but for `which`."""
        windows, own = self.pending.windows, self.pending.calibration
        out = np.zeros((len(history.keys), len(windows), len(origins), len(TRACKED_LEVELS)), dtype=np.float32)
        for k in which:
            window, ensemble = windows[k], self.networks.of(windows[k])
            due = self.pending.last_turn(k, history, origins) == origins
            if not due.any():
                out[:, k] = own.offsets[:, k, None]
                continue
            parts = [
                (predict(ensemble, features, window), features.truth(window))
                for _, features in self._features_at(history, origins[due])
            ]
            logs, truth = (self.calendars.in_order(part) for part in zip(*parts, strict=True))
            delay, pace = -(-window.end // window.every), pace_of(window, history.step, window.every)
            trail = walk(own, k, logs, truth, delay, pace, calibrated_logs)[0]
            out[:, k] = trail[:, np.maximum(np.cumsum(due) - 1, 0)]
        return out

    @cached_property
    def _latest(self) -> list[Features]:
        """The newest origin as the networks see it, in blocks of rows."""
        return run_all(self.executor, self._look, self._blocks)

    @cached_property
    def _blocks(self) -> list[tuple[slice | Ints, Calendar | None]]:
        return list(self.calendars.blocks(_BLOCK_ROWS))

    def _look(self, block: tuple[slice | Ints, Calendar | None]) -> Features:
        return self._features(self.history, *block, LatestOrigin(self.history.values[block[0]]))

    def _said(self, windows: Sequence[Window]) -> Array:
        """Quantiles of windows at TRACKED_LEVELS, [windows, n, q], in demand; each level by itself, unsorted. What was
        put down at this origin is not worked out again."""
        found = dict(self.pending.at(self.history.length))
        new = [window for window in dict.fromkeys(windows) if window not in found]
        rows_of = [rows for rows, _ in self._blocks]
        blocks = list(zip(rows_of, self._latest, strict=True))
        out = np.empty((len(new), len(self.history.keys), len(TRACKED_LEVELS)), dtype=np.float32)
        for rows, said in zip(rows_of, run_all(self.executor, partial(self._say, new), blocks), strict=True):
            out[:, rows] = said
        found |= zip(new, out, strict=True)
        return np.array([found[window] for window in windows], np.float32).reshape(len(windows), *out.shape[1:])

    def _say(self, windows: Sequence[Window], block: tuple[slice | Ints, Features]) -> Array:
        """`_said` of one block of rows."""
        rows, features = block
        own = self.pending.calibration.offsets[rows]
        out = np.empty((len(windows), len(features.frame.anchor), len(TRACKED_LEVELS)), dtype=np.float32)
        for k, window in enumerate(windows):
            logs = predict(self.networks.of(window), features, window)[:, 0]
            logs = calibrated_logs(logs, self.pending.offsets(window, own), TRACKED_LEVELS)
            out[k] = features.frame.demand(np.minimum(logs, HIGHEST_LOG)[:, None])[:, 0]
        return out
