"""T20: the same history gives the same bytes, in any process, and however its samples arrived."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np

from forecasting.fleet import FleetModel
from forecasting.panel import Panel
from forecasting.synthetic import services


def digest() -> str:
    """Of the forecast of a small fleet after three ticks."""
    values = services(3, 3, 300.0, np.random.default_rng(7))
    panel = Panel(0.0, 300.0, values, ("a", "b", "c"))
    forecaster = FleetModel(samples=1500, others=2).fit(panel.until(panel.end - 900))
    for back in (600, 300, 0):
        forecaster = forecaster.observe(panel.until(panel.end - back))
    said = forecaster.forecast(4, (600.0,))
    return hashlib.sha256(said.steps.tobytes() + said.peaks.tobytes()).hexdigest()


def test_fresh_processes_give_the_same_bytes() -> None:
    code = "from tests.forecasting.test_determinism import digest; print(digest())"
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    runs = {subprocess.check_output([sys.executable, "-c", code], env=env, text=True) for _ in range(3)}
    assert len(runs) == 1


def test_one_panel_or_many_small_ones_tell_the_same() -> None:
    """Ticks of one step, and a tick that brings all the history again, leave the same values."""
    values = services(2, 2, 300.0, np.random.default_rng(8))
    panel = Panel(0.0, 300.0, values, ("a", "b"))
    start = FleetModel(samples=600, others=1).fit(panel.until(panel.end - 1500))
    small = start
    for k in range(5, 0, -1):
        small = small.observe(panel.between(panel.end - k * 300, panel.end - (k - 1) * 300))
    whole = start
    for k in range(4, -1, -1):
        whole = whole.observe(panel.until(panel.end - k * 300))
    np.testing.assert_array_equal(small.forecast(2, (600.0,)).peaks, whole.forecast(2, (600.0,)).peaks)
