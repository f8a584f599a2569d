"""Each service is forecast by the model that was chosen for it, and every service by exactly one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from forecasting.choice.auto import AutoForecaster, AutoModel
from forecasting.choice.per_series import PerSeriesForecaster, PerSeriesModel
from forecasting.libraries.calibrated import CalibratedModel
from forecasting.libraries.strategies import SeasonalNaive
from forecasting.model import Model
from forecasting.panel import Floats, Panel
from tests.fakes.models import Moody, SameAsYesterday, Yesterday

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


@dataclass(frozen=True)
class Picky(SeasonalNaive):
    """Fails for series that are larger than this on the whole."""

    name: str = "picky"
    most: float = 2.5

    def fit(self, values: Floats, step: float) -> SeasonalNaive:
        if values.mean() > self.most:
            raise MemoryError("too large")
        return super().fit(values, step)


def test_where_a_fit_fails_the_last_good_one_answers_and_only_there(panel: Panel) -> None:
    good = PerSeriesModel({"m": CalibratedModel(SeasonalNaive())}, {}, "m").fit(panel)
    model = PerSeriesModel({"m": CalibratedModel(Picky())}, {}, "m", earlier=good)
    fitted = model.fit(panel)
    assert sorted(fitted.kept) == ["c", "d"]
    later = fitted.observe(Panel.of(panel.end, 60.0, panel.values[:, :5], panel.keys))
    said = later.forecast(1, (60.0,))
    assert sorted(said.keys) == ["a", "b", "c", "d"]
    assert said.reasons == (None,) * 4
    assert {key: said.models[said.keys.index(key)] for key in panel.keys} == {
        "a": "picky", "b": "picky", "c": "seasonal-naive", "d": "seasonal-naive"
    }  # fmt: skip
    assert said.largest is not None
    assert [said.largest[said.keys.index(key)] for key in panel.keys] == [1.0, 2.0, 3.0, 4.0]


def test_a_fit_that_goes_on_failing_keeps_one_older_part_and_no_chain_of_them(panel: Panel) -> None:
    fitted = PerSeriesModel({"m": CalibratedModel(SeasonalNaive())}, {}, "m").fit(panel)
    first = fitted.parts["m"]
    for _ in range(4):
        fitted = PerSeriesModel({"m": CalibratedModel(Picky())}, {}, "m", earlier=fitted).fit(panel)
        assert set(map(id, fitted.kept.values())) == {id(first)}
    mended = PerSeriesModel({"m": CalibratedModel(SeasonalNaive())}, {}, "m", earlier=fitted).fit(panel)
    assert not mended.kept


def test_where_no_fit_was_ever_good_the_failure_is_the_answer(panel: Panel) -> None:
    said = PerSeriesModel({"m": CalibratedModel(Picky(most=0))}, {}, "m").fit(panel).forecast(1, (60.0,))
    assert said.failed == (True,) * 4
    outlook = said.outlook("a")
    assert outlook is not None
    assert outlook.failed
    assert outlook.reason == "picky failed: MemoryError: too large"


@dataclass(frozen=True)
class Broken:
    """A library that does not raise where one looks for it."""

    name: str = "broken"

    def fit(self, history: Panel) -> Yesterday:
        raise MemoryError("7 GiB")


def two(other: Model) -> dict[str, Model]:
    return {"fleet": CalibratedModel(SeasonalNaive()), "theirs": other}


def test_a_model_that_raises_costs_nobody_else_their_forecast(panel: Panel) -> None:
    """One tenant chose a model whose fit raised: nobody learned anything any more."""
    fitted = PerSeriesModel(two(Broken()), {"b": "theirs"}, "fleet").fit(panel)
    later = fitted.observe(Panel.of(panel.end, 60.0, panel.values[:, :5], panel.keys))
    said = later.forecast(3, (60.0, 300.0))
    assert sorted(said.keys) == ["a", "b", "c", "d"]
    assert {key for key, failed in zip(said.keys, said.failed or (), strict=True) if failed} == {"b"}
    outlook = said.outlook("b")
    assert outlook is not None
    assert outlook.reason == "theirs failed: MemoryError: 7 GiB"
    assert np.isnan(outlook.peaks).all()
    assert later.realised().ratios.shape[0] == 4


def test_where_a_whole_model_raises_its_last_good_fit_answers_and_goes_on_doing_so(panel: Panel) -> None:
    good = CalibratedModel(SeasonalNaive())
    fitted = PerSeriesModel(two(good), {"b": "theirs"}, "fleet").fit(panel)
    first = fitted.parts["theirs"]
    for _ in range(3):
        fitted = PerSeriesModel(two(Broken()), {"b": "theirs"}, "fleet", earlier=fitted).fit(panel)
        assert fitted.kept == {"b": first}
        outlook = fitted.forecast(1, (60.0,)).outlook("b")
        assert outlook is not None
        assert outlook.peak(60.0, 0.5) == pytest.approx(2.0)
    assert not PerSeriesModel(two(good), {"b": "theirs"}, "fleet", earlier=fitted).fit(panel).kept


def test_if_every_model_raises_each_series_is_told_why(panel: Panel) -> None:
    fitted = PerSeriesModel({"m": Broken()}, {}, "m").fit(panel)
    later = fitted.observe(Panel.of(panel.end, 60.0, panel.values[:, :5], panel.keys))
    assert later.origin == panel.end + 300
    assert later.forecast(1, (60.0,)).failed == (True,) * 4


def test_auto_remembers_what_it_had_chosen_also_over_a_fit_that_raised(panel: Panel) -> None:
    noisy = replace(panel, values=np.random.default_rng(0).uniform(1, 9, panel.values.shape))
    auto = AutoModel((SameAsYesterday(), SameAsYesterday("twin")))
    first = PerSeriesModel({"auto": replace(auto, present=dict.fromkeys(panel.keys, "twin"))}, {}, "auto").fit(noisy)
    broken = PerSeriesModel({"auto": Broken()}, {}, "auto", earlier=first).fit(noisy)
    part = PerSeriesModel({"auto": auto}, {}, "auto", earlier=broken).fit(noisy).parts["auto"]
    assert isinstance(part, AutoForecaster)
    assert set(part.chosen().values()) == {"twin"}


def test_a_key_without_a_history_this_time_goes_on_as_it_was_known(panel: Panel) -> None:
    models = {"m": CalibratedModel(SeasonalNaive())}
    before = PerSeriesModel(models, {}, "m").fit(panel)
    now = PerSeriesModel(models, {}, "m", before, unread={"d", "never"}).fit(panel.select(("a", "b", "c")))
    said = now.forecast(1, (60.0,))
    assert sorted(said.keys) == ["a", "b", "c", "d"]
    outlook = said.outlook("d")
    assert outlook is not None
    assert outlook.peak(60.0, 0.5) == pytest.approx(4.0)


def test_too_little_history_is_no_failure() -> None:
    panel = Panel.of(START, 60.0, np.ones((1, 9)))
    said = PerSeriesModel({"m": CalibratedModel(SeasonalNaive())}, {}, "m").fit(panel).forecast(1, (60.0,))
    assert said.reasons == ("only 9 steps were observed; 30 steps are needed",)
    assert said.failed == (False,)


def refitted(fitted: PerSeriesForecaster | None, panel: Panel, *unread: str, days: float = 0.0) -> PerSeriesForecaster:
    """A refit, so much later, that could not read the histories of some."""
    later = replace(panel, start=panel.start + days * 86_400).select([k for k in panel.keys if k not in unread])
    return PerSeriesModel({"m": CalibratedModel(SeasonalNaive())}, {}, "m", fitted, unread).fit(later)


def test_of_each_model_one_earlier_fit_at_most_is_kept_and_it_knows_all_that_are_lost(panel: Panel) -> None:
    """Each key that was lost in another refit kept a whole fleet of its own, advanced at each tick."""
    first = refitted(None, panel)
    second = refitted(first, panel, "a")
    third = refitted(second, panel, "a", "b")
    assert third.kept == dict.fromkeys("ab", first.parts["m"])
    said = third.forecast(1, (60.0,))
    assert sorted(said.keys) == ["a", "b", "c", "d"]
    assert said.failed == (False,) * 4


def test_who_is_known_by_no_part_that_is_kept_is_held(panel: Panel) -> None:
    first = refitted(None, panel.select(("a", "c")))
    second = refitted(first, panel, "a")
    third = refitted(second, panel, "a", "b", "d")
    outlooks = {key: third.forecast(1, (60.0,)).outlook(key) for key in panel.keys}
    assert {key: outlook is not None and outlook.failed for key, outlook in outlooks.items()} == {
        "a": True, "b": False, "c": False, "d": False
    }  # fmt: skip
    assert sorted(third.kept) == ["a", "b", "d"]
    fourth = refitted(third, panel, "a")
    assert sorted(fourth.kept) == ["a"]
    assert not refitted(fourth, panel).kept


def test_after_a_day_an_earlier_fit_says_no_more_than_that_nothing_is_lowered(panel: Panel) -> None:
    first = refitted(None, panel)
    young = refitted(first, panel, "a", days=0.5)
    old = refitted(young, panel, "a", days=1.5)
    older = refitted(old, panel, "a", days=2.5)
    for fitted, failed in ((young, False), (old, True), (older, True)):
        outlook = fitted.forecast(1, (60.0,)).outlook("a")
        assert outlook is not None
        assert outlook.failed == failed
        assert outlook.reason == (
            "its history could not be read, and what was learned before counts no more" if failed else None
        )
    assert "a" in refitted(older, panel, days=2.6).parts["m"].realised().keys


MOODS = [{"observe"}, {"forecast"}, {"observe", "forecast", "realised"}]


@pytest.mark.parametrize("mood", MOODS, ids=lambda mood: "+".join(sorted(mood)))
def test_a_part_that_raises_on_its_way_costs_only_its_own_series_and_only_as_long_as_it_does(
    panel: Panel, mood: set[str]
) -> None:
    """A bug in a library's tick ended the round for the whole fleet, every minute until the next refit."""
    raises: set[str] = set()
    fitted = PerSeriesModel({"fleet": SameAsYesterday(), "theirs": Moody(raises)}, {"b": "theirs"}, "fleet").fit(panel)
    raises |= mood
    for minute in range(3):
        fitted = fitted.observe(Panel.of(panel.end + 60 * minute, 60.0, panel.values[:, :1], panel.keys))
    said = fitted.forecast(1, (60.0,))
    assert fitted.origin == said.origin == panel.end + 180
    assert {key for key, failed in zip(said.keys, said.failed or (), strict=True) if failed} == {"b"}
    outlook = said.outlook("b")
    assert outlook is not None
    assert outlook.reason == "theirs failed: ZeroDivisionError: a bug"
    assert sorted(fitted.realised().keys) == ["a", "b", "c", "d"]
    raises.clear()
    after = fitted.observe(Panel.of(panel.end, 60.0, panel.values[:, :4], panel.keys))
    assert after.forecast(1, (60.0,)).failed == (False,) * 4
    assert {part.origin for part in after.parts.values()} == {panel.end + 240}


@pytest.mark.parametrize("mood", MOODS, ids=lambda mood: "+".join(sorted(mood)))
def test_an_earlier_fit_that_raises_harms_neither_its_neighbours_nor_the_next_refit(
    panel: Panel, mood: set[str]
) -> None:
    raises: set[str] = set()
    model = PerSeriesModel({"fleet": SameAsYesterday(), "theirs": Moody(raises)}, {"b": "theirs"}, "fleet")
    fitted = model.fit(panel)
    raises.add("fit")
    fitted = replace(model, earlier=fitted).fit(panel)
    assert sorted(fitted.kept) == ["b"]
    assert fitted.failed == {"theirs": {"b": "theirs failed: MemoryError: 7 GiB"}}
    raises |= mood
    fitted = fitted.observe(Panel.of(panel.end, 60.0, panel.values[:, :5], panel.keys))
    again = replace(model, earlier=fitted).fit(panel)
    for each in (fitted, again):
        said = each.forecast(1, (60.0,))
        assert {key for key, failed in zip(said.keys, said.failed or (), strict=True) if failed} == {"b"}
