"""Each service is forecast by the model that was chosen for it, and every service by exactly one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from forecasting.choice.auto import AutoForecaster, AutoModel
from forecasting.choice.per_series import PerSeriesModel
from forecasting.panel import Panel
from tests.fakes.models import SameAsYesterday, Yesterday

START = 1_700_000_000.0 // 86_400 * 86_400


class Tenfold(SameAsYesterday):
    """Yesterday, times ten."""

    def fit(self, history: Panel) -> Yesterday:
        return super().fit(replace(history, values=history.values * 10))


@pytest.fixture
def panel() -> Panel:
    values = np.tile(np.arange(1.0, 5.0)[:, None], (1, 2 * 1440))
    return Panel.of(START, 60.0, values, ("a", "b", "c", "d"))


def test_each_key_is_answered_by_its_own_model_once(panel: Panel) -> None:
    chosen = {"b": "tenfold", "d": "tenfold"}
    model = PerSeriesModel({"plain": SameAsYesterday(), "tenfold": Tenfold()}, chosen, "plain")
    said = model.fit(panel).forecast(1, (60.0, 300.0))
    outlooks = {key: said.outlook(key) for key in panel.keys}
    peaks = {key: outlook.peak(60.0, 0.9) for key, outlook in outlooks.items() if outlook is not None}
    assert peaks == {"a": 1.0, "b": 20.0, "c": 3.0, "d": 40.0}
    assert sorted(said.keys) == ["a", "b", "c", "d"]


def test_what_is_observed_reaches_every_part(panel: Panel) -> None:
    model = PerSeriesModel({"plain": SameAsYesterday(), "tenfold": Tenfold()}, {"b": "tenfold"}, "plain")
    fitted = model.fit(panel)
    later = fitted.observe(Panel.of(panel.end, 60.0, np.ones((4, 5)), panel.keys))
    assert later.origin == panel.end + 300
    assert all(part.origin == later.origin for part in later.parts.values())


def test_auto_remembers_what_it_had_chosen(panel: Panel) -> None:
    """Two candidates that are equally good: the one in use stays, whichever it is."""
    noisy = np.random.default_rng(0).uniform(1, 9, panel.values.shape)
    panel = replace(panel, values=noisy)
    auto = AutoModel((SameAsYesterday(), SameAsYesterday("twin")))
    for present in ("yesterday", "twin"):
        first = PerSeriesModel({"auto": replace(auto, present=dict.fromkeys(panel.keys, present))}, {}, "auto").fit(
            panel
        )
        again = PerSeriesModel({"auto": auto}, {}, "auto", earlier=first).fit(panel)
        part = again.parts["auto"]
        assert isinstance(part, AutoForecaster)
        assert set(part.chosen().values()) == {present}


def test_an_unknown_model_is_an_error_with_its_name(panel: Panel) -> None:
    with pytest.raises(KeyError, match="nonsense"):
        PerSeriesModel({"plain": SameAsYesterday()}, {"a": "nonsense"}, "plain").fit(panel)
