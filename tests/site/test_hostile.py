"""Whatever a tenant calls its service or writes on it: a page has the same elements and attributes as ever."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from html.parser import HTMLParser
from typing import TypeVar

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ahpa.site import decisions_page, fleet_page, service_page
from ahpa.site.as_json import as_json
from ahpa.site.asked import Asked
from ahpa.site.frame import problem_page
from ahpa.site.views import Changes, Fleet, Problem, ServiceDetail
from tests.service.stage import add_hpa, add_knative
from tests.site.stage import Shop
from tests.site.test_api import answer

View = TypeVar("View")
NASTY = st.text(
    st.sampled_from("<>\"'&/=`; \t\n\x00\x1b\u202e\u2028\ud800%${}()-!a") | st.characters(), min_size=1, max_size=40
) | st.sampled_from([
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' autofocus onfocus=alert(1) '",
    "</style><script>", "<!--", "]]>",
    "javascript:alert(1)", "&lt;script&gt;", "</title><base href=//evil>", "{{7*7}}", "${x}",
])  # fmt: skip


class Structure(HTMLParser):
    """Elements with the names of their attributes, in their order; and where links go."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action")]

    def handle_endtag(self, tag: str) -> None:
        self.found.append((f"/{tag}", ()))

    def handle_comment(self, data: str) -> None:
        self.found.append(("comment", ()))


def spoiled(view: View, word: str) -> View:
    """The same with `word` wherever a text stands."""
    if isinstance(view, str):
        return type(view)(word) if view else view
    if isinstance(view, tuple):
        return type(view)(spoiled(each, word) for each in view)
    if is_dataclass(view) and not isinstance(view, type):
        return replace(view, **{each.name: spoiled(getattr(view, each.name), word) for each in fields(view)})
    return view


@cache
def views() -> tuple[Fleet, ServiceDetail, Changes]:
    shop = Shop(what_if=answer).live(2)
    detail = shop.site._details.of("knative/shop/chat", ask=True)
    assert detail is not None
    return shop.site._seen.fleet(Asked(size=3)), detail, shop.site._seen.changes(Asked(size=3))


PAGES: Mapping[str, Callable[[str], str]] = {
    "fleet": lambda word: fleet_page.page(spoiled(views()[0], word), Asked(words=word, size=3)),
    "service": lambda word: service_page.page(spoiled(views()[1], word), None),
    "decisions": lambda word: decisions_page.page(spoiled(views()[2], word), Asked(words=word, size=3)),
    "problem": lambda word: problem_page(Problem(404, word)),
}


@pytest.mark.parametrize("name", PAGES)
@given(word=NASTY)
@example(word="\ud800")
@settings(max_examples=60, deadline=None)
def test_no_text_adds_or_takes_an_element_or_an_attribute(name: str, word: str) -> None:
    """Names, namespaces, modes, reasons, messages, units, sentences, ways, what was searched for: all at once."""
    plain, hostile = Structure(PAGES[name]("x")), Structure(PAGES[name](word))
    assert hostile.found == plain.found
    assert all(link.startswith(("/", "?", "#")) and not link.startswith("//") for link in hostile.links)


def test_an_element_that_got_through_would_be_found() -> None:
    """The check can fail."""
    assert Structure("<p>a<b onclick=x>c</b></p>").found != Structure("<p>a</p>").found


@given(word=NASTY)
@settings(max_examples=60, deadline=None)
def test_as_json_any_text_comes_out_as_it_is(word: str) -> None:
    """But for halves of a surrogate pair, which UTF-8 has not."""
    said = json.loads(as_json(spoiled(views()[0], word)))
    assert said["services"][0]["name"] == word.encode("utf-8", "replace").decode()


def test_what_is_written_on_an_object_comes_out_escaped() -> None:
    """From the cluster through the whole service."""
    bad = "<script>alert(1)</script>"
    shop = Shop()
    add_knative(shop.at.kube, "evil", mode=bad, **{"late-target": f"\"'{bad}"})
    add_hpa(shop.at.kube, bad, mode="observe", query=f"x{bad}")
    shop.live(1)
    for path in ("/", "/decisions", "/service/knative/shop/evil", f"/service/hpa/shop/{bad.replace('/', '%2F')}"):
        answered = shop.site(path)
        assert answered.status in (200, 404)
        assert answered.body.count(b"<script") == 1, path
        assert b"alert(1)</script" not in answered.body
