"""The page in a real browser: its main ways, by keyboard and phone and without a script, and what axe says of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ahpa.site.what_if import Answer, Pending, Played
from tests.site.browser import CHROMIUM, Tab, browser
from tests.site.stage import NOW, Shop, add_start, served
from tests.site.test_service_view import WAYS
from tests.waiting import until

pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here"),
    pytest.mark.xdist_group("browser"),  # one of the workers starts it
]
AXE = Path(__file__).parent / "vendor/axe-4.14.1.min.js"
PAGES = ("/", "/service/knative/shop/chat", "/service/knative/shop/calm?what-if=1", "/decisions", "/nothing")
SERIOUS = ("serious", "critical")


class Playing:
    """What-if that is worked out when somebody asks a second time."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __call__(self, key: str) -> Answer:
        if key in self.asked:
            return Played(NOW, 2.0, WAYS, ("Each way met the same requests.",))
        self.asked.add(key)
        return Pending(0)


@pytest.fixture(scope="module")
def root() -> Iterator[str]:
    shop = Shop(what_if=Playing())
    add_start(shop.at.kube, "chat", "chat-1", "08:00:00", "08:00:02", "08:00:05", "08:01:05", "08:02:35")
    with served(shop.live(2).site) as address:
        yield address


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with browser(tmp_path_factory.mktemp("chromium")) as tab:
        yield tab


@pytest.fixture
def tab(opened: Tab) -> Tab:
    opened.scripts(True)
    opened.seems()
    opened.complaints.clear()
    return opened


def names(tab: Tab) -> list[str]:
    """Of the services that are shown."""
    return list(tab.run("[...document.querySelectorAll('tbody tr:not([hidden]) td.name a')].map(a => a.innerText)"))


def test_a_service_is_found_and_says_why_what_if_and_what_comes(tab: Tab, root: str) -> None:
    """The main way of all: from the fleet to one service, its reasons, tomorrow, another wish, and what was decided."""
    tab.open(root)
    assert len(names(tab)) == 5
    tab.press("/", "/")  # the search has the focus
    tab.type("chat")
    until(lambda: names(tab) == ["chat"], "typing filters", 30)
    assert tab.text("#count") == "1"
    tab.click("td.name a[href$='/chat']")
    assert tab.text("h1") == "chat"
    assert "peak 42 requests in flight" in tab.text(".lead")
    assert "knative-concurrency, 7 requests in flight" in tab.text(".why-list")
    assert "The last 12 hours and the next 24" in tab.text("figcaption")
    assert tab.run("document.querySelector('figure svg').getBoundingClientRect().height") > 100
    assert tab.text(".next").startswith("Next: floor")
    assert "loading until ready" in tab.text("#minutes ~ ul.key")
    tab.click("a.button")
    assert "It is worked out now" in tab.text("main")
    tab.click("a.button")
    assert "late target 0.1" in tab.text("#what-if ~ .table")
    tab.click("nav a[href='/decisions']")
    tab.press("/", "/")
    tab.type("chat raise")
    until(lambda: set(names(tab)) == {"chat"}, "typing filters the decisions", 30)
    assert tab.complaints == []


def test_without_a_script_all_of_it_works(tab: Tab, root: str) -> None:
    """By the query string: words and Enter, a heading that sorts, a way that filters."""
    tab.scripts(False)
    tab.open(root)
    tab.run("document.querySelector('#q').focus()")
    tab.type("watch")
    tab.run("document.querySelector('form.find button').click()")
    until(lambda: "q=watch" in tab.run("location.search") and names(tab) == ["watched"], "the form was sent", 30)
    tab.open(f"{root}/?sort=floor&down=1")
    assert names(tab)[:2] == ["chat", "watched"]
    assert tab.run("document.querySelector('th[aria-sort]').getAttribute('aria-sort')") == "descending"
    assert tab.run("document.querySelector('#live').closest('label').hidden") is True


def test_by_keyboard_the_first_step_leads_to_the_content(tab: Tab, root: str) -> None:
    tab.open(root)
    tab.press("Tab")
    assert tab.run("document.activeElement.className") == "skip"
    tab.press("Enter", "\r")
    until(lambda: tab.run("document.activeElement.id") == "main", "the content has the focus", 30)
    tab.press("Tab")
    assert tab.run("document.activeElement.tagName") == "A"


@pytest.mark.parametrize("path", PAGES)
def test_no_cell_breaks_a_word_into_letters(tab: Tab, root: str, path: str) -> None:
    """On a screen with room for all, what has no space in it stands on one line: a time is not written downwards."""
    tab.open(root + path)
    cells = "[...document.querySelectorAll('th, td.when')]"
    tall = tab.run(f"{cells}.filter(cell => cell.offsetHeight > 60).map(cell => cell.innerText)")
    assert tall == []


@pytest.mark.parametrize("path", PAGES)
def test_a_phone_needs_no_scrolling_to_the_side(tab: Tab, root: str, path: str) -> None:
    tab.seems(width=390)
    tab.open(root + path)
    assert tab.run("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_has_no_serious_finding(tab: Tab, root: str, path: str, dark: bool) -> None:
    """With all the rules that it has, at both widths."""
    for width in (1280, 390):
        tab.seems(dark=dark, width=width)
        tab.open(root + path)
        tab.run(AXE.read_text() + ";0")
        found = tab.run("axe.run().then(said => said.violations.map(one => [one.impact, one.id, one.help,"
                        " one.nodes.slice(0, 3).map(node => node.html + ' ' + node.failureSummary)]))")  # fmt: skip
        assert [one for one in found if one[0] in SERIOUS] == []


def test_axe_would_find_something(tab: Tab, root: str) -> None:
    """The check can fail."""
    tab.open(root)
    tab.run(AXE.read_text() + ";0")
    tab.run("document.querySelector('#q').removeAttribute('aria-label'), document.querySelector('#q').placeholder = ''")
    found = tab.run("axe.run().then(said => said.violations.map(one => [one.impact, one.id]))")
    assert ["critical", "label"] in found
