"""Tables and the live view as a terminal without colours shows them, to the letter."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console, RenderableType
from rich.text import Text

from ahpa.core import words
from ahpa.core.decision import Decision, Reason
from ahpa.render import live, table
from tests.render.examples import MIDNIGHT, result, run


def plain(renderable: RenderableType, width: int = 110) -> str:
    out = io.StringIO()
    Console(file=out, width=width, color_system=None, legacy_windows=False).print(renderable)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def test_decisions_show_change_reason_and_sentence() -> None:
    rows = [
        Decision("knative/ml/chat", 5, 3, 1, True, Reason.PEAK_AHEAD, "raise 3 -> 5: peak 11.2 (p99) within 300 s"),
        Decision("hpa/ml/[red]x\x1b[2J", 2, 2, 2, False, Reason.NO_FORECAST, "hold 2: no forecast was made yet"),
    ]
    assert plain(table.decisions(rows)) == GOLDEN_DECISIONS


GOLDEN_DECISIONS = """\
SERVICE             FLOOR    BASELINE   MODE      REASON       WHY
─────────────────────────────────────────────────────────────────────────────────────────────────────────
knative/ml/chat     3 -> 5   1          apply     PeakAhead    raise 3 -> 5: peak 11.2 (p99) within 300 s
hpa/ml/[red]x�[2J   2        2          observe   NoForecast   hold 2: no forecast was made yet"""


@pytest.mark.parametrize(
    ("reason", "style"),
    [(Reason.PEAK_AHEAD, ""), (Reason.DESIRED_WITHIN_RANGE, "dim"), (Reason.NO_CAPACITY, "red")],
)
def test_a_reason_is_as_loud_as_it_is_severe(reason: Reason, style: str) -> None:
    shown = table.decisions([Decision("knative/ml/chat", 2, 2, 1, True, reason, "")])
    (cell,) = shown.columns[4].cells
    assert isinstance(cell, Text)
    assert cell.style == style


def test_outcomes_show_every_contender_and_the_sums() -> None:
    assert plain(table.outcomes([result("chat"), result("batch")])) == GOLDEN_OUTCOMES


GOLDEN_OUTCOMES = """\
SERVICE   POLICY   SETTING         REPLICA-HOURS     LATE   WAITED P99
──────────────────────────────────────────────────────────────────────
chat      ahpa     quantile 0.99             137   0.08 %        0.9 s
          kpa                                121    4.2 %        0.9 s
──────────────────────────────────────────────────────────────────────
batch     ahpa     quantile 0.99             137   0.08 %        0.9 s
          kpa                                121    4.2 %        0.9 s
──────────────────────────────────────────────────────────────────────
all       ahpa                               274   0.08 %
          kpa                                242    4.2 %"""


def test_prices_and_hindsight_are_told_under_the_table() -> None:
    """Without days before, a constant floor is the cheapest of the tested ones; MONEY is in the unit of the prices."""
    base = result("chat", ("ahpa", "static"))
    priced = replace(
        base,
        contenders={
            name: replace(found, outcome=replace(found.outcome, money=411.0), hindsight=name == "static")
            for name, found in base.contenders.items()
        },
    )
    told = plain(table.outcomes([priced])) + "\n" + "\n".join(table.legend([priced]))
    assert told == GOLDEN_PRICED
    assert table.legend([result()]) == []


GOLDEN_PRICED = """\
SERVICE   POLICY   SETTING         REPLICA-HOURS   MONEY     LATE   WAITED P99
──────────────────────────────────────────────────────────────────────────────
chat      ahpa     quantile 0.99             137     411   0.08 %        0.9 s
          static    *                        121     411    4.2 %        0.9 s
* known only afterwards: nobody could have set it before
MONEY: the replica-hours on each tier times its price in the file of --tiers, in the unit of those prices"""


def frame(minutes: int = 900, names: tuple[str, ...] = ("chat", "batch")) -> live.Frame:
    def so_far(values: np.ndarray) -> np.ndarray:
        return np.where(np.arange(1440) < minutes, values, math.nan)

    lanes = []
    for name in names:
        courses = tuple(
            live.Course(r.contender, so_far(r.ready), so_far(r.floor), so_far(r.late), 60_000.0, 99.0)
            for r in (run("ahpa"), run("kpa"))
        )
        demand = so_far(np.maximum(run("ahpa").demand, 0))
        lanes.append(live.Lane(name, demand, 2.8, 1, courses, "06:10 raise 3 -> 5: peak 11 (p99) within 300 s"))
    return live.Frame(MIDNIGHT + 60.0 * minutes, minutes / 1440, tuple(lanes))


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (200, 60), (50, 20)])
@pytest.mark.parametrize("minutes", [0, 1, 720, 1440])
def test_a_frame_fits_its_terminal(width: int, height: int, minutes: int) -> None:
    lines = plain(live.draw(frame(minutes), width, height), width).split("\n")
    assert all(len(line) <= width for line in lines)
    assert len(lines) <= max(24, height)


def test_both_contenders_stand_beside_each_other_where_there_is_room() -> None:
    wide, narrow = (plain(live.draw(frame(), width, 40), width) for width in (120, 60))
    assert "kpa alone  99.0 replica-hours" in wide
    assert "kpa alone  99.0 replica-hours" not in narrow


def test_the_future_is_blank() -> None:
    lane = frame(720).lanes[0]
    for line in live.picture(lane, lane.courses[0], 30.0, 40, 5).plain.split("\n"):
        assert line[20:].strip() == ""
        assert len(line) == 40


@settings(deadline=None)
@given(st.text(max_size=30))
def test_names_cannot_steer_the_terminal(name: str) -> None:
    shown = plain(live.draw(frame(600, (name, name)), 100, 30), 100) + live.line(frame(600, (name,)))
    assert not set(shown) & {"\x1b", "\x07", "\r", "\x9b", "\u202e", "\u2028"}
    assert "\x1b" not in plain(table.outcomes([result(name)]))


def test_a_line_for_logs_says_who_waited_under_both() -> None:
    late = words.count(float(run("kpa").late[:900].sum()))
    assert live.line(frame(900, ("chat",))).endswith(f"late 0 / {late}")


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (0.0008, "0.08 %"),
        (0.042, "4.2 %"),
        (0.0, "0 %"),
        (1e-7, "< 0.001 %"),
        (1.0, "100 %"),
        (0.5, "50 %"),
        (math.nan, "?"),
        (0.099951, "10 %"),
        (0.0104, "1 %"),
    ],
)
def test_percent(ratio: float, said: str) -> None:
    assert words.percent(ratio) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0, "0"), (4.25, "4.25"), (4.0, "4"), (31.44, "31.4"), (99.96, "100"), (1204.3, "1,204"), (math.inf, "?")],
)
def test_quantity(value: float, said: str) -> None:
    assert words.quantity(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(45.0, "45 s"), (79.46, "79.5 s"), (0.2, "0.2 s"), (270.0, "4.5 min"), (7200.0, "2 h"), (math.nan, "?")],
)
def test_seconds(value: float, said: str) -> None:
    assert words.seconds(value) == said


def test_times_say_their_zone() -> None:
    assert words.moment(MIDNIGHT + 23_400) == "Mon 02 Mar 2026 06:30 UTC"
    assert words.moment(math.inf) == "?"
