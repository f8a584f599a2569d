"""What is known beforehand, on the command line: as annotations say it, or as options."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from ahpa.commands.forecast import command as forecast
from ahpa.commands.world import Wish, policy_of
from ahpa.core.known.reading import events_in, windows_in
from tests.commands.examples import OWNED, T0, coarse, run

WINDOW, EVENT = "* 8-19 * * * min=2", "2023-11-17T08:00..2023-11-17T12:00 x3"
QUICK = ("--test-days", "1", "--policies", "ahpa", "--no-sweep", "--jobs", "1", "--model", "seasonal-naive")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--windows", "* 25 * * * min=2"], "window 1, '* 25 * * * min=2': hour 25 is not 0-23"),
        (["--events", "2023-11-17T08:00 x3"], "it has no end"),
        (["--time-zone", "Europe/Berlim"], "did you mean Europe/Berlin?"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_part_that_is_wrong(tmp_path: Path, words: list[str], why: str) -> None:
    done = run(coarse(tmp_path), *words)
    assert done.exit_code == 2
    assert why in " ".join(done.output.split())


def test_the_report_says_what_ours_was_told(tmp_path: Path) -> None:
    """By an owner's annotations, or by options in their place."""
    service = tmp_path / "svc.yaml"
    noted = f'{{ahpa.dev/windows: "{WINDOW}", ahpa.dev/time-zone: Asia/Tokyo}}'
    service.write_text(OWNED.replace("{name: chat}", f"{{name: chat, annotations: {noted}}}"))
    done = run(coarse(tmp_path), "--service", service, "--events", EVENT, "--out", tmp_path / "out", *QUICK)
    assert done.exit_code == 0, done.output
    world = json.loads((tmp_path / "out" / "report.json").read_text())["assumptions"]
    assert world["windows, by the clock of Asia/Tokyo"] == WINDOW
    assert world["planned events, by the clock of Asia/Tokyo"] == EVENT


def test_an_option_stands_before_an_annotation() -> None:
    wish = Wish(None, None, False, None, True, windows_in(WINDOW), events_in(EVENT), "Asia/Tokyo", "JP")
    policy = policy_of(wish, None)
    assert (policy.known.windows, policy.known.events) == (windows_in(WINDOW), events_in(EVENT))
    assert (policy.time_zone, policy.holidays) == ("Asia/Tokyo", "JP")


def test_a_forecast_is_lifted_by_an_event(tmp_path: Path) -> None:
    """The step in which it takes place, and none beside it."""
    file = tmp_path / "flat.csv"
    file.write_text("timestamp,value\n" + "".join(f"{T0 + 600 * i},100\n" for i in range(3 * 144)))
    words = [str(file), "--model", "seasonal-naive", "--horizon", "3h", "--step", "1h", "--levels", "0.5"]
    done = CliRunner().invoke(forecast, [*words, "--events", "2023-11-18T01:00..2023-11-18T02:00 x3"])
    assert done.exit_code == 0, done.output
    rows = [line.replace("|", "│").split("│") for line in done.output.splitlines() if "Nov 2023" in line]
    assert [row[2].strip() for row in rows if len(row) > 2] == ["100", "300", "100"], done.output
