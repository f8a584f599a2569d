"""Small neural networks for conditional quantiles, in numpy.

Multilayer perceptrons whose outputs are quantiles, trained by minimising pinball loss (Koenker and Bassett
1978; Taylor 2000 for networks) with Adam (Kingma and Ba 2015). They are small on purpose: some ten
thousand weights are learned from a sample of the whole fleet in seconds, and a tick for ten thousand
services is a few matrix products. Several of them, trained from different starts and each without some of
the days, are averaged (`Ensemble`), which is worth more than a larger one.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from forecasting.executor import Executor, run_all
from forecasting.panel import Array, Floats
from forecasting.windows import Window


@dataclass(frozen=True, eq=False)
class FeatureScaler:
    """How a network sees features: each one bent (tanh, fine near its median) and cut at its extremes.

    Cutting makes the network saturate outside what it was trained on, as a decision tree does; without it
    a launch at 80 x the usual demand is answered with nonsense.
    """

    median: Array
    per_width: Array
    """One over the distance between the quartiles."""
    low: Array
    high: Array

    @classmethod
    def of(cls, parts: Sequence[Floats]) -> FeatureScaler:
        """Of features [m, f], in parts."""
        levels, count = (0.005, 0.25, 0.5, 0.75, 0.995), parts[0].shape[1]
        each = [np.quantile(np.concatenate([part[:, column] for part in parts]), levels) for column in range(count)]
        low, q1, median, q3, high = np.array(each).T
        parts = (median, 1 / (q3 - q1 + 0.01), low, high)
        return cls(*(np.asarray(x, dtype=np.float32) for x in parts))

    def __call__(self, features: Floats, out: Array | None = None) -> Array:
        """[m, f] -> [m, 2 f], into `out` where there is one; a few at a time, which keeps what is worked out on the way
        small and near."""
        count = features.shape[1]
        out = np.empty((len(features), 2 * count), np.float32) if out is None else out
        scale = np.minimum(self.per_width, 4.0)
        room = np.empty((min(_SCALED, len(features)), count), np.float32)
        for first in range(0, len(features), _SCALED):
            some, part = slice(first, first + _SCALED), features[first : first + _SCALED]
            here = np.subtract(part, self.median, out=room[: len(part)])
            here *= self.per_width
            out[some, :count] = np.tanh(here, out=here)
            np.minimum(np.maximum(part, self.low, out=here), self.high, out=here)  # in half the time of np.clip
            here -= self.median
            np.multiply(here, scale, out=out[some, count:])
        return out


Layers = tuple[tuple[Array, Array], ...]
_SCALED = 512
"""Samples that are scaled together: what is worked out on the way stays in the processor's own memory."""


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Networks behind one scaler; each member never saw its own fold of the days."""

    scaler: FeatureScaler
    members: tuple[Layers, ...]

    def __call__(self, features: Floats) -> Array:
        """The mean of all members: [m, f] -> [m, q], increasing along q."""
        x = self.scaler(features)
        return np.sort(sum(_run(member, x) for member in self.members) / np.float32(len(self.members)), axis=1)

    def out_of_fold(self, features: Floats, folds: NDArray[np.integer]) -> Array:
        """Each sample answered by the member that never saw its fold: out-of-sample quantiles [m, q]."""
        x = self.scaler(features)
        out = np.empty((len(x), self.members[0][-1][1].shape[0]), dtype=np.float32)
        for fold, member in enumerate(self.members):
            rows = folds == fold
            out[rows] = np.sort(_run(member, x[rows]), axis=1)
        return out


@dataclass(frozen=True, eq=False)
class Networks:
    """What a fit learned, by what it is asked about."""

    peaks: Ensemble
    """Of windows that begin at the origin."""
    steps: Ensemble
    """Of single steps ahead."""

    def of(self, window: Window) -> Ensemble:
        return self.peaks if window.lead == 0 else self.steps


def _run(layers: Layers, x: Array) -> Array:
    for weight, bias in layers[:-1]:
        x = np.maximum(x @ weight + bias, 0)
    weight, bias = layers[-1]
    return x @ weight + bias


@dataclass(frozen=True, eq=False)
class Samples:
    """What an ensemble learns from: `m` samples."""

    features: Array
    """[m, f]."""
    truth: Floats
    """[m]."""
    sample_weight: Floats
    """[m]: how much a loss counts."""
    folds: NDArray[np.integer]
    """[m] in 0..members-1: which member must not see a sample."""


@dataclass(frozen=True)
class Training:
    """How the networks learn; chosen on the tuning half of the traces."""

    hidden: tuple[int, ...] = (64, 64)
    members: int = 6
    epochs: int = 10
    batch: int = 512
    """At most; smaller where an epoch would have less than a hundred steps."""
    rate: float = 4e-3
    decay: float = 0.2


def train(
    parts: list[Samples], levels: Floats, training: Training, rng: np.random.Generator, executor: Executor
) -> Ensemble:
    """Learn quantiles of the truth at `levels` [q], given the features (float32); the list is empty then.

    A member to whom nothing would be left without its fold sees everything. Members draw one after the other and learn
    beside one another: whoever is done first, they are the same.
    """
    scaler = FeatureScaler.of([part.features for part in parts])
    samples = _emptied(parts)
    shape = 2 * samples.features.shape[1], *training.hidden, len(levels)
    beginners = []
    for fold in range(training.members):
        keep = samples.folds != fold
        rows = np.flatnonzero(keep if keep.sum() >= 50 else np.ones(len(keep), dtype=bool))
        beginners.append(_Beginner(rows, _first_weights(shape, rng), deepcopy(rng)))
        for _ in range(training.epochs):
            rng.permutation(rows)  # it goes on where this member's own will have come to
    return Ensemble(scaler, tuple(run_all(executor, partial(_taught, samples, scaler, levels, training), beginners)))


@dataclass(frozen=True, eq=False)
class _Beginner:
    """A member before it has learned."""

    rows: NDArray[np.intp]
    """Of the samples, those that it may see."""
    parts: list[Array]
    """Weights and biases by layer."""
    rng: np.random.Generator
    """What orders its samples."""


def _emptied(parts: list[Samples]) -> Samples:
    """All samples of all parts, each let go of as it is taken: a hundred thousand take 35 MiB. Scaled they would take
    70, so each batch is scaled as it comes."""
    rows = [(part.truth, part.sample_weight, part.folds) for part in parts]
    last = sum(len(part.truth) for part in parts)
    features = np.empty((last, parts[0].features.shape[1]), np.float32)
    while parts:
        part = parts.pop().features
        features[last - len(part) : last] = part
        last -= len(part)
    return Samples(features, *(np.concatenate(column) for column in zip(*rows, strict=True)))


def _first_weights(shape: Sequence[int], rng: np.random.Generator) -> list[Array]:
    """Of layers from `shape[0]` features to `shape[-1]` levels: weights and biases in turn (He et al. 2015)."""
    parts: list[Array] = []
    for a, b in pairwise(shape):
        parts += [(rng.standard_normal((a, b)) * np.sqrt(2 / a)).astype(np.float32), np.zeros(b, np.float32)]
    parts[-2] *= np.float32(0.1)
    return parts


def _taught(samples: Samples, scaler: FeatureScaler, levels: Floats, training: Training, beginner: _Beginner) -> Layers:
    """One network from some rows of the samples, by stochastic gradient descent with Adam and a cosine schedule."""
    x, rows, rng = samples.features, beginner.rows, deepcopy(beginner.rng)
    parts = [part.copy() for part in beginner.parts]
    y = np.asarray(samples.truth, dtype=np.float32)[:, None]
    w = np.asarray(samples.sample_weight, dtype=np.float32)[:, None]
    q = np.asarray(levels, dtype=np.float32)[None, :]
    parts[-1] = np.quantile(samples.truth[rows], levels).astype(np.float32)
    adam = _Adam(parts, training.decay)
    batch = min(training.batch, max(64, len(rows) // 100))
    total = training.epochs * -(-len(rows) // batch)
    room = np.empty((batch, 2 * x.shape[1]), np.float32)  # to map one anew for each batch costs more than filling it
    for _ in range(training.epochs):
        order = rng.permutation(rows)
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            rate = training.rate * 0.5 * (1 + np.cos(np.pi * (adam.done + 1) / total)) + 1e-6
            some = scaler(x.take(chosen, axis=0), room[: len(chosen)])
            adam.step(_gradients(parts, some, y[chosen], w[chosen], q), rate)
    return tuple((parts[k], parts[k + 1]) for k in range(0, len(parts), 2))


def _gradients(parts: Sequence[Array], x: Array, y: Array, w: Array, q: Array) -> list[Array]:
    """Of the weighted mean pinball loss, one array per array of `parts`."""
    acts = [x]
    for k in range(0, len(parts) - 2, 2):
        acts.append(np.maximum(acts[-1] @ parts[k] + parts[k + 1], 0))
    out = acts[-1] @ parts[-2] + parts[-1]
    grad = ((y < out) - q) * (w / np.float32(len(x)))
    found: list[Array] = []
    for k in range(len(parts) - 2, -1, -2):
        found += [grad.sum(axis=0), acts[k // 2].T @ grad]
        if k:
            grad = (grad @ parts[k].T) * (acts[k // 2] > 0)
    return found[::-1]


class _Adam:
    """The optimizer's memory; it moves `parts` in place. With decoupled weight decay (Loshchilov and Hutter 2019), of
    weights and not of biases. All parts lie in one array: a step is some ten calls, and not some ten for each part."""

    def __init__(self, parts: list[Array], decay: float) -> None:
        """Each of `parts` is replaced by a view of that array."""
        self.done = 0
        self._decay = decay
        self._flat = np.concatenate([part.ravel() for part in parts])
        self._decays = np.concatenate([np.full(part.size, part.ndim == 2) for part in parts])
        ends = np.cumsum([part.size for part in parts])
        parts[:] = [flat.reshape(part.shape) for part, flat in zip(parts, np.split(self._flat, ends[:-1]), strict=True)]
        self._first = np.zeros_like(self._flat)
        self._second = np.zeros_like(self._flat)

    def step(self, gradients: Sequence[Array], rate: float) -> None:
        self.done += 1
        pace = np.float32(rate / (1 - 0.9**self.done))
        fix = np.float32(1 / (1 - 0.999**self.done))
        p, m, v = self._flat, self._first, self._second
        g = np.concatenate([gradient.ravel() for gradient in gradients])
        m += np.float32(0.1) * (g - m)
        v += np.float32(0.001) * (g * g - v)
        p *= np.where(self._decays, np.float32(1 - rate * self._decay), np.float32(1))
        p -= pace * m / (np.sqrt(v * fix) + np.float32(1e-8))
