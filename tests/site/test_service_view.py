"""One service: what it has, what comes, why, and where its minutes go; the page and the API say the same."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import numpy as np
import pytest

from ahpa.core.readiness import Lag, Readiness, Tier
from ahpa.core.savings import Account, Course, Estimate, Saving
from ahpa.core.starts import PHASES, Start, StartLog
from ahpa.site.as_json import as_json
from ahpa.site.detail import in_buckets
from ahpa.site.pictures import Pictures
from ahpa.site.seen import start_said
from ahpa.site.ways import Way
from ahpa.site.what_if import Answer, Pending, Played, Refused
from ahpa.site.worth import savings_of, what_if_of
from ahpa.site.worth_blocks import saved_block
from forecasting.panel import Panel
from tests.site.stage import NOW, Shop, add_start

CHAT = "/service/knative/shop/chat"
API = "services/knative/shop/chat"


@pytest.fixture(scope="module")
def living() -> Shop:
    shop = Shop()
    add_start(shop.at.kube, "chat", "chat-1", "08:00:00", "08:00:02", "08:00:05", "08:01:05", "08:02:35")
    add_start(shop.at.kube, "chat", "chat-2", "08:10:00", "08:10:04", "08:10:05", "08:10:45", "08:12:25")
    return shop.live(3)


def test_why_is_told_in_the_sentences_of_explain(living: Shop) -> None:
    """Not a second set of words. No one asked Prometheus for it."""
    why = {each["about"]: each["said"] for each in living.json(API)["why"]}
    assert why["measured by"].startswith("knative-concurrency, 7 requests in flight for a replica")
    assert why["history"].startswith("2 days of the last 2 were observed")
    assert why["decision"].endswith(f"({living.json(API)['service']['reason']})")
    markup = living.page(CHAT)
    assert all(f"<dt>{about}</dt>" in markup for about in why)


def test_tomorrow_is_a_band_with_the_floors_that_come_of_it(living: Shop) -> None:
    """Yesterday's load comes again: at five in the afternoon six replicas are too many."""
    ahead = living.json(API)["ahead"]
    assert ahead["start"] + ahead["stepSeconds"] * len(ahead["median"]) == pytest.approx(NOW + 86_400, abs=600)
    assert all(
        low <= middle <= high for low, middle, high in zip(ahead["low"], ahead["median"], ahead["high"], strict=True)
    )
    evening = round((NOW + 10 * 3600 - ahead["start"]) / ahead["stepSeconds"])
    assert (ahead["median"][5], ahead["median"][evening]) == (42.0, 2.0)
    assert (ahead["floor"][5], ahead["floor"][evening]) == (6, 1)
    assert re.search(r"Next: floor \d+ about Tue 14 Nov 2023", living.page(CHAT))


def test_last_week_has_the_demand_beside_floor_and_ready(living: Shop) -> None:
    past = living.json(API)["past"]
    assert past["start"] + past["stepSeconds"] * len(past["demand"]) >= NOW
    at = {name: past[name][-1] for name in ("floor", "ready")}
    assert at == {"floor": 6, "ready": 1}
    assert past["floor"][-2] is None
    noon_yesterday = round((NOW - 21 * 3600 - past["start"]) / past["stepSeconds"])
    assert past["demand"][noon_yesterday] == 42
    assert past["demand"][0] is None


def test_where_the_minutes_go_is_told_by_its_pods(living: Shop) -> None:
    starting = living.json(API)["starting"]
    told = {phase["name"]: phase["seconds"] for phase in starting["phases"]}
    assert starting["starts"] == 2
    assert told == dict(zip(PHASES, (3.0, 2.0, 50.0, 95.0), strict=True))
    markup = living.page(CHAT)
    assert "A start took 2.5 min on average of the last 2 starts that told every moment." in markup.replace(
        "&nbsp;", " "
    )
    assert "loading until ready: <b>95 s</b> (63&nbsp;%)" in markup
    assert "what goes into that is not known" in living.page("/service/hpa/shop/typo")


@pytest.mark.parametrize(
    ("tiers", "says"),
    [
        ((Tier("any", Lag.of(120, 120)),), "2 min (assumed)"),
        ((Tier("warm", Lag.of(45, 45), 2), Tier("new", Lag.of(300, 300))), "warm 45 s (assumed), new 5 min (assumed)"),
        ((Tier("warm", Lag(4.0, 0.1, 1), 2), Tier("new", Lag(5.0, 0.1, 30))),
         "warm 62.1 s (1 start), new 2.81 min (30 starts)"),
    ],
)  # fmt: skip
def test_how_long_a_start_takes_is_told_for_each_tier_and_how_many_are_behind_it(
    tiers: tuple[Tier, ...], says: str
) -> None:
    assert start_said(Readiness(tiers)) == says


def test_a_start_that_does_not_tell_every_moment_says_nothing_of_phases() -> None:
    whole = Start("a", 0.0, 1.0, 2.0, 3.0, ready=10.0)
    partly, turned = Start("b", 0.0, None, 2.0, 3.0, ready=90.0), Start("c", 0.0, 5.0, 2.0, 3.0, ready=50.0)
    spent = StartLog().seen([whole, partly, turned], 100.0).spent()
    assert spent is not None
    assert (spent.starts, spent.seconds) == (1, (1.0, 1.0, 1.0, 7.0))
    assert StartLog().seen([partly], 100.0).spent() is None


def test_the_decisions_of_one_service_stand_on_its_page(living: Shop) -> None:
    changes = living.json(API)["changes"]
    assert {change["name"] for change in changes} == {"chat"}
    assert living.page(CHAT).count("raise 0 -&gt; 5") >= 1


@pytest.mark.parametrize(
    ("name", "says"),
    [("dark", "none: nobody listens"), ("typo", "&#x27;aply&#x27; is not observe, apply or off"),
     ("watched", "mode observe")],
)  # fmt: skip
def test_what_is_missing_or_wrong_is_said(living: Shop, name: str, says: str) -> None:
    kind = "hpa" if name == "typo" else "knative"
    assert says in living.page(f"/service/{kind}/shop/{name}")


@pytest.mark.parametrize(
    "path",
    ["/service/knative/shop/nobody", "/service/knative/shop", "/service/", "/service/knative/shop/chat/x",
     "/service/..%2f..%2fetc%2fpasswd", "/../../etc/passwd", "/service/%00/%ff/%0d%0a", "/nothing", "//",
     "/api/v2/services"],
)  # fmt: skip
def test_what_is_not_there_is_said_in_words(living: Shop, path: str) -> None:
    answer = living.site(path)
    assert answer.status == 404
    assert "<h1>Not found</h1>" in answer.body.decode()


@pytest.mark.parametrize("path", ["services/knative/shop/nobody", "nothing", ""])
def test_the_api_says_it_too(living: Shop, path: str) -> None:
    assert living.json(path)["status"] == 404


# Pictures


def test_two_pictures_are_drawn_and_kept_for_the_minute(living: Shop) -> None:
    detail, pictures = living.site._details.of("knative/shop/chat"), Pictures()
    assert detail is not None
    first = pictures.of(detail)
    assert first is not None
    assert pictures.of(detail) is first
    assert living.page(CHAT).count("<svg") == 2
    assert "requests in flight" in first.now
    assert "#" not in re.sub(r'(href="#|url\(#)', "", first.now), "a colour that is no role"


def test_of_whom_nothing_is_known_no_picture_is_drawn(living: Shop) -> None:
    markup = living.page("/service/hpa/shop/typo")
    assert markup.count("<svg") <= 2
    assert "typo" in markup


@pytest.mark.parametrize(
    ("step", "each"), [(60.0, [1.0, 6.0, 11.0]), (300.0, [0.0, 1.0, 2.0]), (900.0, [0.0, 0.0, 0.0])]
)
def test_demand_of_any_step_is_brought_into_buckets(step: float, each: list[float]) -> None:
    """Means of what was observed; a step that is longer than a bucket stands in each that it covers."""
    values = np.arange(20.0)
    values[0] = math.nan
    if step > 60:
        values[0] = 0.0
    shown = in_buckets(Panel.of(0.0, step, [values]), 0.0, 3)
    assert shown.tolist() == pytest.approx([2.5, 7.0, 12.0] if step == 60.0 else each)
    assert np.isnan(in_buckets(None, 0.0, 3)).all()


# What if, and what it saved


WAYS = (Way("late target 0.1 %", "quantile 0.99", 40.0, 0.0008, True, (("ahpa.dev/late-target", "0.1%"),)),)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda key: Pending(2), "It is worked out after 2 others; that takes a minute or more."),
        (lambda key: Pending(0), "It is worked out now"),
        (lambda key: Refused("nothing was observed of it"), "It cannot be said: nothing was observed of it."),
        (lambda key: Played(NOW, 2.0, WAYS, ("Each way met the same requests.",)), "ahpa.dev/late-target: 0.1%"),
    ],
    ids=["waits", "its turn", "refused", "played"],
)
def test_what_if_is_asked_for_and_told(answer: Callable[[str], Answer], says: str) -> None:
    asked: list[str] = []

    def ask(key: str) -> Answer:
        asked.append(key)
        return answer(key)

    shop = Shop(what_if=ask).live(1)
    assert "Work it out" in shop.page(CHAT)
    assert asked == [], "who only looks begins no work"
    assert says in shop.page(f"{CHAT}?what-if=1")
    assert shop.json(f"{API}?what-if=1")["whatIf"]["state"] in ("pending", "refused", "played")
    assert set(asked) == {"knative/shop/chat"}


def test_nobody_who_works_it_out_is_no_question(living: Shop) -> None:
    assert "What if" not in living.page(CHAT)
    assert what_if_of(None).state == "idle"


def test_what_it_saved_stands_with_its_bounds() -> None:
    had = Course(Estimate.exactly(100.0), Estimate.exactly(5.0))
    alone = Course(Estimate(80.0, 76.0, 84.0), Estimate(400.0, 200.0, 800.0))
    saving = Saving("", NOW, NOW + 86_400, Account(20.0, 10_000.0, 10_000.0, had, alone, had, had), Account(), True, 1)
    view = savings_of(saving)
    assert [course.name for course in view.accounts[0].courses] == [
        "as it was", "its own scaler alone", "a constant floor as rarely late"
    ]  # fmt: skip
    markup = saved_block(view)
    assert "In 20.0 hours with floors of ours" in markup
    assert "80.0<small>76.0 to 84.0</small>" in markup
    assert "4&nbsp;%<small>2&nbsp;% to 8&nbsp;%</small>" in markup
    assert "of 4 hours nothing is said" in markup
    assert saved_block(None) == ""
    assert b'"lateRatio": {"value": 0.0005' in as_json(view)
