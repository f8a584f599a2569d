"""Claims about the networks and what they learn from."""

from __future__ import annotations

import numpy as np

from ahpa.adapters.processes.executors import Threads
from forecasting.executor import Serial
from forecasting.fleet.network import FeatureScaler, Samples, Training, train

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


def test_members_are_the_same_whoever_is_done_first() -> None:
    """And the generator has come as far."""
    x = np.random.default_rng(3).uniform(-2, 2, (900, 3)).astype(np.float32)
    samples = Samples(x, x[:, 0], np.ones(900), np.arange(900) % 3)
    training = Training(hidden=(8,), members=3, epochs=2, batch=64)
    found = []
    with Threads(3) as threads:
        for executor in (Serial(), threads):
            rng = np.random.default_rng(4)
            ensemble = train([samples], LEVELS, training, rng, executor)
            found.append((ensemble(x), rng.random()))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]


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
