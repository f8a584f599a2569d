"""The live view on 80 x 24, the smallest terminal that people have: nothing is wrapped, and nothing that means
something is cut."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from ahpa.commands import demo as commands
from ahpa.demo import Demo, Example
from ahpa.render import live
from ahpa.simulation.workloads import BATCH, BURSTY, CHAT
from tests.demo.last_week import LastWeek
from tests.demo.test_demo import WORLD
from tests.render.test_terminal import frame, plain

SENTENCE = (
    "06:10 raise 3 -> 5: peak 11.42 requests in flight (p95) and 5.1 for noise within 441 s needs 5 at 4 each, full; "
    "with it 0.04 % late at 6.1 replicas in the last 3 days; with no floor 2.3 % at 4.9"
)
WIDEST = (
    "06:10 raise 103 -> 115: peak 1142.42 requests in flight (p97.5) and 105.1 for noise within 441.25 s needs 115 at "
    "11.4 each, full"
)


def three(minutes: int = 900, sentence: str = SENTENCE, hours: float = 99.0) -> live.Frame:
    """The demo's three services under its three contenders."""
    shown = frame(minutes, ("chat", "batch", "bursty"))
    lanes = []
    for lane in shown.lanes:
        courses = tuple(replace(course, replica_hours=hours) for course in lane.courses)
        fixed = replace(courses[1], contender="fixed-max", late=np.zeros(1440))
        lanes.append(replace(lane, sentence=sentence, courses=(*courses, fixed)))
    return replace(shown, lanes=tuple(lanes))


def test_the_demo_on_eighty_by_twenty_four() -> None:
    assert plain(live.draw(three(), 80, 24), 80) == GOLDEN


GOLDEN = """\
Mon 02 Mar 2026 15:00 UTC  ━━━━━━━━━━━━━━━━━━━━━╸               1 day, simulated
chat   demand 3.89 in flight = 1.4 replicas   floor 3   ready 3   starting 1
ahpa  99.0 h  0 late (0 %)               kpa alone  99.0 h  144 late (0.24 %)
 ━━━━━━━━━━━━━━━━━                          ━━━━━━━━━━━━━▁▁
━▆████████████████━━━━━━━                ━━━█████████████━━━━━━ ▁
████████████████████████▇                ██████████████████████━━━
06:10 raise 3 -> 5: peak 11.42 requests in flight (p95) and 5.1 for noise within
441 s needs 5 at 4 each, full
batch   demand 3.89 in flight = 1.4 replicas   floor 3   ready 3   starting 1
ahpa  99.0 h  0 late (0 %)               kpa alone  99.0 h  144 late (0.24 %)
 ━━━━━━━━━━━━━━━━━                          ━━━━━━━━━━━━━▁▁
━▆████████████████━━━━━━━                ━━━█████████████━━━━━━ ▁
████████████████████████▇                ██████████████████████━━━
06:10 raise 3 -> 5: peak 11.42 requests in flight (p95) and 5.1 for noise within
441 s needs 5 at 4 each, full
bursty   demand 3.89 in flight = 1.4 replicas   floor 3   ready 3   starting 1
ahpa  99.0 h  0 late (0 %)               kpa alone  99.0 h  144 late (0.24 %)
 ━━━━━━━━━━━━━━━━━                          ━━━━━━━━━━━━━▁▁
━▆████████████████━━━━━━━                ━━━█████████████━━━━━━ ▁
████████████████████████▇                ██████████████████████━━━
06:10 raise 3 -> 5: peak 11.42 requests in flight (p95) and 5.1 for noise within
441 s needs 5 at 4 each, full
all    ahpa 297 replica-hours, 0 % late    kpa 297, 0.24 %    fixed-max 297, 0 %
█ demand   █ more than 1 % had to wait   ━ replicas ready   h replica-hours"""


@pytest.mark.parametrize("hours", [0.0, 99.0, 638.4])
@pytest.mark.parametrize("minutes", [0, 1, 900, 1440])
@pytest.mark.parametrize("sentence", ["", SENTENCE, WIDEST])
def test_nothing_that_means_something_is_cut(minutes: int, hours: float, sentence: str) -> None:
    """An ellipsis is a figure that somebody does not see. Up to the size of the demo's figures."""
    lines = plain(live.draw(three(minutes, sentence, hours), 80, 24), 80).splitlines()
    assert len(lines) == 24
    assert not [line for line in lines if len(line) > 80 or "…" in line]


def test_a_sentence_loses_whole_clauses_first() -> None:
    assert live.clauses(SENTENCE, 80, 2) == (
        "06:10 raise 3 -> 5: peak 11.42 requests in flight (p95) and 5.1 for noise within\n"
        "441 s needs 5 at 4 each, full"
    )
    assert live.clauses(SENTENCE, 90, 2).endswith("with it 0.04 % late at 6.1 replicas in the last 3 days")
    assert live.clauses("word " * 60, 80, 2).endswith("…")


class Screen:
    """A terminal as far as rich's live view uses one: what stands on it after all that was written."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.lines = [""] * height
        self.row = self.column = 0
        self.wrapped = 0

    def write(self, text: str) -> None:
        for control, code, glyph in re.findall(r"\x1b\[([?\d;]*)([A-Za-z])|([^\x1b])", text):
            if glyph == "\n":
                self._down()
            elif glyph == "\r":
                self.column = 0
            elif glyph:
                self._put(glyph)
            elif code == "A":
                self.row = max(0, self.row - int(control or 1))
            elif code == "K":
                self.lines[self.row] = ""

    def _down(self) -> None:
        self.column = 0
        self.row += 1
        if self.row == self.height:
            self.lines = [*self.lines[1:], ""]
            self.row -= 1

    def _put(self, glyph: str) -> None:
        if self.column == self.width:
            self.wrapped += 1
            self._down()
        line = self.lines[self.row].ljust(self.column)
        self.lines[self.row] = line[: self.column] + glyph + line[self.column + 1 :]
        self.column += 1


def test_the_view_stands_still_on_the_screen() -> None:
    """Each frame replaces the one before: one too tall would leave its top behind at every refresh."""
    asked = {"ahpa.dev/mode": "apply", "ahpa.dev/quantile": "0.95"}
    examples = [Example(pattern, WORLD, asked) for pattern in (CHAT, BATCH, BURSTY)]
    out, stage = io.StringIO(), Demo(LastWeek(), 0, examples, minutes=20)
    commands._show(stage, Console(file=out, width=80, height=24, force_terminal=True, color_system=None), 1e9)
    screen = Screen(80, 25)
    screen.write(out.getvalue())
    assert screen.wrapped == 0
    assert screen.lines[0].startswith("Mon 16 Mar 2026 00:20 UTC"), "the last frame, from its first line"
    assert "h replica-hours" in screen.lines[23]
    assert sum("UTC" in line for line in screen.lines) == 1
