"""Peers that live in their own environment (requirements/peers.txt): LightGBM, and MSTL with AutoETS.

    python foreign.py mstl|lightgbm IN.npz OUT.npy

IN holds `values` [n, t], `step`, `test`, `rehearsal` (columns) and `windows` (lead and width in steps). OUT is, for
the origins from `rehearsal` on, [n, o, windows] expected maxima (mstl) or [n, o, windows, 4] quantiles at 0.5, 0.9,
0.95 and 0.99 (lightgbm).
Needs no other file of this repository.

LightGBM is one global model per window and level, of the kind that won the M5 competition: lags, rolling
means, maxima and deviations, the same window on the last days and last week, time of day, day of week and the
series' name as a category; everything in units of the series' mean. It is trained twice: on what precedes
the rehearsal (for its calibration), and on what precedes the test.
"""

from __future__ import annotations

import sys
import warnings

import numpy as np

LEVELS = (0.5, 0.9, 0.95, 0.99)
DAY_SECONDS = 86_400
_SAMPLES = 150_000


def window_max(values: np.ndarray, width: int) -> np.ndarray:
    """[n, t]: the largest of `width` steps from each step on; NaN where one is missing."""
    padded = np.concatenate([values, np.full((len(values), width), np.nan)], axis=1)
    views = np.lib.stride_tricks.sliding_window_view(padded, width, axis=1)[:, : values.shape[1]]
    return np.asarray(views.max(axis=2))


def table(x: np.ndarray, step: int, origins: np.ndarray, lead: int, width: int) -> np.ndarray:
    """Features [n, o, f] of what is known at each origin; `x` [n, t] is in units of the series' mean."""
    day = DAY_SECONDS // step
    seen = np.isfinite(x)
    sums = np.concatenate([np.zeros((len(x), 1)), np.cumsum(np.where(seen, x, 0), axis=1)], axis=1)
    squares = np.concatenate([np.zeros((len(x), 1)), np.cumsum(np.where(seen, x * x, 0), axis=1)], axis=1)
    counts = np.concatenate([np.zeros((len(x), 1)), np.cumsum(seen, axis=1)], axis=1)

    def mean(of: np.ndarray, span: int, back: int = 0) -> np.ndarray:
        a, b = np.maximum(origins - back - span, 0), np.maximum(origins - back, 0)
        count = counts[:, b] - counts[:, a]
        return np.asarray((of[:, b] - of[:, a]) / np.where(count > 0, count, np.nan))

    columns = [x[:, origins - lag] for lag in (1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 60)]
    columns += [mean(sums, span) for span in (3, 5, 10, 30, 60, 180, day, 7 * day)]
    spans = (10, 60, day)
    columns += [np.sqrt(np.maximum(mean(squares, span) - mean(sums, span) ** 2, 0)) for span in spans]
    for span in (5, 15, 60, day):
        best = np.fmax.reduce([np.where(seen, x, -np.inf)[:, origins - 1 - k] for k in range(min(span, 60))])
        columns.append(best if span <= 60 else window_max(np.nan_to_num(x), span)[:, origins - span])
    peaks = window_max(x, width)
    for back in (day, 2 * day, 3 * day, 7 * day, 14 * day):
        columns.append(np.where(origins >= back, peaks[:, np.maximum(origins + lead - back, 0)], np.nan))
        columns.append(mean(sums, 30, back))
    columns.append(mean(sums, 60, day))
    shape = columns[0].shape
    clock = origins * step % DAY_SECONDS / DAY_SECONDS
    columns.append(np.broadcast_to(clock, shape))
    columns.append(np.broadcast_to(origins // day % 7, shape))
    columns.append(np.broadcast_to(np.arange(len(x))[:, None], shape))
    return np.stack(columns, axis=2).astype(np.float32)


def lightgbm(values: np.ndarray, step: int, until: int, ask: np.ndarray, windows: list[list[int]]) -> np.ndarray:
    """Trained on what precedes column `until`, asked at `ask`: quantiles [n, len(ask), windows, 4]."""
    import lightgbm as lgb

    day = DAY_SECONDS // step
    first = max(7 * day if np.isfinite(values[:, : 14 * day]).any() else day, 60)
    rng = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        recent = np.nanmean(values[:, :until], axis=1)
        ever = np.nanmean(values, axis=1)
    scale = np.asarray(np.where(np.isfinite(recent) & (recent > 0), recent, ever))[:, None]
    x = values / scale
    out = np.empty((len(values), len(ask), len(windows), len(LEVELS)), dtype=np.float32)
    for w, (lead, width) in enumerate(windows):
        pool = np.arange(first, until - lead - width)
        origins = np.sort(rng.choice(pool, size=min(len(pool), _SAMPLES // len(values)), replace=False))
        truth = window_max(x, width)[:, origins + lead]
        known = np.isfinite(truth)
        features, target = table(x, step, origins, lead, width)[known], truth[known]
        asked = table(x, step, ask, lead, width).reshape(-1, features.shape[1])
        for k, level in enumerate(LEVELS):
            settings = {
                "objective": "quantile", "alpha": level, "learning_rate": 0.06, "num_leaves": 31,
                "min_data_in_leaf": 50, "feature_fraction": 0.5, "bagging_fraction": 0.6, "bagging_freq": 1,
                "max_bin": 127, "num_threads": 1, "verbose": -1, "seed": 1, "deterministic": True,
            }  # fmt: skip
            data = lgb.Dataset(features, target, categorical_feature=[features.shape[1] - 1])
            model = lgb.train(settings, data, 200)
            out[:, :, w, k] = model.predict(asked).reshape(len(values), len(ask)) * scale
        print(f"lightgbm step {step} lead {lead} width {width} of {len(target)} samples", file=sys.stderr, flush=True)
    return np.maximum(out, 0)


def mstl(row: np.ndarray, step: int, origins: np.ndarray, windows: list[list[int]]) -> np.ndarray:
    """MSTL of day (and week) with AutoETS, refitted at midnight: expected maxima [o, windows].

    On half-hourly means, for ten-minute ones took ten times as long.
    Between refits the level follows what is seen with AutoETS's own smoothing (0.3 where it keeps it hidden).
    """
    from statsforecast.models import MSTL, AutoETS

    coarse = max(step, 1800)
    factor, day = coarse // step, DAY_SECONDS // step
    last = np.maximum.accumulate(np.where(np.isfinite(row), np.arange(len(row)), -1))
    filled = np.where(last >= 0, np.nan_to_num(row)[np.maximum(last, 0)], 0.0)
    means = filled[: len(filled) // factor * factor].reshape(-1, factor).mean(axis=1)
    begin = -(-int(np.argmax(np.isfinite(row))) // factor)
    out = np.empty((len(origins), len(windows)))
    reach = max(lead + width for lead, width in windows)
    per_day = DAY_SECONDS // coarse
    for midnight in np.unique(origins // day) * day:
        own = origins[(origins >= midnight) & (origins < midnight + day)]
        if midnight // factor - begin < 2 * per_day:
            out[np.isin(origins, own)] = filled[own - 1][:, None]
            continue
        train = means[max(begin, midnight // factor - 14 * per_day) : midnight // factor]
        seasons = [per_day, 7 * per_day] if len(train) >= 14 * per_day else [per_day]
        trend = AutoETS(model="ZZN")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = MSTL(season_length=seasons, trend_forecaster=trend).fit(train)
            said = np.asarray(model.predict(per_day + reach // factor + 2)["mean"])
        alpha = float(np.clip(getattr(model.trend_forecaster, "model_", {}).get("par", [0.3])[0], 0.02, 0.98))
        alpha = 1 - (1 - alpha) ** (1 / factor)
        ahead = np.arange(midnight, own[-1] + 1 + reach)
        path = np.interp(ahead, midnight + (np.arange(len(said)) + 0.5) * factor, said)
        views = [np.lib.stride_tricks.sliding_window_view(path, w).max(axis=1)[a:] for a, w in windows]
        shift = 0.0
        for t in range(midnight, own[-1] + 1):
            k = np.searchsorted(origins, t)
            if k < len(origins) and origins[k] == t:
                out[k] = [view[t - midnight] + shift for view in views]
            if t < len(filled):
                shift += alpha * (filled[t] - path[t - midnight] - shift)
    return np.maximum(out, 0)


def main(which: str, source: str, target: str) -> None:
    given = np.load(source)
    values, step, windows = given["values"].astype(float), int(given["step"]), given["windows"].tolist()
    test, rehearsal = int(given["test"]), int(given["rehearsal"])
    origins = np.arange(rehearsal, values.shape[1])
    if which == "mstl":
        np.save(target, np.stack([mstl(row, step, origins, windows) for row in values]))
    else:
        before, after = origins[origins < test], origins[origins >= test]
        parts = (lightgbm(values, step, until, at, windows) for until, at in ((rehearsal, before), (test, after)))
        np.save(target, np.concatenate(list(parts), axis=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
