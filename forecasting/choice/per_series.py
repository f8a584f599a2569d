"""Several models at once: each service is forecast by the one that its owner chose."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field, replace

import numpy as np

from forecasting.choice.failed import FailedFit, Stuck, observed
from forecasting.choice.placed import placed
from forecasting.far import rows_of, sketched, steps_at
from forecasting.fleet.calendar import Calendar
from forecasting.forecast import Ahead, Coverage, Forecast
from forecasting.levels import LEVELS
from forecasting.model import Forecaster, Model, Remembers
from forecasting.panel import DAY_SECONDS, Array, Floats, Panel
from forecasting.rolling import rolled_peaks, ticked

KEPT_SECONDS = DAY_SECONDS
"""So long a part of an earlier fit speaks; then it is too old to be believed."""
_NO_MORE = "its history could not be read, and what was learned before counts no more"


@dataclass(frozen=True)
class PerSeriesModel:
    """`chosen` names each key's model; keys that it lacks get `default`."""

    models: Mapping[str, Model]
    chosen: Mapping[str, str]
    default: str
    earlier: PerSeriesForecaster | None = None
    """The last fit: from it `auto` knows what it had chosen, and what it knew of a series goes on where this fit
    fails."""
    unread: Collection[str] = ()
    """Keys of which there is no history to learn from this time; what `earlier` knew of them goes on."""
    calendars: Mapping[str, Calendar | None] = field(default_factory=dict)
    """By key, of those that go by another calendar than their model's."""
    name: str = "per-series"

    def fit(self, history: Panel) -> PerSeriesForecaster:
        """Fit each model on its own rows. Raises KeyError for a name that is not one of `models`.

        A model that raises is nobody else's misfortune: its rows alone have no answer (`FailedFit`).
        Rows are put in the order of their keys: a model that draws lots must not depend on who was listed first.
        """
        rows: dict[str, list[str]] = {}
        for key in sorted(history.keys):
            rows.setdefault(self.chosen.get(key, self.default), []).append(key)
        parts: dict[str, Forecaster] = {}
        failed: dict[str, Mapping[str, str]] = {}
        for name, keys in rows.items():
            parts[name], failed[name] = _fitted(name, self._prepared(name), history.select(keys))
        unanswered = {*self.unread, *(key for reasons in failed.values() for key in reasons)}
        lost: dict[str, list[str]] = {}
        for key in sorted(unanswered):
            lost.setdefault(self.chosen.get(key, self.default), []).append(key)
        kept: dict[str, Kept] = {}
        for name, keys in lost.items():
            kept |= self._going_on(name, keys, history)
        return PerSeriesForecaster(
            parts,
            history.end,
            {name: FailedFit(tuple(keys), history.end, history.step, name, "") for name, keys in rows.items()},
            {name: reasons for name, reasons in failed.items() if reasons},
            {key: old.part for key, old in kept.items()},
            {key: old.at for key, old in kept.items()},
        )

    def _going_on(self, name: str, keys: Sequence[str], history: Panel) -> dict[str, Kept]:
        """By key what answers for the lost ones of a model: the one earlier part that knows most of them, of such the
        newest. Each part is advanced as a whole at each tick, so there must not be many.

        Who is unknown to it, and has no history either, is said to have failed.
        """
        answering = self.earlier.answering() if self.earlier is not None else {}
        before = {key: answering[key] for key in keys if key in answering}
        knows = [
            (sorted(_knows(old.part) & before.keys()), old)
            for old in {id(old.part): old for old in before.values()}.values()
            if history.end - old.at <= KEPT_SECONDS
        ]
        known, best = max(knows, key=lambda found: (len(found[0]), found[1].at), default=((), None))
        kept = dict.fromkeys(known, best) if best is not None else {}
        held = tuple(key for key in before if key in self.unread and key not in kept)
        failed = FailedFit(held, history.end, history.step, name, _NO_MORE)
        return kept | {key: Kept(failed, before[key].at) for key in held}

    def _prepared(self, name: str) -> Model:
        model = placed(self.models[name], self.calendars)
        before = self.earlier.fitted(name) if self.earlier else None
        return model.after(before) if isinstance(model, Remembers) and before is not None else model


def _fitted(name: str, model: Model, history: Panel) -> tuple[Forecaster, Mapping[str, str]]:
    """The fitted model, or what stands in for it, and why it has failed by the keys for which it has."""
    try:
        part = model.fit(history)
        return part, _failed(part)
    except CancelledError:  # who had it done is told to stop
        raise
    except Exception as error:  # a library may raise anything
        instead = FailedFit.of(history, name, error)
        return instead, dict.fromkeys(history.keys, instead.reason)


def _knows(part: Forecaster) -> set[str]:
    """Keys for which a fitted model has not failed."""
    try:
        return {*part.realised().keys} - _failed(part).keys()
    except Exception:  # as in a fit
        return set()


def _failed(part: Forecaster) -> Mapping[str, str]:
    """By key, for which a fitted model has no answer although enough of them was observed: why."""
    said = part.forecast(1, (1.0,))
    rows = zip(said.keys, said.failed or (), said.reasons, strict=False)
    return {key: reason or "" for key, failed, reason in rows if failed}


@dataclass(frozen=True, eq=False)
class Kept:
    """A part of an earlier fit."""

    part: Forecaster
    at: float
    """Unix seconds: the end of the history that it learned from."""


@dataclass(frozen=True, eq=False)
class PerSeriesForecaster:
    """The fitted parts by model; between them they know every key once.

    A part that raises on its way costs nobody else anything: what stands in for it says why, and it is asked again.
    """

    parts: Mapping[str, Forecaster]
    fitted_at: float
    """Unix seconds: the end of the history that they learned from."""
    silent: Mapping[str, FailedFit]
    """By model: what stands in for its part where that raises."""
    failed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By model, of those that the fit failed for: why, by key."""
    kept: Mapping[str, Forecaster] = field(default_factory=dict)
    """By key: a part of an earlier fit that answers in place of one that failed, or that has no history."""

    kept_since: Mapping[str, float] = field(default_factory=dict)
    """By the same keys: the end of the history that the part learned from."""

    def answering(self) -> dict[str, Kept]:
        """By key: the part that answers for it."""
        now = {key: Kept(part, self.fitted_at) for name, part in self.parts.items() for key in self.silent[name].keys}
        return {**now, **{key: Kept(part, self.kept_since[key]) for key, part in self.kept.items()}}

    def fitted(self, name: str) -> Forecaster | None:
        """What a model had learned last; None if it never did, or if nobody needs that any more."""
        part = self.parts.get(name)
        if isinstance(part, FailedFit):
            return next((self.kept[key] for key in part.keys if key in self.kept), None)
        return part.part if isinstance(part, Stuck) else part

    @property
    def origin(self) -> float:
        return next(iter((*self.parts.values(), *self.kept.values()))).origin

    def sketch(self, key: str, horizon: int, levels: Sequence[float] = LEVELS) -> Forecast:
        """As `Sketches` says; a part that cannot do it says all that it knows. Raises KeyError for an unknown key."""
        part = self.answering()[key].part
        silent = next(one for one in self.silent.values() if key in one.keys)
        try:
            return sketched(part, key, horizon, levels)
        except Exception as error:
            return replace(silent, keys=(key,)).because(error).forecast(horizon, (), levels)

    def observe(self, panel: Panel) -> PerSeriesForecaster:
        older = {id(part): observed(part, panel, silent) for part, silent in self._kept_parts()}
        return replace(
            self,
            parts={name: observed(part, panel, self.silent[name]) for name, part in self.parts.items()},
            silent={name: silent.observe(panel) for name, silent in self.silent.items()},
            kept={key: older[id(part)] for key, part in self.kept.items()},
        )

    def _kept_parts(self) -> Iterator[tuple[Forecaster, FailedFit]]:
        """Each part that is kept, once, with what stands in for it: for those who still need it."""
        some = next(iter(self.silent.values()))
        for part in {id(part): part for part in self.kept.values()}.values():
            keys = tuple(key for key, kept in self.kept.items() if kept is part)
            yield part, replace(some, keys=keys, model="an earlier fit")

    def ticked(self, panel: Panel, every: int) -> Iterator[PerSeriesForecaster]:
        """As `TicksFast` says, each part in its own way."""
        for parts in zip(*(ticked(part, panel, every) for part in self.parts.values()), strict=True):
            yield replace(self, parts=dict(zip(self.parts, parts, strict=True)))

    def rolled_peaks(self, panel: Panel, windows: Sequence[float], levels: Sequence[float]) -> Array:
        """As `RollsFast` says, each part in its own way."""
        return np.concatenate([rolled_peaks(part, panel, windows, levels) for part in self.parts.values()])

    def realised(self) -> Coverage:
        """As `Forecaster` says; NaN for the keys of a part that raises, or has said nothing."""
        found = [_realised(part, self.silent[name]) for name, part in self.parts.items()]
        able = [part for part, silent in found if not silent] or [found[0][0]]
        shape = able[0].ratios.shape[1:]
        keys = tuple(key for coverage, _ in found for key in coverage.keys)
        ratios = [c.ratios if not silent else np.full((len(c.keys), *shape), np.nan) for c, silent in found]
        return replace(able[0], keys=keys, ratios=np.concatenate(ratios))

    def ahead(self, steps: Sequence[int], levels: Sequence[float], most: int) -> Ahead:
        """What `forecast` says of a few single steps, each part in its own way, of the first so many keys in their
        order. Of those who go on from an earlier fit that is not asked: they have NaN."""
        first = set(sorted(key for silent in self.silent.values() for key in silent.keys)[:most])
        keys: list[str] = []
        said: list[Floats] = [np.empty((0, len(steps), len(levels)))]
        for name, part in self.parts.items():
            mine = [key for key in self.silent[name].keys if key in first]  # in their order, so its first rows
            if mine:
                said.append(_at(part, len(mine), steps, levels))
                keys += mine
        values = np.concatenate(said)
        values[[key in self.kept for key in keys]] = np.nan
        return Ahead(tuple(keys), self.origin, values)

    def forecast(self, horizon: int, windows: Sequence[float], levels: Sequence[float] = LEVELS) -> Forecast:
        asked = horizon, windows, levels
        fresh = [_said(part, self.silent[name], *asked) for name, part in self.parts.items()]
        said = [rows_of(forecast, [k not in self.kept for k in forecast.keys]) for forecast in fresh]
        for part, silent in self._kept_parts():
            forecast = _said(part, silent, *asked)
            said.append(rows_of(forecast, [self.kept.get(key) is part for key in forecast.keys]))
        first = said[0]
        return Forecast(
            origin=first.origin,
            step=first.step,
            levels=first.levels,
            steps=np.concatenate([forecast.steps for forecast in said]),
            windows=first.windows,
            peaks=np.concatenate([forecast.peaks for forecast in said]),
            keys=tuple(key for forecast in said for key in forecast.keys),
            models=tuple(model for forecast in said for model in forecast.models),
            reasons=tuple(reason for forecast in said for reason in forecast.reasons),
            largest=np.concatenate([_largest(forecast) for forecast in said]),
            failed=tuple(failed for forecast in said for failed in forecast.failed or (False,) * len(forecast.keys)),
        )


def _said(
    part: Forecaster, silent: FailedFit, horizon: int, windows: Sequence[float], levels: Sequence[float]
) -> Forecast:
    """What a part says, or why it raises."""
    try:
        return part.forecast(horizon, windows, levels)
    except Exception as error:
        return silent.because(error).forecast(horizon, windows, levels)


def _at(part: Forecaster, rows: int, steps: Sequence[int], levels: Sequence[float]) -> Floats:
    """What a part says of single steps, [rows, steps, q]; NaN where it raises."""
    try:
        return steps_at(part, steps, levels, rows)
    except Exception:
        return np.full((rows, len(steps), len(levels)), np.nan)


def _realised(part: Forecaster, silent: FailedFit) -> tuple[Coverage, bool]:
    """How often a part's words have held; True: it has said nothing, or raises, so that nothing is known."""
    try:
        return part.realised(), isinstance(part, FailedFit | Stuck)
    except Exception:
        return silent.realised(), True


def _largest(forecast: Forecast) -> Floats:
    return np.full(len(forecast.keys), np.inf) if forecast.largest is None else forecast.largest
