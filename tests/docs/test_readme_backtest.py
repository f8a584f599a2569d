"""What the documents show of a backtest is what its command prints."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from ahpa.cli import main
from tests.docs.test_docs import ROOT

NUMBER = r"[0-9][0-9,]*(?:\.[0-9]+)?"
A_PROCESSOR = 0.2
"""Networks that are trained on another kind of processor differ in their last bits."""
A_LATE_SHARE = 0.05
"""Per cent: of a few late requests one more is a large part."""
A_SETTING = rf"quantile {NUMBER}(?: in slots)?(?:, then quantile {NUMBER}(?: in slots)?)*"
"""Which one ours finds is a result as the figures are: where two do nearly as well, the last bits choose."""


def shown_in(page: str) -> tuple[list[str], list[str]]:
    """The words after `ahpa` of the first backtest of an example log, and the lines that are shown under it."""
    text = (ROOT / page).read_text()
    found = re.search(r"```\n(?:\.venv/bin/)?ahpa (backtest data/.*?)\n```.*?```text\n(.*?)\n```", text, re.DOTALL)
    assert found is not None
    return shlex.split(found[1]), found[2].splitlines()


def without_setting(line: str) -> str:
    """The found setting and the table's width, which its words decide, say nothing."""
    return re.sub("─+", "─", re.sub(A_SETTING, "its setting", line))


def figures(line: str) -> list[float]:
    return [float(number.replace(",", "")) for number in re.findall(NUMBER, line)]


def words(line: str) -> list[str]:
    return re.sub(NUMBER, "#", without_setting(line)).split()


def printed_by(command: list[str], out: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(main, [*command, "--out", str(out)], env={"COLUMNS": "110"})
    assert done.exit_code == 0, done.output
    return done.stdout.splitlines()


def compare(printed: list[str], shown: list[str]) -> None:
    assert len(shown) > 5
    assert [words(line) for line in printed[: len(shown)]] == [words(line) for line in shown]
    for line, told in zip(map(without_setting, printed), map(without_setting, shown), strict=False):
        assert figures(line) == pytest.approx(figures(told), rel=A_PROCESSOR, abs=A_LATE_SHARE), line


@pytest.mark.slow
def test_the_readme_shows_what_its_command_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command, shown = shown_in("README.md")
    printed = printed_by(command, tmp_path / "out", monkeypatch)
    compare(printed, shown)
    told, prose = "\n".join(printed), (ROOT / "README.md").read_text()
    saved = re.search(r"replica-hours \((\d+) %\) fewer than fixed-max", told)
    claimed = re.search(r"ahpa would\s+have\s+taken\s+(\d+) % fewer replica-hours than the\s+cheapest other", prose)
    assert saved is not None
    assert claimed is not None
    assert int(saved[1]) == pytest.approx(int(claimed[1]), abs=5)
    assert "more than the 0.1 % wanted" not in told


@pytest.mark.slow
def test_the_example_above_an_hpa_is_what_its_command_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command, shown = shown_in("docs/backtest.md")
    assert "--scaler" in command
    compare(printed_by(command, tmp_path / "out", monkeypatch), shown)
