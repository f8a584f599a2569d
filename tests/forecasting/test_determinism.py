"""T20: the same history gives the same bytes, in any process, and however its samples arrived."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest

from ahpa.adapters.processes.fits import FitPool
from forecasting.choice.auto import AutoModel
from forecasting.choice.per_series import PerSeriesModel
from forecasting.fleet.model import FleetModel
from forecasting.fleet.synthetic import services
from forecasting.forecast import Forecast
from forecasting.libraries.calibrated import CalibratedModel, FitAll, fit_here
from forecasting.libraries.strategies import Ets, HoltWinters, LastValue, Prophet, SeasonalNaive, Stl, Strategy
from forecasting.model import Model
from forecasting.panel import Panel

STRATEGIES: tuple[Strategy, ...] = (HoltWinters(), Ets(), Stl(), SeasonalNaive(), LastValue())
EVERY = (*STRATEGIES, Prophet())
FLEET = FleetModel(samples=600, others=1)


def digest() -> str:
    """Of the forecast of a small fleet after three ticks."""
    values = services(3, 3, 300.0, np.random.default_rng(7))
    panel = Panel(0.0, 300.0, values, ("a", "b", "c"))
    forecaster = FleetModel(samples=1500, others=2).fit(panel.until(panel.end - 900))
    for back in (600, 300, 0):
        forecaster = forecaster.observe(panel.until(panel.end - back))
    said = forecaster.forecast(4, (600.0,))
    return hashlib.sha256(said.steps.tobytes() + said.peaks.tobytes()).hexdigest()


def library_digests(fit_all: FitAll = fit_here, strategies: Sequence[Strategy] = (HoltWinters(), Stl())) -> str:
    """Of the forecasts of libraries for two services after a tick."""
    values = services(2, 4, 300.0, np.random.default_rng(9))
    panel = Panel(0.0, 300.0, values, ("a", "b"))
    out = []
    for strategy in strategies:
        fitted = CalibratedModel(strategy, fit_all).fit(panel.until(panel.end - 300)).observe(panel)
        said = fitted.forecast(4, (600.0,))
        assert said.reasons == (None, None), strategy.name
        out.append(hashlib.sha256(said.steps.tobytes() + said.peaks.tobytes()).hexdigest()[:8])
    return " ".join(out)


def _fresh(call: str, times: int) -> set[str]:
    """What a call in this module prints in so many fresh processes, each with its own hash seed."""
    code = f"import logging; logging.disable(); from tests.forecasting.test_determinism import *; print({call})"
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    run = [sys.executable, "-c", code]
    return {
        subprocess.check_output(run, env={**env, "PYTHONHASHSEED": str(seed)}, text=True).strip()
        for seed in range(times)
    }


def test_libraries_give_the_same_bytes_in_a_fresh_process_and_in_workers() -> None:
    here = library_digests()
    assert _fresh("library_digests()", 1) == {here}
    assert library_digests(FitPool(workers=1)) == here


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_hundred_fresh_processes_give_the_same_bytes() -> None:
    """T20 in full: serial, and in workers, Prophet too; Dask is not used."""
    assert len(_fresh("digest()", 100)) == 1
    assert len(_fresh("library_digests(fit_here, EVERY)", 100) | {library_digests(FitPool(), EVERY)}) == 1


def _same_in_order(model: Model, panel: Panel, order: tuple[int, ...]) -> None:
    """Rows in another order, at the fit and at a tick, are forecast the same."""

    def said(keys: list[str]) -> Forecast:
        fitted = PerSeriesModel({"it": model}, {}, "it").fit(panel.until(panel.end - 600).select(keys))
        return fitted.observe(panel.select(keys[::-1])).forecast(3, (300.0, 900.0))

    first, second = said(list(panel.keys)), said([panel.keys[i] for i in order])
    for key in panel.keys:
        one, other = first.keys.index(key), second.keys.index(key)
        assert first.peaks[one].tobytes() == second.peaks[other].tobytes(), (model.name, key)
        assert first.steps[one].tobytes() == second.steps[other].tobytes(), (model.name, key)


@pytest.mark.parametrize(
    "model",
    [FLEET, *map(CalibratedModel, STRATEGIES), AutoModel((FLEET, *map(CalibratedModel, STRATEGIES[2:])))],
    ids=lambda model: model.name,
)
def test_the_order_of_rows_does_not_matter(model: Model) -> None:
    panel = Panel(0.0, 300.0, services(4, 3, 300.0, np.random.default_rng(11)), ("d", "b", "a", "c"))
    _same_in_order(model, panel, (2, 0, 3, 1))


def test_fresh_processes_give_the_same_bytes() -> None:
    assert len(_fresh("digest()", 3)) == 1


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
