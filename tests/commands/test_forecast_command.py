"""`ahpa forecast`: what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ahpa.commands.forecast import command


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--step", "0s"], "longer than nothing"),
        (["--window-max", "0s"], "longer than nothing"),
        (["--step", "90s"], "multiple"),
        (["--horizon", "0s"], "multiple"),
        (["--rolling", "--every", "7m"], "multiple"),
        (["--holidays", "Nowhere"], "no holidays are known of 'Nowhere'"),
        (["--time-zone", "Mars/Olympus"], "there is no time zone 'Mars/Olympus'"),
    ],
)
def test_options_that_do_not_fit_are_a_sentence_and_not_a_traceback(
    tmp_path: Path, words: list[str], said: str
) -> None:
    file = tmp_path / "x.csv"
    file.write_text("timestamp,value\n" + "".join(f"{60 * i},1\n" for i in range(100)))
    result = CliRunner().invoke(command, [str(file), *words])
    assert result.exit_code == 2, result.output
    assert said in result.output
