"""`ahpa forecast`: what it refuses, and that a calendar counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click import Command
from click.testing import CliRunner

from ahpa.commands.backtest import command as backtest
from ahpa.commands.forecast import command as forecast
from forecasting.choice.models import models


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--step", "0s"], "longer than nothing"),
        (["--window-max", "0s"], "longer than nothing"),
        (["--step", "90s"], "multiple"),
        (["--horizon", "0s"], "multiple"),
        (["--horizon", "7d"], "no forecast is tried and calibrated farther ahead than 48h"),
        (["--rolling", "--every", "7m"], "multiple"),
        (["--holidays", "Nowhere"], "no holidays are known of 'Nowhere'"),
        (["--holidays", "SAT"], "no holidays are known of 'SAT'"),
        (["--time-zone", "Mars/Olympus"], "there is no time zone 'Mars/Olympus'"),
    ],
)
def test_options_that_do_not_fit_are_a_sentence_and_not_a_traceback(
    tmp_path: Path, words: list[str], said: str
) -> None:
    file = tmp_path / "x.csv"
    file.write_text("timestamp,value\n" + "".join(f"{60 * i},1\n" for i in range(100)))
    result = CliRunner().invoke(forecast, [str(file), *words])
    assert result.exit_code == 2, result.output
    assert said in result.output


@pytest.mark.parametrize("command", [forecast, backtest], ids=["forecast", "backtest"])
def test_the_help_names_every_model_and_when_to_take_it(command: Command) -> None:
    """`backtest` said "a model, or auto" and nowhere which there are."""
    told = " ".join(CliRunner().invoke(command, ["--help"]).output.replace("-\n", "-").split())
    said = told.partition("--model ")[2].partition("  --")[0].replace("- ", "-")
    assert [name for name in models() if name not in said] == []
    assert "auto, where services differ much" in said


@pytest.mark.slow
def test_a_calendar_changes_what_is_expected(tmp_path: Path) -> None:
    """A shop that opens by a clock that was put back a week ago: told so, the model expects something else."""
    t = 1_698_105_600 + 300 * np.arange(9 * 288)  # 2023-10-24 on; the clocks of Berlin were changed on the 29th
    shop = 20 + 80 * ((t + np.where(t < 1_698_541_200, 7200, 3600)) % 86_400 // 3600 >= 8)
    rows = "".join(f"{at},{demand}\n" for at, demand in zip(t, shop, strict=True))
    (tmp_path / "shop.csv").write_text("timestamp,value\n" + rows)
    words = [str(tmp_path / "shop.csv"), "--horizon", "12h", "--step", "30m"]
    plain, told = (CliRunner().invoke(forecast, [*words, *more]) for more in ([], ["--time-zone", "Europe/Berlin"]))
    assert plain.exit_code == told.exit_code == 0, plain.output + told.output
    assert plain.output.splitlines()[3:] != told.output.splitlines()[3:]
