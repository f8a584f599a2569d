"""The fleet model: every service of a panel at once, from one committee of small networks.

Refit: sample origins of the whole fleet, describe each by its recent past and by the same window on earlier
days (features.py), learn quantiles of the coming window's maximum and of single steps (network.py), then
walk through the last days and calibrate each service's quantiles by what came (calibration.py).
Tick: describe the newest origin, ask the committee, apply the offsets, settle what has come true.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from forecasting.calibration import Calibration, spread, walk
from forecasting.fleet.calendar import Calendar, Seasons
from forecasting.fleet.features import Sight, Target
from forecasting.fleet.learning import QUANTILES, ask, chunks, each, fold_of, learn, least_floor
from forecasting.fleet.lookback import Latest, Lookback, Rolling
from forecasting.fleet.network import Committee, Training
from forecasting.fleet.periods import found
from forecasting.fleet.synthetic import services
from forecasting.forecast import LEVELS, Coverage, Forecast
from forecasting.guards import NEEDED_STEPS, guarded, reasons, within
from forecasting.history import History
from forecasting.panel import DAY_SECONDS, Array, Floats, Ints, Panel
from forecasting.pending import Ledger

PEAKS = Training()
STEPS = Training(hidden=(32,), members=2, epochs=4, rate=5e-3)

_HIGHEST_LOG = 10.0
_OTHERS_DAYS = 9.0
_BLOCK_ROWS = 1024
_SIGHTS = 50_000
"""Origins of rows that are looked at together: their features take some 50 MiB."""


@dataclass(frozen=True)
class FleetModel:
    """Settings of the fleet model; the defaults were chosen on the tuning half of the traces."""

    calendar: Calendar | None = None
    """The clock and the holidays of the people who make the load; None: UTC, and every day alike."""
    seed: int = 0
    memory_days: float = 28.0
    window_seconds: tuple[float, ...] = (60.0, 120.0, 240.0, 480.0, 960.0, 1800.0)
    """The windows that are learned and calibrated; others lie between them."""
    lead_seconds: tuple[float, ...] = (0.0, 300.0, 900.0, 3540.0)
    """The single steps that are calibrated."""
    samples: int = 120_000
    samples_per_service: int = 12_000
    others: int = 24
    """How many made-up services lend their shapes to a fleet that is small or young."""
    peaks: Training = PEAKS
    steps: Training = STEPS

    @property
    def name(self) -> str:
        return "fleet"

    @staticmethod
    def rate(step: float) -> float:
        """The calibration's rate: slower per step the more steps there are in a day."""
        return 0.01 * float(np.sqrt(step / 60))

    def targets(self, step: float) -> tuple[Target, ...]:
        """What is calibrated: the windows, then the single steps ahead."""
        widths = sorted({max(1, round(w / step)) for w in self.window_seconds})
        leads = sorted({round(s / step) for s in self.lead_seconds} - {0})
        return (*(Target(0, w) for w in widths), *(Target(a, 1) for a in leads))

    def fit(self, history: Panel) -> FleetForecaster:
        """Learn from `history` [n, t]; the same history and seed give the same forecaster."""
        step = history.step
        own = History.of(history, round(self.memory_days * DAY_SECONDS / step))
        rng = np.random.default_rng(self.seed)
        budget = min(self.samples, self.samples_per_service * len(own.keys))
        targets = self.targets(step)
        windows = [target for target in targets if target.lead == 0]
        ahead = sorted({0, *(round(s / step) for s in (60, 120, 300, 900, 1800, 3540, 7200, 21600, 72000))})
        others = services(self.others, _OTHERS_DAYS, step, rng)
        rows = chunks(len(own.keys), 256)
        periods = np.concatenate([np.zeros(0, np.intp), *each(lambda r: found(own.values[r], step), rows)])
        seasons = Seasons(own.start, step, self.calendar)
        peaks = learn(own.values, periods, seasons, others, windows, budget, self.peaks, rng)
        singles = [Target(a, 1) for a in ahead]
        steps = learn(own.values, periods, seasons, others, singles, budget // 2, self.steps, rng)
        fresh = Calibration.fresh(len(own.keys), len(targets), QUANTILES, self.rate(step), 3 * DAY_SECONDS / step)
        ledger = Ledger.opened(targets, fresh)
        least, names = least_floor(own.values), tuple(_named(own))
        forecaster = FleetForecaster(own, names, least, periods, self.calendar, peaks, steps, ledger)
        return forecaster.rehearsed().awaiting()


def _named(history: History) -> Iterator[str]:
    """The model's name for each row; a row of less than a day says that it borrowed."""
    for row in history.values:
        hours = np.isfinite(row).sum() * history.step / 3600
        yield "fleet" if hours >= 24 else f"fleet, by others' example ({hours:.0f} h of its own)"


@dataclass(frozen=True, eq=False)
class FleetForecaster:
    """A fitted fleet; see `Forecaster` for what each method promises."""

    history: History
    names: tuple[str, ...]
    least: Array
    periods: Ints
    """[n]: the period found in each row beside day and week, in steps; 0 if none."""
    calendar: Calendar | None
    peaks: Committee
    steps: Committee
    ledger: Ledger

    @property
    def origin(self) -> float:
        return self.history.end

    def observe(self, panel: Panel) -> FleetForecaster:
        after = self.history.extended(panel)
        if after is self.history:
            return self
        return replace(self, history=after, ledger=self.ledger.settled(self.history, after)).awaiting()

    def awaiting(self) -> FleetForecaster:
        """With what it says at its origin put down, to be settled when the truth is known."""
        said = self._said(self.ledger.targets)
        return replace(self, ledger=self.ledger.said(self.history.length, list(said)))

    def forecast(self, horizon: int, windows: Sequence[float], levels: Sequence[float] = LEVELS) -> Forecast:
        history = self.history
        asked = np.sort(np.asarray(windows, dtype=float))
        q = np.asarray(levels, dtype=float)
        # Every step of the first ten, then every fifth; between them, a line. Ten thousand services have two seconds.
        told = [j for j in range(horizon) if j <= 10 or j % 5 == 0 or j == horizon - 1]
        targets = [Target(j, 1) for j in told]
        targets += [Target(0, width_of(seconds, history.step)) for seconds in asked]
        said = np.sort(self._said(targets), axis=2) @ reading(q).astype(np.float32)
        steps, peaks = (np.moveaxis(part, 0, 1) for part in (said[: len(told)], said[len(told) :]))
        between = [np.interp(np.arange(horizon), told, row) for row in np.eye(len(told), dtype=np.float32)]
        if len(told) < horizon:
            steps = np.einsum("ntq,th->nhq", steps, np.array(between, dtype=np.float32), optimize=True)
        return guarded(history, q, steps, asked, peaks, self.names, reasons(history))

    def realised(self) -> Coverage:
        """As `Forecaster` says."""
        return Coverage(self.history.keys, self.ledger.windows(self.history.step), QUANTILES, self.coverage())

    def coverage(self) -> Array:
        """Realised coverage [n, w, q] over about the last three days, at QUANTILES."""
        return self.ledger.coverage()

    def rolling(self, panel: Panel, windows: Sequence[float]) -> Array:
        """What a service that ticks every step through `panel` would say: [n, o, w, q] at QUANTILES.

        Origin `o` is the origin of this forecaster plus `o` steps, one for each step of the panel, which
        must follow it at once. The same numbers as `observe` and `forecast` in turn, much faster.
        """
        after = self.history.extended(panel)
        origins = after.length - panel.values.shape[1] + np.arange(panel.values.shape[1])
        targets = [Target(0, width_of(w, after.step)) for w in windows]
        out = np.empty((len(after.keys), len(origins), len(targets), len(QUANTILES)), dtype=np.float32)
        trails = self._trails(after, origins, {k for target in targets for k in self.ledger.beside(target)[:2]})
        for rows, sight in self._views(after, origins):
            for w, target in enumerate(targets):
                logs = ask(self.peaks, sight, target)
                logs = logs + self.ledger.offsets(target, trails[rows]) * spread(logs, QUANTILES)
                demand = np.nan_to_num(sight.frame.demand(np.minimum(logs, _HIGHEST_LOG)))
                out[rows, :, w] = np.sort(within(demand, after.cap[rows]), axis=2)
        return np.maximum.accumulate(out, axis=2)

    def through(self, panel: Panel, every: int) -> Iterator[FleetForecaster]:
        """This forecaster, and what ticks at each step of `panel` make of it after each `every` of them.

        The panel must follow at once. Realised coverage stays that of the beginning.
        """
        after = self.history.extended(panel)
        first = after.length - panel.values.shape[1]
        origins = np.arange(first, after.length + 1)
        trails = self._trails(after, origins, range(len(self.ledger.targets)))
        for i in range(0, len(origins), every):
            calibration = replace(self.ledger.calibration, offsets=trails[:, :, i])
            ledger = Ledger.opened(self.ledger.targets, calibration)
            yield replace(self, history=after.cut(first + i), ledger=ledger)

    def _sight(self, history: History, rows: slice, view: Lookback) -> Sight:
        """Some rows of a history that grew from this one."""
        seasons = Seasons(history.start, history.step, self.calendar)
        return Sight.of(view, self.least[rows], seasons, self.periods[rows])

    def _views(self, history: History, origins: Ints) -> Iterator[tuple[slice, Sight]]:
        """All rows at many origins, as many rows at once as fit."""
        for rows in chunks(len(history.keys), max(1, _SIGHTS // max(1, len(origins)))):
            yield rows, self._sight(history, rows, Rolling(history.values[rows], origins))

    def _trails(self, history: History, origins: Ints, which: Iterable[int]) -> Array:
        """The offsets [n, targets, o, q] at each origin, settled as the truth becomes known; zeros but for `which`."""
        targets, own = self.ledger.targets, self.ledger.calibration
        out = np.zeros((len(history.keys), len(targets), len(origins), len(QUANTILES)), dtype=np.float32)
        for k in which:
            target, committee = targets[k], self._committee(targets[k])
            parts = [(ask(committee, sight, target), sight.truth(target)) for _, sight in self._views(history, origins)]
            logs, truth = (np.concatenate(part) for part in zip(*parts, strict=True))
            out[:, k] = walk(own, k, logs, truth, target.lead + target.width)[0]
        return out

    def rehearsed(self) -> FleetForecaster:
        """Calibrated on the last days, each origin answered by the member that never saw it.

        Origins are every step for a few services and an hour apart for ten thousand, so that the cost of a
        rehearsal grows with the fleet as a line, and stays within that of learning.
        """
        values, step = self.history.values, self.history.step
        n, t = values.shape
        days = 7 if n <= 200 else 3
        wanted = int(np.clip(400_000 / (n * len(self.ledger.targets)), 48, 2016)) if n else 0
        earliest = max(NEEDED_STEPS, t - round(days * DAY_SECONDS / step))
        if t - earliest < 2 or not n:
            return self
        every = max(1, -(-(t - earliest) // wanted))
        origins = np.arange(t - 1, earliest, -every)[::-1]
        parts = each(lambda rows: self._rehearse(rows, origins, every), chunks(n))
        offsets, settled, covered = (
            np.concatenate([getattr(p, name) for p in parts]) for name in ("offsets", "settled", "covered")
        )
        # One blind member errs more than the whole committee does: half of its offset is about right.
        done = replace(self.ledger.calibration, offsets=np.float32(0.5) * offsets, settled=settled, covered=covered)
        return replace(self, ledger=Ledger.opened(self.ledger.targets, done))

    def _rehearse(self, rows: slice, origins: Ints, every: int) -> Calibration:
        values, step = self.history.values[rows], self.history.step
        sight = self._sight(self.history, rows, Rolling(values, origins))
        c = self.ledger.calibration
        out = Calibration.fresh(len(values), len(self.ledger.targets), c.levels, c.rate, c.memory)
        for k, target in enumerate(self.ledger.targets):
            committee = self._committee(target)
            folds = fold_of(origins, self.history.length, step, len(committee.members))
            features = sight.design(target)
            flat = features.reshape(-1, features.shape[2])
            logs = committee.blind(flat, np.broadcast_to(folds, features.shape[:2]).ravel())
            logs = logs.reshape(*features.shape[:2], -1)
            delay = -(-(target.lead + target.width) // every)
            _, out = walk(out, k, logs, sight.truth(target), delay, min(4.0, float(np.sqrt(every))))
        return out

    @cached_property
    def _sights(self) -> list[tuple[slice, Sight]]:
        """The newest origin as the networks see it, in blocks of rows."""

        def look(rows: slice) -> tuple[slice, Sight]:
            return rows, self._sight(self.history, rows, Latest(self.history.values[rows]))

        return each(look, chunks(len(self.history.keys), _BLOCK_ROWS))

    def _committee(self, target: Target) -> Committee:
        return self.peaks if target.lead == 0 else self.steps

    def _said(self, targets: Sequence[Target]) -> Array:
        """Quantiles of the targets at QUANTILES, [targets, n, q], in demand; each level by itself, unsorted."""
        out = np.empty((len(targets), len(self.history.keys), len(QUANTILES)), dtype=np.float32)

        def say(block: tuple[slice, Sight]) -> None:
            rows, sight = block
            for k, target in enumerate(targets):
                logs = ask(self._committee(target), sight, target)[:, 0]
                logs = logs + self.ledger.offsets(target)[rows] * spread(logs, QUANTILES)
                out[k, rows] = sight.frame.demand(np.minimum(logs, _HIGHEST_LOG)[:, None])[:, 0]

        each(say, self._sights)
        return out


def width_of(seconds: float, step: float) -> int:
    """Steps that a window of `seconds` from the origin touches: one that ends inside a step includes it."""
    return max(1, int(np.ceil(seconds / step - 1e-9)))


def reading(levels: Floats) -> Floats:
    """[q, asked]: weights that read `levels` off QUANTILES, linear in -ln(1 - level) as `Outlook.peak`."""
    places = -np.log1p(-np.asarray(QUANTILES, dtype=float))
    wanted = -np.log1p(-levels)
    return np.stack([np.interp(wanted, places, row) for row in np.eye(len(places))])
