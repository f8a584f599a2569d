"""`ahpa explain`: from data to decision, each step said, so that nobody has to believe."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ahpa.cli import main
from ahpa.commands.explain import explained
from tests.commands.looks import looking_at, shop, typed

CHAT = """\
object              Knative Service shop/chat
made or written by  nobody else, as far as it says
asked for           ahpa.dev/mode 'apply'
measured by         knative-concurrency, 7 requests in flight for a replica (the target of chat-00001)
the query           up{a="chat"}
taken for granted   lag assumed; knative-concurrency does not say its unit: taken as requests in flight
history             2 days of the last 2 were observed, the newest 0 s ago; median 2, largest 42.0
a start takes       4.47 min in nine of ten cases, assumed until its pods show better
forecast            the peak within 5.47 min is at most 42.0 in one case of two, and at most 42.0 in 99 % of all (by \
yesterday)
setting             quantile 0.99: the default, until there are days on which settings can be tried
bounds              at least 0 (its owner's minimum), at most 100 (--cap)
there now           1 ready of 1, floor 0
decision            raise 0 -> 5: peak 42 requests in flight (p99) within 328 s needs 6 at 7 each (lag assumed; \
knative-concurrency does not say its unit: taken as requests in flight); at most 5 this round (ScaleUpLimited)
written             yes, by a service that may write
next                floor 6 about Tue 14 Nov 2023 09:01 UTC, if this forecast holds

"""


def told(service: str, out: Path | None = None) -> Result:
    return typed(lambda: explained(looking_at(shop()), service, out))


@pytest.mark.parametrize("name", ["shop/chat", "knative/shop/chat", "chat"])
def test_from_the_object_to_the_decision(name: str) -> None:
    """However it is named. Below the words stands the picture: twelve hours of demand, and twelve to come."""
    done = told(name)
    assert done.exit_code == 0
    assert done.stdout.startswith(CHAT)
    picture = done.stdout.removeprefix(CHAT).splitlines()
    assert len(picture) == 12
    assert [sign for sign in "▄░━" if sign not in "".join(picture[:10])] == []
    assert picture[-2].split() == ["21:00", "now", "09:00", "21:00"]


@pytest.mark.parametrize(
    ("name", "says"),
    [("shop/dark", "history             none: nobody listens"),
     ("shop/typo", "wrong with that     ahpa.dev/mode: 'aply' is not observe, apply or off"),
     ("shop/watched", "written             no: its mode is observe")],
)  # fmt: skip
def test_what_is_missing_is_said(name: str, says: str) -> None:
    done = told(name)
    assert done.exit_code == 0
    assert says in done.stdout


@pytest.mark.parametrize(("name", "begins"), [("it.html", b"<!doctype html>"), ("it.png", b"\x89PNG")])
def test_it_can_be_shown_to_others(tmp_path: Path, name: str, begins: bytes) -> None:
    done = told("shop/chat", tmp_path / name)
    assert done.exit_code == 0
    written = (tmp_path / name).read_bytes()
    assert written.startswith(begins)
    if name.endswith(".html"):
        page = written.decode()
        assert "<svg" in page
        assert "the peak within 5.47 min is at most 42.0" in page
        assert "<script" not in page


def test_without_data_there_is_no_picture(tmp_path: Path) -> None:
    done = told("shop/dark", tmp_path / "it.png")
    assert done.exit_code == 4
    assert "no picture: nothing of shop/dark was observed and foreseen" in done.stderr


def test_a_service_that_nobody_annotated_is_answered_with_those_that_are() -> None:
    done = told("shop/chart")
    assert done.exit_code == 2
    said = "shop/chart: none of that name carries an annotation of ours, as ahpa.dev/mode; did you mean shop/chat?"
    assert said in done.stderr


@pytest.mark.parametrize(
    ("out", "says"),
    [("it.gif", "--out it.gif: the name must end in .html, .png, .svg or .pdf"),
     ("/absent/it.png", "--out /absent/it.png: its folder is not there or cannot be written to")],
)  # fmt: skip
def test_a_file_that_cannot_be_written_is_refused_before_any_work(out: str, says: str) -> None:
    done = CliRunner().invoke(main, ["explain", "shop/chat", "--prometheus", "http://127.0.0.1:9", "--out", out])
    assert done.exit_code == 2
    assert says in done.output
