"""Claims about `--executor`: what is said wrongly is refused in words, and who needs workers that are away says so."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from ahpa.adapters.dask.executor import Dask, Patience
from ahpa.adapters.dask.scheduler import Scheduler
from ahpa.adapters.telemetry.telemetry import Telemetry
from ahpa.cli import main
from ahpa.commands import workers
from ahpa.commands.workers import pool, reached_or_here
from forecasting.executor import Serial

AWAY = Scheduler.at("dask://127.0.0.1:1")
SHORT = Patience(connect=0.2)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A day, which is too little for a forecast: the work must not begin."""
    path = tmp_path / "day.csv"
    lines = (f"{1_790_000_040 + 60 * m},{abs(m % 60 - 30)}\n" for m in range(1440))
    path.write_text("timestamp,value\n" + "".join(lines))
    return path


@pytest.mark.parametrize("command", ["forecast", "backtest"])
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--executor", "tcp://pool:8786"], "write dask://HOST:PORT"),
        (["--executor", "dask://pool:8786"], "whoever reaches that port can run code"),
        (["--executor-insecure"], "say how --executor is reached"),
        (["--executor", "dask://pool:8786", "--executor-ca", __file__], "all three or none"),
        (["--executor", "dask://pool:8786", "--executor-ca", "nowhere.crt"], "does not exist"),
    ],
)
def test_what_is_said_wrongly_is_refused_in_words(command: str, words: list[str], says: str, file: Path) -> None:
    done = CliRunner().invoke(main, [command, str(file), *words])
    assert done.exit_code == 2
    assert says in done.output


def test_without_the_extra_it_says_what_to_install(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = CliRunner().invoke(main, ["forecast", str(file), "--executor", "dask://localhost:8786"])
    assert done.exit_code == 2
    assert "pip install 'ahpa[dask]'" in done.output


@pytest.mark.parametrize("command", ["forecast", "backtest"])
def test_a_command_without_its_workers_ends_with_a_sentence_and_code_3(
    command: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "workers_from", lambda given: Dask(AWAY, SHORT))
    monkeypatch.setattr(f"ahpa.commands.{command}.workers_from", workers.workers_from)
    done = CliRunner().invoke(main, [command, str(file)])
    assert done.exit_code == 3
    assert f"ahpa {command}: no Dask scheduler at tcp://127.0.0.1:1 within 0.2 s" in done.output


def test_a_service_without_its_workers_begins_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "ahpa"):
        here = reached_or_here(Dask(AWAY, replace(SHORT, again=600)), Telemetry())
        assert here.submit(max, 1, 2).result() == 2
    assert [(each.levelname, each.message) for each in caplog.records] == [("ERROR", "executor.away")]
    here.stop()


def test_without_the_option_all_is_done_here() -> None:
    with pool(1, None) as found:
        assert isinstance(found, Serial)
