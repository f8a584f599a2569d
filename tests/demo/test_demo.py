"""The demo is the real thing on a small stage: the service's decisions, the backtest's world, the same luck."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

from ahpa.cli import main
from ahpa.commands import demo as commands
from ahpa.demo import GPU_NODES, Demo, Example
from ahpa.render.html import page
from ahpa.simulation.stream import SimulatedService
from ahpa.simulation.workloads import BATCH, CHAT
from tests.demo.last_week import LastWeek

MINUTES = 130
"""Midnight to 02:10: the first batch job comes at about one."""
WORLD = SimulatedService(service_seconds=20.0, concurrency=4, readiness=GPU_NODES)


def played(annotations: dict[str, str] | None = None, seed: int = 0, minutes: int = MINUTES) -> Demo:
    examples = [
        Example(p, WORLD, annotations or {"ahpa.dev/mode": "apply", "ahpa.dev/quantile": "0.95"}) for p in (CHAT, BATCH)
    ]
    demo = Demo(LastWeek(), seed, examples, minutes=minutes)
    assert list(demo.play()) == list(range(1, minutes + 1))
    return demo


@pytest.fixture(scope="module")
def demo() -> Demo:
    return played()


def test_the_floor_is_there_before_the_job_and_the_pods_in_time(demo: Demo) -> None:
    ours, theirs = demo.lanes[1]["ahpa"], demo.lanes[1]["kpa"]
    begins = int(np.argmax(ours.world.traffic.demand > 0))
    assert 30 < begins < 90, "the job lies inside what is played"
    assert ours.floor[begins - 1] >= 4
    assert ours.ready[begins - 1] >= 4
    assert theirs.ready[begins - 1] == 0
    assert np.nansum(ours.late) < 0.5 * np.nansum(theirs.late)


def test_every_contender_meets_the_same_requests(demo: Demo) -> None:
    for lanes in demo.lanes:
        runs = [run for lane in lanes.values() if (run := lane.result().run)]
        assert len(runs) == 3
        assert all(np.array_equal(run.demand, runs[0].demand) for run in runs)
        assert len({run.outcome.requests for run in runs}) == 1


def test_observing_changes_nothing() -> None:
    watched = played({"ahpa.dev/mode": "observe", "ahpa.dev/quantile": "0.95"}, minutes=80)
    for lanes in watched.lanes:
        ours, theirs = lanes["ahpa"].result().run, lanes["kpa"].result().run
        assert ours is not None
        assert theirs is not None
        assert np.array_equal(ours.ready, theirs.ready)
        assert np.array_equal(ours.late, theirs.late)
        assert (ours.floor == 0).all()
    assert watched.lanes[0]["ahpa"].moves, "but it says what it would do"


def test_a_seed_names_a_demo() -> None:
    first, again, other = (page(played(seed=seed, minutes=30).report()) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_what_the_live_view_adds_up_is_what_the_report_says(demo: Demo) -> None:
    for lane in (lane for lanes in demo.lanes for lane in lanes.values()):
        outcome = lane.result().outcome
        assert np.nansum(lane.late) == pytest.approx(outcome.late_ratio * outcome.requests, abs=5)
        assert lane.paid_hours == pytest.approx(outcome.replica_hours, rel=0.1, abs=0.5)


def test_coverage_is_that_of_the_windows_that_were_promised(demo: Demo) -> None:
    lane = demo.lanes[0]["ahpa"]
    demand = lane.world.traffic.demand
    held = 0
    ends = [m for m in range(MINUTES) if m + lane.window_minutes[m] <= MINUTES]
    for m in ends:
        held += all(demand[k] <= lane.peak[m] for k in range(m, m + lane.window_minutes[m]))
    assert lane.coverage() == {"0.95": held / len(ends)}


def test_contenders_can_be_left_out() -> None:
    alone = Demo(LastWeek(), 0, [Example(BATCH, WORLD)], ("kpa",), minutes=5)
    list(alone.play())
    assert "replica-hours" in page(alone.report())
    assert alone.frame().lanes[0].sentence == ""


def test_where_nobody_watches_it_tells_in_lines() -> None:
    out = io.StringIO()
    stage = Demo(LastWeek(), 0, [Example(BATCH, WORLD)], minutes=181)
    commands._tell(stage, Console(file=out, width=80))
    assert out.getvalue().startswith("Mon 16 Mar 2026 03:00 UTC  batch: demand")
    assert out.getvalue().count("\n") == 1


def test_the_live_view_ends_on_the_last_minute() -> None:
    out = io.StringIO()
    stage = Demo(LastWeek(), 0, [Example(BATCH, WORLD)], minutes=20)
    commands._show(stage, Console(file=out, width=100, height=30, force_terminal=True, color_system=None), 1e9)
    assert "Mon 16 Mar 2026 00:20 UTC" in out.getvalue()


@pytest.mark.parametrize("policies", ["", "ahpa,nonsense", "AHPA"])
def test_unknown_names_are_a_usage_error(policies: str) -> None:
    result = CliRunner().invoke(main, ["demo", "--policies", policies])
    assert result.exit_code == 2
    assert "choose from ahpa, kpa, fixed-max" in result.output


@pytest.mark.slow
def test_the_command_ends_with_a_table_a_sentence_and_a_report(tmp_path: Path) -> None:
    """In a process of its own, as people start it: the command itself sees to numpy's threads."""
    command = [sys.executable, "-m", "ahpa", "demo", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=840, check=False)
    assert done.returncode == 0, done.stderr
    assert "POLICY" in done.stdout
    assert "had to wait" in done.stdout
    assert "Tue 17 Mar 2026 00:00 UTC" in done.stderr
    assert (tmp_path / "report.html").stat().st_size < 2e6
    assert (tmp_path / "headline.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "headline.svg").read_text().startswith("<svg")


def test_a_place_that_cannot_be_written_is_said_before_the_show(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(main, ["demo", "--out", str(tmp_path / "file" / "below")])
    assert result.exit_code == 2
    assert "cannot write" in result.output
