"""The fleet and the decisions, as they are asked for: words, filters, orders, pages; and what cannot be is said."""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from ahpa.core.savings import Saving
from ahpa.service.chronicle import Chronicle
from ahpa.site.asked import Asked, Unclear, asked_by
from ahpa.site.seen import Seen
from tests.site.stage import Shop


@pytest.fixture(scope="module")
def living() -> Shop:
    return Shop().live()


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["calm", "chat", "dark", "typo", "watched"]),
        ("?down=1", ["watched", "typo", "dark", "chat", "calm"]),
        ("?q=chat", ["chat"]),
        ("?q=SHOP%2FCH", ["chat"]),
        ("?q=NoForecast", ["dark"]),
        ("?q=nowhere", []),
        ("?mode=observe", ["typo", "watched"]),
        ("?look=wrong", ["dark", "typo"]),
        ("?look=moving", ["chat", "watched"]),
        ("?sort=floor&down=1", ["chat", "watched", "calm", "typo", "dark"]),
        ("?sort=peak&down=1", ["chat", "watched", "calm", "dark", "typo"]),
        ("?sort=peak", ["calm", "chat", "watched", "dark", "typo"]),
        ("?sort=reason", ["dark", "typo", "chat", "watched", "calm"]),
        ("?size=2&page=2", ["dark", "typo"]),
        ("?size=2&page=99", ["watched"]),
    ],
)
def test_the_fleet_is_what_was_asked_for(living: Shop, query: str, names: list[str]) -> None:
    """On the page and as JSON the same. What is not known stands last, in either order."""
    assert [line["name"] for line in living.json(f"services{query}")["services"]] == names
    markup = living.page(f"/{query}")
    assert re.findall(r'<td class="name text"><a href="/service/\w+/shop/(\w+)">', markup) == names
    assert ("No service is like that" in markup) is not bool(names)


def test_a_page_says_how_many_there_are_and_links_to_the_others(living: Shop) -> None:
    markup = living.page("/?size=2&page=2&sort=floor")
    assert "page 2 of 3" in markup
    assert 'href="?sort=floor&amp;size=2">← before' in markup
    assert 'href="?sort=floor&amp;page=3&amp;size=2">after →' in markup


def test_a_heading_sorts_and_asked_again_turns_around(living: Shop) -> None:
    assert 'href="/?sort=floor&amp;down=1">Floor' in living.page("/")
    assert 'aria-sort="descending"><a href="/?sort=floor">Floor ▼' in living.page("/?sort=floor&down=1")


def test_the_headline_says_how_it_stands(living: Shop) -> None:
    assert "<h1>5 services, 2 floors moving now, 2 need a look</h1>" in living.page("/")


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("sort=colour", "sort: one of name, mode, floor"),
        ("mode=loud", "mode: one of off, observe, apply, paused"),
        ("look=x", "look: one of wrong, moving"),
        ("page=0", "page: a number from 1 to 100000"),
        ("page=-1", "page: a number"),
        ("page=%D9%A3", "page: a number"),
        ("size=1001", "size: a number from 1 to 1000"),
        ("size=9999999999999999", "size: a number"),
        ("&".join(f"a{i}=1" for i in range(30)), "at most 20 fields"),
    ],
)
def test_a_wish_that_makes_no_sense_is_said(living: Shop, query: str, says: str) -> None:
    with pytest.raises(Unclear, match=re.escape(says)):
        asked_by(query)
    answer = living.site(f"/?{query}")
    assert answer.status == 400
    assert says in answer.body.decode()
    assert living.json(f"services?{query}")["status"] == 400


def test_wishes_and_their_query_string_are_the_same() -> None:
    wishes = Asked("a & b", "apply", "wrong", "floor", True, 3, 50)
    assert asked_by(wishes.query.removeprefix("?")) == wishes
    assert Asked().query == "?"
    assert asked_by(replace(wishes, words="é\n<").query.removeprefix("?")).words == "é\n<"


def test_decisions_are_found_by_words_the_newest_first(living: Shop) -> None:
    every = living.json("decisions")["changes"]
    assert [change["at"] for change in every] == sorted((change["at"] for change in every), reverse=True)
    assert {change["name"] for change in every} == {"calm", "chat", "dark", "typo", "watched"}
    found = living.json("decisions?q=chat+raise")
    assert found["found"] == len(found["changes"]) == 2
    markup = living.page("/decisions?q=chat+raise")
    assert markup.count('<a href="/service/knative/shop/chat">') == 2
    assert "0&nbsp;→&nbsp;<b>5</b>" in markup
    assert "None is like that" in living.page("/decisions?q=nowhere")


def test_before_the_first_round_the_page_says_so() -> None:
    shop = Shop()
    assert "The first round is not over yet." in shop.page("/")
    assert shop.json("services")["standing"]["at"] is None
    answer = shop.site("/service/knative/shop/chat")
    assert answer.status == 404
    assert "the first round is not over yet" in answer.body.decode()


def test_without_services_the_page_says_how_to_begin() -> None:
    shop = Shop()
    shop.at.kube.objects.clear()
    shop.at.kube.install_knative("1.23.0")
    assert "Nobody asked for us yet. Put <code>ahpa.dev/mode: observe</code>" in shop.live(1).page("/")


@pytest.mark.parametrize(
    ("led", "dry", "says"),
    [
        (lambda uid: True, False, "This copy leads: floors are written by it"),
        (lambda uid: False, False, "This copy follows: another one writes, and what you see is what this one would "),
        (lambda uid: uid.endswith("chat"), False, "This copy leads 1 of 5; the others are written by another copy"),
        (lambda uid: True, True, "It was started to write to nobody (--dry-run)"),
    ],
    ids=["leader", "follower", "shard", "dry"],
)  # fmt: skip
def test_a_copy_says_whether_it_writes(led: bool, dry: bool, says: str) -> None:
    """Each of several copies has a page; a follower's is as good, and says that it follows."""
    assert callable(led)
    shop = Shop(led=led, dry=dry)
    for line in shop.at.kube.objects.values():
        line["metadata"].setdefault("uid", "u")
    assert says in shop.live(1).page("/")


def test_the_lines_of_a_round_are_made_once() -> None:
    shop = Shop(chronicle=Chronicle()).live(1)
    seen = shop.site._seen
    assert isinstance(seen, Seen)
    first = seen.round()
    assert seen.round() is first
    shop.jobs.tick(shop.at.service.shown.at + 60)
    assert seen.round() is not first


def test_what_all_have_saved_is_worked_out_once_a_round_however_many_look() -> None:
    """Of ten thousand services it is most of a second, which the rounds would miss for each who looks."""
    shop, worked_out = Shop().live(), []

    def savings() -> Mapping[str, Saving]:
        worked_out.append(1)
        return {}

    seen = Seen(replace(shop.site._seen.running, savings=savings))
    with ThreadPoolExecutor(4) as looking:
        list(looking.map(seen.fleet, [Asked()] * 8))
    assert len(worked_out) == 1
    shop.jobs.tick(shop.at.service.shown.at + 60)
    seen.fleet(Asked())
    assert len(worked_out) == 2
