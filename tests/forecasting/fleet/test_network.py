"""Claims about the networks and what they learn from."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np

from ahpa.adapters.processes.executors import Threads
from forecasting.executor import Args, Done, Serial, Task
from forecasting.fleet.network import FeatureScaler, Samples, Training, _first_weights, train

LEVELS = np.array([0.1, 0.5, 0.9])


def test_the_quantiles_of_a_known_distribution_are_learned() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, (8000, 3)).astype(np.float32)
    noise = rng.standard_normal(8000)
    y = np.sin(2 * x[:, 0]) + (1 + 0.3 * x[:, 1]) * 0.5 * noise
    samples = Samples(x, y, np.ones(8000), rng.integers(0, 2, 8000))
    ensemble = train([samples], LEVELS, Training(hidden=(32, 32), members=2, epochs=15), rng, Serial())
    fresh = rng.uniform(-1.9, 1.9, (2000, 3)).astype(np.float32)
    truth = np.sin(2 * fresh[:, :1]) + (1 + 0.3 * fresh[:, 1:2]) * 0.5 * np.array([-1.2816, 0, 1.2816])
    assert np.abs(ensemble(fresh) - truth).mean() < 0.12


class Keeping(Serial):
    """Keeps what is handed in."""

    def __init__(self) -> None:
        super().__init__()
        self.handed_in: list[Any] = []

    def submit(self, work: Callable[[*Args], Done], /, *args: *Args) -> Task[Done]:
        self.handed_in += args
        return super().submit(work, *args)


def test_members_are_the_same_whoever_is_done_first() -> None:
    """And each draws what it would have drawn if they had learned one after the other: where the last one's order ends
    the generator goes on."""
    x = np.random.default_rng(3).uniform(-2, 2, (900, 3)).astype(np.float32)
    samples = Samples(x, x[:, 0], np.ones(900), np.arange(900) % 3)
    training = Training(hidden=(8,), members=3, epochs=2, batch=64)
    here, rng, again = Keeping(), np.random.default_rng(4), np.random.default_rng(4)
    one = train([samples], LEVELS, training, rng, here)
    with Threads(3) as threads:
        other = train([samples], LEVELS, training, again, threads)
    np.testing.assert_array_equal(one(x), other(x))
    next_draw = rng.random()
    assert again.random() == next_draw
    for member, after in zip(here.handed_in, [*here.handed_in[1:], None], strict=True):
        own = deepcopy(member.rng)
        for _ in range(training.epochs):
            own.permutation(member.rows)
        if after is None:
            assert own.random() == next_draw
        else:
            np.testing.assert_array_equal(_first_weights((6, 8, 3), own)[0], after.parts[0])


def test_each_sample_is_answered_by_the_member_that_never_saw_it() -> None:
    """Targets are pure noise known only from the sample itself: who had seen it could tell, the others cannot."""
    rng = np.random.default_rng(1)
    x = np.eye(40, dtype=np.float32)[np.arange(400) % 40]
    folds = (np.arange(400) % 40) // 20
    y = np.where(folds == 0, 5.0, -5.0)
    training = Training(hidden=(16,), members=2, epochs=60, batch=32)
    ensemble = train([Samples(x, y, np.ones(400), folds)], LEVELS, training, rng, Serial())
    answers = ensemble.out_of_fold(x, folds)[:, 1]
    assert answers[folds == 0].mean() < 0
    assert answers[folds == 1].mean() > 0


def test_beyond_what_it_was_trained_on_a_lens_saturates() -> None:
    features = np.random.default_rng(2).standard_normal((1000, 2))
    scaler = FeatureScaler.of([features[:300], features[300:]])
    np.testing.assert_allclose(scaler(np.full((1, 2), 50.0)), scaler(np.full((1, 2), 5000.0)), atol=1e-6)
