"""Made-up request traffic with the shapes that GPU services have: for the demo, the tests and `data/`.

A `Pattern` is a day's rhythm, times a level that wanders, plus bursts and batch jobs. `rates` draws one
course of it (expected requests per minute), `requests` the Poisson counts. All randomness comes from the
Generator that is passed in, so a seed names a course for good.

The shapes follow what the field reports of production traffic: day and week (BurstGPT, Wang et al. 2024;
Azure LLM inference traces, Patel et al. 2024), hours of silence between jobs and heavy-tailed bursts
(Azure Functions, Shahrad et al. 2020). Nothing here was fitted to a trace; figures that must hold in
production come from `ahpa backtest` on production's own metrics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.panel import Floats, Panel

MINUTE_SECONDS = 60.0
DAY_MINUTES = 1440
MONDAY = 1_772_409_600.0
"""2026-03-02T00:00:00Z, a Monday: where the shipped courses begin."""


@dataclass(frozen=True)
class Day:
    """A plateau by day, a plateau by night, logistic ramps between; weekends are smaller."""

    night_per_minute: float
    noon_per_minute: float
    morning_hour: float = 8.5
    """UTC hour at which half of the rise is done."""
    evening_hour: float = 20.0
    ramp_hours: float = 1.5
    """Hours in which the middle three quarters of a ramp happen; 0.3 is a steep morning."""
    weekend_ratio: float = 0.6


@dataclass(frozen=True)
class Bursts:
    """Sudden extra traffic: up within `rise_minutes`, then an exponential decay. Times are a Poisson process."""

    per_day: float
    height_per_minute: float
    """Median; heights are log-normal with sigma 0.5."""
    rise_minutes: float = 3.0
    decay_minutes: float = 20.0


@dataclass(frozen=True)
class Jobs:
    """Batch jobs at about the same hours of every working day; nothing in between."""

    hours: tuple[float, ...]
    per_minute: float
    minutes: float
    jitter_minutes: float = 4.0
    """Standard deviation of a job's start."""


@dataclass(frozen=True)
class Launch:
    """From this day on everything is `ratio` times as much, reached over `ramp_hours`."""

    day: float
    ratio: float
    ramp_hours: float = 6.0


@dataclass(frozen=True)
class Pattern:
    """One service's traffic: the sum of its parts, each of which may be absent."""

    name: str
    day: Day | None = None
    bursts: Bursts | None = None
    jobs: Jobs | None = None
    launch: Launch | None = None
    wander_ratio: float = 0.08
    """Standard deviation of the slow multiplicative noise (hourly knots, autocorrelation 0.8)."""


CHAT = Pattern("chat", Day(night_per_minute=25, noon_per_minute=210))
BATCH = Pattern("batch", jobs=Jobs(hours=(1.0, 6.5, 13.0, 18.5), per_minute=55, minutes=50))
BURSTY = Pattern("bursty", Day(18, 60, weekend_ratio=0.8), Bursts(per_day=5, height_per_minute=90))
MORNING = Pattern("morning", Day(6, 180, morning_hour=9.0, evening_hour=18.0, ramp_hours=0.4, weekend_ratio=0.15))
LAUNCH = Pattern("launch", Day(20, 80), launch=Launch(day=9.4, ratio=2.2))
EXAMPLES = (CHAT, BATCH, BURSTY, MORNING, LAUNCH)


def rates(pattern: Pattern, minutes: int, rng: np.random.Generator, start: float = MONDAY) -> Floats:
    """Expected requests per minute, shape [minutes], from `start` (unix seconds) on."""
    at = np.arange(minutes)
    hours = (start / 3600 + at / 60) % 24
    day_index = np.floor(start / 86_400 + at / DAY_MINUTES)
    weekend = (day_index + 3) % 7 >= 5  # unix day 0 was a Thursday
    out = np.zeros(minutes)
    if pattern.day is not None:
        out += _day(pattern.day, hours) * np.where(weekend, pattern.day.weekend_ratio, 1.0)
    if pattern.launch is not None:
        out *= _launch(pattern.launch, at / DAY_MINUTES)
    out *= _wander(pattern.wander_ratio, minutes, rng)
    if pattern.bursts is not None:
        out += _bursts(pattern.bursts, minutes, rng)
    if pattern.jobs is not None:
        out += _jobs(pattern.jobs, minutes, start, rng)
    # Rounded so that the last bit of exp() on another processor cannot change a Poisson draw.
    return np.round(out, 6)


def requests(pattern: Pattern, minutes: int, rng: np.random.Generator, start: float = MONDAY) -> Floats:
    """Requests that arrived in each minute: Poisson around `rates`. Shape [minutes], whole numbers."""
    return rng.poisson(rates(pattern, minutes, rng, start)).astype(float)


def fleet(patterns: Sequence[Pattern], minutes: int, rng: np.random.Generator, start: float = MONDAY) -> Panel:
    """`requests` of several services on one grid; each has a random stream of its own."""
    rows = [requests(t, minutes, child, start) for t, child in zip(patterns, rng.spawn(len(patterns)), strict=True)]
    return Panel.of(start, MINUTE_SECONDS, rows, [t.name for t in patterns])


def _day(day: Day, hours: Floats) -> Floats:
    # logistic(x / width) passes 1/8 and 7/8 at x = -+1.95 width
    width = day.ramp_hours / 3.9
    share = np.zeros_like(hours)
    for turn in (-24.0, 0.0, 24.0):
        share = np.maximum(
            share,
            _logistic((hours + turn - day.morning_hour) / width) * _logistic((day.evening_hour - hours - turn) / width),
        )
    return day.night_per_minute + (day.noon_per_minute - day.night_per_minute) * share


def _logistic(x: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(x / 2)))


def _launch(launch: Launch, days: Floats) -> Floats:
    done = np.clip((days - launch.day) * 24 / launch.ramp_hours, 0.0, 1.0)
    return np.asarray(1 + (launch.ratio - 1) * done)


def _wander(ratio: float, minutes: int, rng: np.random.Generator) -> Floats:
    knots = rng.normal(0.0, ratio * np.sqrt(1 - 0.8**2), minutes // 60 + 2)
    knots[0] /= np.sqrt(1 - 0.8**2)  # so that the first knot has the stationary spread
    for i in range(1, len(knots)):
        knots[i] += 0.8 * knots[i - 1]
    return np.exp(np.interp(np.arange(minutes), 60.0 * np.arange(len(knots)), knots))


def _bursts(bursts: Bursts, minutes: int, rng: np.random.Generator) -> Floats:
    starts = np.sort(rng.uniform(0, minutes, rng.poisson(bursts.per_day * minutes / DAY_MINUTES)))
    heights = bursts.height_per_minute * np.exp(rng.normal(0.0, 0.5, len(starts)))
    at = np.arange(minutes)
    out = np.zeros(minutes)
    for begin, height in zip(starts, heights, strict=True):
        age = at - begin
        rising = np.clip(age / bursts.rise_minutes, 0.0, 1.0)
        out += height * rising * np.exp(-np.maximum(age - bursts.rise_minutes, 0.0) / bursts.decay_minutes)
    return out


def _jobs(jobs: Jobs, minutes: int, start: float, rng: np.random.Generator) -> Floats:
    out = np.zeros(minutes)
    first = int(np.floor(start / 86_400))
    for day in range(first, first + minutes // DAY_MINUTES + 2):
        for hour in jobs.hours:
            begin = day * DAY_MINUTES + hour * 60 + rng.normal(0.0, jobs.jitter_minutes) - start / 60
            size = jobs.per_minute * np.exp(rng.normal(0.0, 0.1))
            if (day + 3) % 7 < 5:
                out[max(0, round(begin)) : max(0, round(begin + jobs.minutes))] += size
    return out
