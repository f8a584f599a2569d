"""A fleet whose services live in different places: one fit, and each row by its own clock and holidays."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from ahpa.adapters.calendars import calendar_at, calendar_of
from forecasting.choice.auto import AutoModel
from forecasting.choice.per_series import PerSeriesModel
from forecasting.choice.placed import placed
from forecasting.fleet.calendar import Calendar, Calendars
from forecasting.fleet.forecaster import FleetForecaster
from forecasting.fleet.model import FleetModel
from forecasting.forecast import Forecast
from forecasting.panel import DAY_SECONDS, Panel
from tests.fakes.models import SameAsYesterday

pytestmark = pytest.mark.xdist_group("calendars")  # one of the workers learns

BERLIN = calendar_of("Europe/Berlin", None)
YORK = calendar_of("America/New_York", None)
STEP = 300.0
START = datetime(2026, 3, 9, tzinfo=UTC).timestamp()
DAYS = 21


@cache
def shops() -> Panel:
    """Four shops that open at eight by the clock of Berlin, in whose first three weeks it is put forward."""
    times = START + STEP * np.arange(int((DAYS + 2) * DAY_SECONDS / STEP))
    local = (times + BERLIN.offset(times)) % DAY_SECONDS / 3600
    rng = np.random.default_rng(0)
    open_ = np.where((local >= 8) & (local < 20), 100.0, 20.0)
    rows = [np.maximum(open_ + rng.normal(0, 1 + i, len(times)), 0) for i in range(4)]
    return Panel.of(START, STEP, np.array(rows), [f"shop-{i}" for i in range(4)])


def said(forecaster: FleetForecaster) -> Forecast:
    return forecaster.forecast(3, (300.0, 1200.0), (0.5, 0.9, 0.99))


def test_where_all_live_in_one_place_it_makes_no_difference_who_said_so() -> None:
    """To the last bit: a fleet is fitted as it was before anybody could say."""
    history = shops().until(START + 9 * DAY_SECONDS)
    by_all = FleetModel(BERLIN, samples=2000, others=2).fit(history)
    by_each = FleetModel(YORK, samples=2000, others=2).placed(dict.fromkeys(history.keys, BERLIN)).fit(history)
    for name in ("steps", "peaks"):
        np.testing.assert_array_equal(getattr(said(by_all), name), getattr(said(by_each), name))
    np.testing.assert_array_equal(by_all.realised().ratios, by_each.realised().ratios)


@cache
def mixed() -> tuple[FleetForecaster, float]:
    """Every second shop is said to live in Berlin, as it does, the others in UTC; and the Monday after the change."""
    told: dict[str, Calendar | None] = dict.fromkeys(shops().keys[::2], BERLIN)
    now = datetime(2026, 3, 30, 7, 50, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    model = FleetModel(samples=20_000, others=2).placed(told)
    fitted = model.fit(shops().until(datetime(2026, 3, 28, tzinfo=UTC).timestamp()))
    return fitted, now


def test_each_row_is_seen_by_its_own_clock() -> None:
    """On the first summer Monday those who know it expect the rise at eight, the others an hour later."""
    fitted, now = mixed()
    peaks = fitted.observe(shops().until(now)).forecast(0, (1200.0,), (0.5,)).peaks[:, 0, 0]
    assert (peaks[::2] > 80).all()
    assert (peaks[1::2] < 50).all()


def test_a_mixed_fleet_says_the_same_at_once_as_step_by_step() -> None:
    """Rows are worked on place by place and put back in their order."""
    fitted, now = mixed()
    begun = fitted.observe(shops().until(now - 1800))
    ahead = shops().between(begun.origin, now)
    windows, levels = (300.0, 1200.0), (0.5, 0.9)
    rolled = begun.rolled_peaks(ahead, windows, levels)
    at_once = list(begun.ticked(ahead, 1))
    ticking = begun
    for k in range(ahead.values.shape[1]):
        peaks = ticking.forecast(0, windows, levels).peaks
        np.testing.assert_allclose(rolled[:, k], peaks, rtol=2e-3)
        np.testing.assert_allclose(at_once[k].forecast(0, windows, levels).peaks, peaks, rtol=2e-3)
        ticking = ticking.observe(shops().until(begun.origin + (k + 1) * STEP))


def test_rows_come_back_in_their_order_and_each_once() -> None:
    calendars = Calendars.of(list("abcdefg"), None, {"b": BERLIN, "d": YORK, "e": BERLIN, "x": YORK})
    parts = [np.arange(7.0)[rows] for rows, _ in calendars.blocks(2)]
    assert [len(part) for part in parts] == [2, 2, 2, 1]
    np.testing.assert_array_equal(calendars.in_order(parts), np.arange(7))
    found = {int(row): calendar for rows, calendar in calendars.alike(np.array([1, 3, 6]), 8) for row in rows}
    assert found == {1: BERLIN, 3: YORK, 6: None}


def test_a_choice_among_models_tells_those_that_listen() -> None:
    """By service as by row; a model that knows no places is left as it is."""
    told = {"a": BERLIN}
    fleet, other = FleetModel(samples=2000, others=2), SameAsYesterday()
    auto = placed(AutoModel((fleet, other)), told)
    assert isinstance(auto, AutoModel)
    assert auto.candidates == (fleet.placed(told), other)
    assert placed(other, told) is other
    assert placed(fleet, {}) is fleet
    history = shops().until(START + 3 * DAY_SECONDS)
    fitted = PerSeriesModel({"fleet": fleet}, {}, "fleet", calendars={"shop-3": YORK}).fit(history)
    (part,) = fitted.parts.values()
    assert isinstance(part, FleetForecaster)
    places = [part.calendars.kinds[kind] for kind in part.calendars.of_row]
    assert [place is YORK for place in places] == [key == "shop-3" for key in part.history.keys]


@pytest.mark.parametrize("place", [("Europe/Berlin", None), ("UTC", "DE-BY"), (None, "JP"), ("Asia/Tokyo", "JP")])
def test_the_same_place_is_the_same_object_so_that_its_services_are_worked_on_together(
    place: tuple[str | None, str | None],
) -> None:
    assert calendar_at(*place) is calendar_at(*place) is not None
    assert calendar_at(None, None) is None
