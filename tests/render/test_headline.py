"""The picture that people share says what the report says, in a form that every chat and tracker shows."""

from __future__ import annotations

import re
import struct
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from ahpa.cli import main
from ahpa.render import headline
from ahpa.render.report import Report, meaning
from tests.render.examples import chapter, result

EVERY = ("ahpa", "kpa", "hpa", "static", "fixed-max", "seasonal", "oracle")


def report(*names: str, contenders: tuple[str, ...] = ("ahpa", "kpa", "fixed-max")) -> Report:
    return Report("ahpa demo: services, Mon 16 Mar 2026", tuple(chapter(name, contenders) for name in names))


def test_it_shows_ours_beside_the_reactive_ones_and_a_fixed_fleet() -> None:
    shown = headline.of_report(report("chat", "batch", contenders=EVERY))
    assert [total.contender for total in shown.bars] == ["ahpa", "kpa", "hpa", "fixed-max"]
    assert shown.title == "ahpa demo: services"
    assert shown.below[0] == "Mon 16 Mar 2026."


def test_its_sentence_is_that_of_the_report() -> None:
    """What was judged by what was known before goes before the bare sums."""
    bare = report("chat")
    assert headline.of_report(bare).sentence == meaning(bare.results)
    judged = headline.of_report(replace(bare, late_target=0.001))
    assert judged.sentence == "Worth it: Prediction pays."
    assert judged.below[-1].endswith("each at its own setting.")
    assert judged.title == "ahpa demo: chat"


def test_a_png_has_the_size_that_is_previewed() -> None:
    drawn = headline.png(headline.of_report(report("chat")))
    assert drawn.startswith(b"\x89PNG")
    assert struct.unpack(">II", drawn[16:24]) == (1200, 630)


def test_the_same_headline_is_the_same_picture() -> None:
    shown = headline.of_report(report("chat"))
    assert headline.png(shown) == headline.png(shown)
    assert headline.svg(shown) == headline.svg(shown)


def test_an_svg_needs_no_font_and_tells_its_words() -> None:
    drawn = headline.svg(headline.of_report(report("chat")))
    root = ET.fromstring(drawn)
    name = "{http://www.w3.org/2000/svg}"
    assert (root.get("width"), root.get("height")) == ("1200", "630")
    assert root.findtext(f"{name}desc", "").startswith("ahpa: 137 replica-hours, 0.08 % late; kpa alone: 121 ")
    assert not root.findall(f".//{name}text")
    assert not re.findall(r'href="(?!#)', drawn), "nothing is loaded"


@pytest.mark.parametrize(
    "name",
    ["$\\frac{1}{2", "<script>alert(1)</script>", "x\x1b[2J\u202ey", "名前" * 99, "", "a" * 500],
    ids=["mathematics", "markup", "control", "wide", "empty", "long"],
)
def test_a_hostile_name_is_drawn_as_it_stands(name: str) -> None:
    shown = headline.of_report(report(name))
    assert struct.unpack(">II", headline.png(shown)[16:24]) == (1200, 630)
    drawn = headline.svg(shown)
    ET.fromstring(drawn)
    assert "<script" not in drawn
    assert not set(drawn) & {"\x1b", "\u202e"}


def test_long_words_stay_in_the_picture() -> None:
    lines = headline._wrapped("replica-hours " * 90, 22, 1072)
    assert len(lines) == 4
    assert lines[-1].endswith("…")
    assert all(headline._width(line, 22) <= 1072 for line in lines)


def test_the_small_print_is_whole_where_the_period_has_two_dates() -> None:
    """Its last words, each at its own setting, were cut."""
    room = headline.WIDTH - 2 * headline.MARGIN
    one_day = headline.of_report(replace(report("chat"), late_target=0.001)).below
    assert headline._small_print(one_day, room) == [" ".join(one_day)]
    title = "ahpa backtest: chat, Sat 14 Mar 2026 00:00 UTC to Tue 17 Mar 2026 00:00 UTC"
    three = headline.of_report(replace(report("chat"), title=title, late_target=0.001)).below
    assert headline._small_print(three, room) == list(three)


def test_a_report_without_ours_still_has_a_picture() -> None:
    shown = headline.of_report(report("chat", contenders=("kpa",)))
    assert shown.sentence == "kpa alone: 121 replica-hours, 4.2 % late."
    assert headline.png(shown)


@pytest.mark.parametrize("suffix", headline.SUFFIXES)
def test_a_file_is_what_its_name_says(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"headline{suffix}"
    headline.write(path, headline.of_report(report("chat")))
    assert path.read_bytes().startswith({".png": b"\x89PNG", ".svg": b"<svg"}[suffix])


@pytest.mark.parametrize(("name", "why"), [("x.gif", "must end in .png or .svg"), ("nowhere/x.png", "is not there")])
def test_a_picture_that_cannot_be_is_refused_before_the_work(tmp_path: Path, name: str, why: str) -> None:
    given = ["backtest", "data/chat.csv.gz", "--out", str(tmp_path / "out"), "--picture", str(tmp_path / name)]
    done = CliRunner().invoke(main, given)
    assert done.exit_code != 0
    assert why in done.output


def test_examples_have_what_is_drawn() -> None:
    assert set(result(contenders=EVERY).contenders) == set(EVERY)
