"""Small fleets to learn from."""

from __future__ import annotations

import numpy as np

from forecasting.panel import Panel


def noisy_days(days: float = 4, n: int = 3, seed: int = 0) -> Panel:
    """Noise around a day's wave, in minutes."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(days * 1440))
    shape = 50 + 40 * np.sin(2 * np.pi * t / 1440)
    return Panel.of(0, 60, rng.poisson(shape, size=(n, len(t))), [f"s{i}" for i in range(n)])
