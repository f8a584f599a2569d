"""The page is one file that loads nothing, whatever its services are called."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ahpa.backtest.contenders import NAMES
from ahpa.backtest.results import Backtest, Point, SeriesResult
from ahpa.render import html
from ahpa.render.report import Chapter, Report, comparison, headline, meaning, of_backtest, totals
from ahpa.simulation.outcome import Move
from tests.render.examples import MIDNIGHT, OUTCOME, chapter, result

HOSTILE = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "a' onclick='x",
    "$\\frac{",
    "&amp;lt;",
    "\x1b[31mred\x00",
    "\u202egnp.exe",
    "x" * 5000,
    "",
    "#s0",
    "</style><style>*{display:none}",
]
VOID = {"meta", "br", "img", "link", "input"}


class _Structure(HTMLParser):
    """Tags and attributes of a page; raises where they are not nested."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(page: str) -> _Structure:
    structure = _Structure()
    structure.feed(page)
    structure.close()
    assert structure.open == []
    return structure


BASELINE = read(html.page(Report("plain", (chapter(swept=True), chapter("other")))))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_add_no_markup(name: str) -> None:
    page = read(
        html.page(Report(name, (chapter(name), chapter("other")), name, ((name, name),), 0.001, ((name, name),)))
    )
    assert page.tags <= BASELINE.tags | {"dl", "dt", "dd"}
    assert page.attributes <= BASELINE.attributes


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=60))
def test_no_text_becomes_markup(name: str) -> None:
    quiet = SeriesResult(name, {}, (name,), (name,), False, name)
    page = read(html.page(Report(name, (Chapter(quiet), Chapter(quiet)), name, ((name, name),))))
    assert page.tags <= BASELINE.tags | {"dl", "dt", "dd"}
    assert page.attributes <= BASELINE.attributes


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    page = html.page(Report("t", (chapter(swept=True),)))
    assert not re.search(r"<script|https?://|@import|url\((?!#)|\bon\w+=", page)
    assert "default-src 'none'" in page


def test_twenty_services_stay_below_six_megabytes() -> None:
    chapters = tuple(chapter(f"svc-{i}", NAMES, swept=True) for i in range(3))
    page = html.page(Report("t", chapters))
    assert len(page.encode()) * 20 / 3 < 6e6


def test_what_could_not_be_tested_is_said() -> None:
    page = html.page(
        of_backtest(Backtest((result(),), 0.001, 180, 270, {}, MIDNIGHT, MIDNIGHT + 86_400, {"b": "no data"}))
    )
    assert "Not tested" in page
    assert "no data" in page


def test_services_come_by_what_they_would_save() -> None:
    small, big = replace(result("small"), saving_hours=1.0), replace(result("big"), saving_hours=9.0)
    never = replace(result("never"), worth=False, saving_hours=99.0)
    report = of_backtest(Backtest((never, small, big), 0.001, 180, 270))
    assert [r.name for r in report.results] == ["big", "small", "never"]


def test_a_backtest_without_courses_still_has_its_figures() -> None:
    bare = result(swept=True)
    bare = replace(bare, contenders={name: replace(found, run=None) for name, found in bare.contenders.items()})
    page = read(html.page(Report("t", (Chapter(bare),), late_target=0.001)))
    assert "137" in page.words
    assert any("equal lateness" in words for words in page.words)


def test_the_headline_names_cost_and_lateness_of_both() -> None:
    assert headline([result()]) == "ahpa: 137 replica-hours, 0.08 % late · kpa alone: 121, 4.2 %"


def test_totals_weigh_lateness_by_requests() -> None:
    busy = result("busy")
    idle = result("idle")
    idle_kpa = replace(idle.contenders["kpa"], outcome=replace(OUTCOME, late_ratio=0.5, requests=100.0))
    idle = replace(idle, contenders={**idle.contenders, "kpa": idle_kpa})
    assert totals([busy, idle])["kpa"].late_ratio == pytest.approx((0.042 * 100_000 + 50) / 100_100)


@pytest.mark.parametrize(
    ("ours", "theirs", "says"),
    [
        ((110, 0.001), (100, 0.05), "10.0 replica-hours more (10 %)"),
        ((90, 0.001), (100, 0.05), "10.0 replica-hours fewer (10 %)"),
        ((110, 0.06), (100, 0.05), "not worth it here"),
        ((110, 0.05), (100, 0.05), "spared nobody"),
        ((100, 0.0), (100, 0.0), "not worth it here"),
    ],
)
def test_the_sentence_is_honest_whichever_way_it_went(
    ours: tuple[float, float], theirs: tuple[float, float], says: str
) -> None:
    base = result()
    contenders = {
        name: replace(base.contenders[name], outcome=replace(OUTCOME, replica_hours=hours, late_ratio=late))
        for name, (hours, late) in (("ahpa", ours), ("kpa", theirs))
    }
    assert says in meaning([replace(base, contenders=contenders)])


def test_the_report_is_written_where_it_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.html"
    html.write_report(path, Report("t", (chapter(),)))
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")


def set_before(base: SeriesResult, **hours: float) -> SeriesResult:
    """With the policies, each in time at so many replica-hours at the setting that the days before suggest."""
    found = dict(base.contenders)
    for name, cost in hours.items():
        outcome = replace(found[name].outcome, replica_hours=cost, late_ratio=0.0)
        found[name] = replace(found[name], outcome=outcome, before=Point(1.0, "as before", outcome))
    return replace(base, contenders=found)


def test_the_page_leads_with_what_could_have_been_known() -> None:
    """It led with each at its best setting, known afterwards: nobody could have had that."""
    both, one = set_before(result(), ahpa=50.0, kpa=100.0), replace(result("b"), worth=False)
    assert comparison([result()], 0.001) == "Worth it: Prediction pays."
    said = (
        "Prediction pays in 2 of 3 services. Where ahpa and another kept 0.1 % late it takes 50 % fewer replica-hours "
        "than the cheapest other, as the days before would have set it (median of 2)"
    )
    assert comparison([both, one, both], 0.001) == said
    assert comparison([one, one], 0.001) == "Prediction pays in 0 of 2 services"
    assert comparison([both], None) == ""
    page = html.page(Report("t", tuple(map(Chapter, (both, one, both))), late_target=0.001))
    assert f'<p class="lead">{said.replace(" %", "&nbsp;%")}</p>' in page


def test_what_was_known_before_and_afterwards_stand_beside_each_other() -> None:
    words = read(html.page(Report("t", (chapter(swept=True),)))).words
    head = words.index("set by the days before")
    assert words[head + 3] == "afterwards: the best"
    row = [word for word in words[head + 4 : head + 11] if word.strip()]
    assert row[1:] == ["ahpa", "as before", "137", "0.08\xa0%", "× 1.0", "137"]
    assert "set by the days before" not in read(html.page(Report("t", (chapter(),)))).words


def test_without_a_sweep_nothing_is_said_of_equal_lateness() -> None:
    """The page led with "72 % fewer replica-hours" of the one service in three whose only setting had kept it."""
    single = result(swept=True)
    single = replace(
        single,
        contenders={
            name: replace(found, points=found.points[1:2], equal=found.points[1])
            for name, found in single.contenders.items()
        },
    )
    swept, unswept = (html.page(of_backtest(Backtest((one,), 0.01, 180, 270))) for one in (result(swept=True), single))
    assert "equal lateness" in swept
    assert "equal lateness" not in unswept


def test_a_setting_that_nobody_could_have_known_is_marked_as_such() -> None:
    page = html.page(Report("t", (chapter(contenders=("ahpa", "kpa", "static")), chapter("b", NAMES))))
    assert page.count("(known only afterwards)") == 2  # the oracle in the sums, and in the second service's table


def test_money_has_a_column_where_there_are_prices_and_only_there() -> None:
    """It was in report.json, and in the page of a small report as a bare figure."""
    priced = result(contenders=NAMES)
    priced = replace(
        priced,
        contenders={
            name: replace(found, outcome=replace(found.outcome, money=411.0))
            for name, found in priced.contenders.items()
        },
    )
    plain, told = (read(html.page(Report("t", (Chapter(each),)))).words for each in (result(contenders=NAMES), priced))
    assert told.count("money") == 2
    assert told.count("411") == 14
    assert "money" not in plain


def test_what_to_annotate_is_ready_to_be_pasted() -> None:
    asked = replace(result(), annotations={"ahpa.dev/mode": "observe", "ahpa.dev/quantile": "0.98"})
    page = html.page(Report("t", (Chapter(asked),)))
    assert '<pre>annotations:\n  ahpa.dev/mode: "observe"\n  ahpa.dev/quantile: "0.98"</pre>' in page
    assert "<pre" not in html.page(Report("t", (chapter(),)))


def test_every_decision_is_counted_and_their_file_is_named() -> None:
    """The first sixty were shown, whatever came later."""
    base = result()
    many = tuple(Move(MIDNIGHT + 60.0 * i, i % 2 + 1, 2 - i % 2, f"word {i}") for i in range(400))
    found = base.contenders["ahpa"]
    assert found.run is not None
    busy = replace(base, contenders={**base.contenders, "ahpa": replace(found, run=replace(found.run, moves=many))})
    report = of_backtest(Backtest((busy,), 0.001, 180, 270), 2.8, {"chat": "ticks/chat.decisions.csv"})
    page = html.page(report)
    assert "400 decisions that moved the floor" in page
    assert "400 times between 1 and 2; at last: word 399" in page
    assert "All of them, line by line: ticks/chat.decisions.csv." in page
