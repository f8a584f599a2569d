"""The last look at a forecast, on whatever a model said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from forecasting.forecast import Forecast
from forecasting.guards import guarded, reasons, within
from forecasting.history import History
from forecasting.panel import Floats, Panel

NEVER = 1e30
"""The cap of a series that never had any demand."""


def history_of(*rows: list[float], step: float = 60.0) -> History:
    panel = Panel.of(0, step, np.array(rows), tuple(f"s{i}" for i in range(len(rows))))
    return History.of(panel, len(rows[0]))


def silent(count: int) -> list[float]:
    return [np.nan] * count


@pytest.mark.parametrize(
    ("row", "step", "reason"),
    [
        (silent(400), 60, "nothing was observed; 30 steps are needed"),
        ([*silent(400), 7.0], 60, "only 1 steps were observed; 30 steps are needed"),
        ([*silent(400), *[7.0] * 29], 60, "only 29 steps were observed; 30 steps are needed"),
        ([*silent(400), *[7.0] * 30], 60, None),
        ([*[7.0] * 25, *silent(400), *[7.0] * 5], 60, None),
        ([*[7.0] * 40, *silent(29)], 60, None),
        ([*[7.0] * 40, *silent(30)], 60, "nothing observed for 30 minutes"),
        ([*[7.0] * 40, *silent(400)], 60, "nothing observed for 400 minutes"),
        ([*[7.0] * 5, *silent(30)], 60, "only 5 steps were observed; 30 steps are needed"),
        ([*[7.0] * 40, *silent(4)], 900, None),
        ([*[7.0] * 40, *silent(5)], 900, "nothing observed for 75 minutes"),
    ],
)
def test_thirty_observed_steps_and_one_of_late_are_enough(row: list[float], step: float, reason: str | None) -> None:
    """Lately is half an hour, and five steps at least. A row that lacks them does not take its neighbours along."""
    assert reasons(history_of(row, [7.0] * len(row), step=step)) == (reason, None)


@pytest.mark.parametrize(
    ("cap", "said", "kept"),
    [
        (1e4, -1.0, 0.0),
        (1e4, -np.inf, 0.0),
        (1e4, 0.00099, 0.0),
        (1e4, 0.00101, 0.00101),
        (1e4, 5.0, 5.0),
        (1e4, 2.9e4, 2.9e4),
        (1e4, 3.1e4, 3e4),
        (1e4, np.inf, 3e4),
        (1.0, 0.99e-6, 0.0),
        (1.0, 1e-6, 1e-6),
        (NEVER, 0.99e-6, 0.0),
        (NEVER, 5.0, 5.0),
        (NEVER, 1e31, 3e30),
    ],
)
def test_a_quantile_is_cut_to_what_can_be_and_a_trace_is_none(cap: float, said: float, kept: float) -> None:
    """At most thrice the largest believable demand; less than a ten-millionth of that, or a millionth, is nothing.
    Where there was never any demand, nothing is known of what a trace is."""
    assert within(np.array([[[said]]]), np.array([cap])).item() == pytest.approx(kept)


def test_each_row_is_cut_by_its_own_cap() -> None:
    said = np.full((2, 1, 2), 1e9)
    assert within(said, np.array([10.0, 20.0])).tolist() == [[[30.0, 30.0]], [[60.0, 60.0]]]


def said_of(history: History, steps: Floats, peaks: Floats, why: tuple[str | None, ...]) -> Forecast:
    return Forecast(
        history.end, 60.0, np.array([0.5, 0.99]), steps, np.array([60.0, 120.0]), peaks, history.keys, ("toy",), why
    )


USUAL = [7.0] * 60


def test_quantiles_are_put_in_order_along_levels_and_peaks_along_windows_too() -> None:
    history = history_of(USUAL)
    raw = said_of(history, np.array([[[9.0, 4.0], [3.0, 5.0]]]), np.array([[[9.0, 4.0], [3.0, 5.0]]]), (None,))
    kept = guarded(raw, history)
    assert kept.steps.tolist() == [[[4.0, 9.0], [3.0, 5.0]]]
    assert kept.peaks.tolist() == [[[4.0, 9.0], [4.0, 9.0]]]
    assert (kept.reasons, kept.failed) == ((None,), (False,))


def test_the_largest_demand_that_was_seen_goes_along() -> None:
    history = history_of([*USUAL, 20.0, 20.0, 20.0])
    raw = said_of(history, np.ones((1, 2, 2)), np.ones((1, 2, 2)), (None,))
    kept = guarded(raw, history)
    assert kept.largest is not None
    assert kept.largest.tolist() == [20.0]
    assert (kept.origin, kept.keys, kept.models) == (history.end, ("s0",), ("toy",))


@pytest.mark.parametrize("where", ["steps", "peaks"])
def test_a_number_that_is_none_fails_its_row_and_no_other(where: str) -> None:
    history = history_of(USUAL, USUAL)
    raw = said_of(history, np.full((2, 2, 2), 7.0), np.full((2, 2, 2), 7.0), (None, None))
    spoilt = getattr(raw, where).copy()
    spoilt[1, 1, 1] = np.nan
    kept = guarded(replace(raw, **{where: spoilt}), history)
    assert kept.reasons == (None, "the model's answer was not finite")
    assert kept.failed == (False, True)
    for part in (kept.steps, kept.peaks):
        assert np.isfinite(part[0]).all()
        assert np.isnan(part[1]).all()


def test_a_model_that_has_a_reason_of_its_own_has_failed_whatever_its_numbers_are() -> None:
    history = history_of(USUAL)
    kept = guarded(said_of(history, np.ones((1, 2, 2)), np.ones((1, 2, 2)), ("it did not converge",)), history)
    assert (kept.reasons, kept.failed) == (("it did not converge",), (True,))
    assert np.isnan(kept.steps).all()


@pytest.mark.parametrize("own", [None, "it did not converge"])
@pytest.mark.parametrize("number", [1.0, np.nan])
def test_too_little_observed_is_no_failure_of_the_model(own: str | None, number: float) -> None:
    history = history_of([*silent(50), *[7.0] * 10])
    kept = guarded(said_of(history, np.full((1, 2, 2), number), np.full((1, 2, 2), number), (own,)), history)
    assert (kept.reasons, kept.failed) == (("only 10 steps were observed; 30 steps are needed",), (False,))
    assert np.isnan(kept.peaks).all()


def test_of_nobody_there_is_a_forecast_too() -> None:
    history = History.of(Panel.of(0, 60, np.empty((0, 60)), ()), 60)
    kept = guarded(said_of(history, np.empty((0, 2, 2)), np.empty((0, 2, 2)), ()), history)
    assert (kept.reasons, kept.failed, kept.peaks.shape) == ((), (), (0, 2, 2))


def test_a_row_without_a_reason_is_an_error_of_ours_and_not_left_out() -> None:
    history = history_of(USUAL, USUAL)
    with pytest.raises(ValueError, match="zip"):
        guarded(said_of(history, np.ones((2, 2, 2)), np.ones((2, 2, 2)), (None,)), history)
