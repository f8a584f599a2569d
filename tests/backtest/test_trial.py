"""Claims about which days are tested and what a trial is made of."""

from __future__ import annotations

import numpy as np
import pytest

from ahpa.backtest.sweep import Question
from ahpa.backtest.trial import NotEnoughError, Span
from ahpa.backtest.verdict import verdict_on
from ahpa.simulation.counts import minutes
from forecasting.panel import Panel
from tests.backtest.examples import DAY, trial_of, waves


@pytest.mark.parametrize(
    ("days", "tested", "earlier"), [(1.5, 1.0, None), (2.0, 1.0, None), (2.5, 1.0, 0.5), (9.0, 3.0, 3.0)]
)
def test_the_span_leaves_a_day_to_learn_from(days: float, tested: float, earlier: float | None) -> None:
    panel = Panel.of(0.0, 60.0, np.ones(round(days * DAY)), ("x",))
    if days - tested < 1:
        with pytest.raises(NotEnoughError, match="days of data"):
            Span.of(panel, tested)
        return
    span = Span.of(panel, tested)
    assert span.end - span.start == tested * 86_400
    assert (span.earlier is None) == (earlier is None)
    if earlier is not None and span.earlier is not None:
        assert span.start - span.earlier == earlier * 86_400


def test_missing_minutes_are_bridged_for_the_world_and_missing_for_the_contender() -> None:
    panel = waves()
    values = panel.values.copy()
    values[0, 3 * DAY + 600 : 3 * DAY + 660] = np.nan
    trial = trial_of(Panel.of(0.0, 60.0, values, panel.keys))
    assert trial.tested.traffic.demand[600:660].min() > 20
    result = verdict_on(trial, Question(sweep=False, quantile=0.99), ("kpa", "ahpa"))
    assert any("not observed" in note for note in result.notes)
    assert result.contenders["ahpa"].run is not None


def test_finer_steps_become_minutes_and_odd_ones_are_refused() -> None:
    fine = Panel.of(30.0, 10.0, np.concatenate([np.full(3, 5.0), [1, 2, np.nan, 4, 5, 6], np.full(2, 9.0)]))
    whole = minutes(fine)
    assert (whole.start, whole.step) == (0.0, 60.0)
    np.testing.assert_allclose(whole.values, [[5.0, 3.6]])
    with pytest.raises(ValueError, match="steps of 90 s"):
        minutes(Panel.of(0.0, 90.0, np.ones(5)))
