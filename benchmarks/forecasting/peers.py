"""What we compare with. Each peer says, at every origin, the largest step it expects in each window.

A peer is a function `(values [t], step, origins [o], windows) -> [o, windows]` over one service. It may look at
`values[:origin]` only. Peers that need fitting are refitted at each midnight and rolled forward in between
with the parameters they found, as their own software does. Gaps are filled with the last value seen.

Rebuilt from their descriptions (not their code):
- Crane's DSP: clip to P0.1..P99.9, find a period of a day or a week by autocorrelation, choose by the last
  period's error between "largest of past periods" and a low-pass Fourier model, each with a margin.
- NVIDIA Dynamo's planner: ARIMA, here (1,1,1) fitted on the last day; and a local linear trend Kalman filter.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import numpy as np

from forecasting.fleet.window_stats import window_max
from forecasting.panel import Floats, Ints
from forecasting.windows import Window

Windows = tuple[Window, ...]
Peer = Callable[[Floats, int, Ints, Windows], Floats]
DAY_SECONDS = 86_400


def forward_filled(values: Floats) -> Floats:
    """Gaps filled with the last value before them; zero before the first."""
    seen = np.isfinite(values)
    last = np.maximum.accumulate(np.where(seen, np.arange(len(values)), -1))
    return np.asarray(np.where(last >= 0, np.nan_to_num(values)[np.maximum(last, 0)], 0.0))


def days(origins: Ints, step: int) -> Iterator[tuple[int, Ints]]:
    """Each midnight with the origins of its day."""
    day = DAY_SECONDS // step
    for midnight in np.unique(origins // day) * day:
        yield int(midnight), origins[(origins >= midnight) & (origins < midnight + day)]


def reach(windows: Windows) -> int:
    """Steps from an origin to the end of the farthest window."""
    return max(window.end for window in windows)


def peaks_of(path: Floats, windows: Windows) -> Floats:
    """`path` [h] by absolute time -> [h - reach, windows] as seen from each time."""
    length = len(path) - reach(windows)
    return np.stack([window_max(path[None], w.width)[0, w.lead : w.lead + length] for w in windows], axis=1)


def last_value(values: Floats, step: int, origins: Ints, windows: Windows) -> Floats:
    """What was seen last."""
    return np.repeat(forward_filled(values)[origins - 1][:, None], len(windows), axis=1)


def seasonal_naive(values: Floats, step: int, origins: Ints, windows: Windows) -> Floats:
    """The same window yesterday."""
    day = DAY_SECONDS // step
    path = np.concatenate([forward_filled(values), np.zeros(reach(windows))])
    return peaks_of(path, windows)[origins - day]


def yesterday_by_level(values: Floats, step: int, origins: Ints, windows: Windows) -> Floats:
    """The same window yesterday times how the last half hour compares with yesterday's."""
    day, span = DAY_SECONDS // step, max(2, 1800 // step)
    filled = forward_filled(values)
    sums = np.concatenate([[0.0], np.cumsum(filled)])
    now = (sums[origins] - sums[origins - span]) / span
    then = (sums[origins - day] - sums[origins - day - span]) / span
    small = 0.02 * filled[: origins[0]].mean() + 1e-9
    ratio = np.clip((now + small) / (then + small), 0.2, 5)
    return np.asarray(seasonal_naive(values, step, origins, windows) * ratio[:, None])


def holt_winters(values: Floats, step: int, origins: Ints, windows: Windows) -> Floats:
    """Additive Holt-Winters of a day's period (statsmodels), on five-minute means or the native step."""
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    coarse = max(step, 300)
    filled = forward_filled(values)
    day, coarse_day = DAY_SECONDS // step, DAY_SECONDS // coarse
    factor = coarse // step
    means = filled[: len(filled) // factor * factor].reshape(-1, factor).mean(axis=1)
    first = int(np.argmax(np.isfinite(values)))
    out = np.empty((len(origins), len(windows)))
    for midnight, own in days(origins, step):
        begin = max(-(-first // factor), midnight // factor - 14 * coarse_day)
        train = means[begin : midnight // factor]
        if len(train) < 2 * coarse_day:
            out[np.isin(origins, own)] = last_value(values, step, own, windows)
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = ExponentialSmoothing(
                train, seasonal="add", seasonal_periods=coarse_day, initialization_method="heuristic"
            ).fit(optimized=True)
        # The native step's recursion keeps the memory of the coarse one in time.
        alpha = 1 - (1 - min(float(model.params["smoothing_level"]), 0.999)) ** (1 / factor)
        season = np.repeat(np.asarray(model.season)[-coarse_day:], factor)
        level = float(np.asarray(model.level)[-1])
        best = peaks_of(np.resize(season, 2 * day + reach(windows)), windows)
        for i, t in enumerate(range(midnight, own[-1] + 1)):
            k = np.searchsorted(origins, t)
            if k < len(origins) and origins[k] == t:
                out[k] = level + best[i % day]
            if t < len(filled):
                level += alpha * (filled[t] - season[i % day] - level)
    return np.maximum(out, 0.0)


def prophet(values: Floats, step: int, origins: Ints, windows: Windows) -> Floats:
    """Prophet with its defaults on five-minute means (or the native step)."""
    import logging

    import pandas as pd

    logging.getLogger("cmdstanpy").disabled = True
    from prophet import Prophet

    out = np.empty((len(origins), len(windows)))
    factor = max(1, 300 // step)
    for midnight, own in days(origins, step):
        begin = max(0, midnight - 14 * DAY_SECONDS // step)
        part = values[begin:midnight]
        part = part[: len(part) // factor * factor].reshape(-1, factor)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            means = np.nanmean(part, axis=1)
            stamps = pd.to_datetime((begin + np.arange(len(means)) * factor) * step, unit="s")
            frame = pd.DataFrame({"ds": stamps, "y": means}).dropna()
            if len(frame) < 2 * DAY_SECONDS // (factor * step):
                out[np.isin(origins, own)] = last_value(values, step, own, windows)
                continue
            model = Prophet(uncertainty_samples=0).fit(frame, seed=1)
            ahead = np.arange(midnight, own[-1] + reach(windows) + 1)
            known = np.arange(midnight, ahead[-1] + factor + 1, factor)
            future = pd.DataFrame({"ds": pd.to_datetime(known * step, unit="s")})
            path = np.interp(ahead, known, model.predict(future)["yhat"].to_numpy())
        out[np.isin(origins, own)] = peaks_of(np.append(path, path[-1]), windows)[own - midnight]
    return np.maximum(out, 0.0)


def crane_dsp(values: Floats, step: int, origins: Ints, windows: Windows) -> Floats:
    """Crane's DSP, rebuilt; the last value where it finds no period."""
    day = DAY_SECONDS // step
    filled = forward_filled(values)
    out = last_value(values, step, origins, windows)
    first = int(np.argmax(np.isfinite(values)))
    for midnight, own in days(origins, step):
        past = filled[max(first, midnight - 14 * day) : midnight]
        if len(past) < 2 * day:
            continue
        low, high = np.quantile(past, (0.001, 0.999))
        past = np.clip(past, low, high)
        period = next((p for p in (day, 7 * day) if len(past) >= 2 * p and _repeats(past, p)), None)
        if period is None:
            continue
        cycle = _crane_cycle(past, period)
        path = np.resize(cycle, own[-1] - midnight + 1 + reach(windows))
        out[np.isin(origins, own)] = peaks_of(path, windows)[own - midnight]
    return np.maximum(out, 0.0)


def _repeats(past: Floats, period: int) -> bool:
    centred = past - past.mean()
    power = np.mean(centred**2)
    return bool(power > 0 and np.mean(centred[period:] * centred[:-period]) / power > 0.3)


def _crane_cycle(past: Floats, period: int) -> Floats:
    """The estimator and margin that erred least on the last period (too little counts five times)."""
    cycles = past[len(past) % period :].reshape(-1, period)
    candidates: dict[tuple[str, float], tuple[float, Floats]] = {}
    for use, truth in ((cycles[:-1], cycles[-1]), (cycles, None)):
        spectrum = np.fft.rfft(use.mean(axis=0))
        spectrum[40:] = 0
        for margin in (0.0, 0.05, 0.1, 0.2):
            for name, cycle in (("max", use.max(axis=0)), ("fft", np.fft.irfft(spectrum, period))):
                said = cycle * (1 + margin)
                if truth is None:
                    candidates[name, margin] = (candidates[name, margin][0], said)
                else:
                    error = truth - said
                    candidates[name, margin] = (float(np.mean(np.maximum(5 * error, -error))), said)
    return min(candidates.values(), key=lambda pair: pair[0])[1]


def dynamo_arima(values: Floats, step: int, origins: Ints, windows: Windows) -> Floats:
    """ARIMA(1,1,1) fitted each midnight on the last day (at least 300 steps)."""
    from statsmodels.tsa.arima.model import ARIMA

    filled = forward_filled(values)
    out = np.empty((len(origins), len(windows)))
    for midnight, own in days(origins, step):
        train = filled[max(0, midnight - max(300, DAY_SECONDS // step)) : midnight]
        scale = train.std() + 1e-9
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            phi, theta = ARIMA(train[-720:] / scale, order=(1, 1, 1)).fit(method_kwargs={"maxiter": 30}).params[:2]
        moves = np.diff(filled[midnight - 200 : own[-1] + 1])
        error, expected = 0.0, 0.0
        for i, move in enumerate(moves):
            error = move - expected
            expected = phi * move + theta * error
            t = midnight - 200 + i + 2
            k = np.searchsorted(origins, t)
            if k < len(origins) and origins[k] == t:
                path = filled[t - 1] + expected * np.cumsum(phi ** np.arange(reach(windows)))
                out[k] = [path[w.lead : w.end].max() for w in windows]
    return np.maximum(out, 0.0)


def dynamo_kalman(values: Floats, step: int, origins: Ints, windows: Windows) -> Floats:
    """A local linear trend Kalman filter with level noise 1, trend noise 0.1 and measurement noise 10."""
    filled = forward_filled(values)
    transition = np.array([[1.0, 1.0], [0.0, 1.0]])
    cov, noise = np.eye(2) * 10.0, np.diag([1.0, 0.1])
    state = np.array([filled[origins[0] - 500], 0.0])
    out = np.empty((len(origins), len(windows)))
    where = {int(t): k for k, t in enumerate(origins)}
    for t in range(origins[0] - 500, origins[-1] + 1):
        state = transition @ state
        cov = transition @ cov @ transition.T + noise
        if t in where:  # `state` now says step t, from what was seen before it
            out[where[t]] = [state[0] + max(w.lead * state[1], (w.end - 1) * state[1]) for w in windows]
        gain = cov[:, 0] / (cov[0, 0] + 10.0)
        if t < len(filled):
            state = state + gain * (filled[t] - state[0])
            cov = cov - np.outer(gain, cov[0])
    return np.maximum(out, 0.0)


PEERS: dict[str, Peer] = {
    "last value": last_value,
    "seasonal naive": seasonal_naive,
    "yesterday x level": yesterday_by_level,
    "Holt-Winters": holt_winters,
    "Prophet": prophet,
    "Crane DSP": crane_dsp,
    "Dynamo ARIMA": dynamo_arima,
    "Dynamo Kalman": dynamo_kalman,
}
