"""What `ahpa serve` keeps of the history, and where its volume fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ahpa.adapters.files.totals import NAME, save_totals
from ahpa.adapters.prometheus.source import Prometheus
from ahpa.adapters.telemetry.telemetry import Telemetry
from ahpa.commands import keeping
from ahpa.core.courses import NO_TOTALS, Ledger, Totals
from ahpa.history.snapshot import Extent, Piece, Snapshot
from ahpa.service.settings import Settings

ORIGIN = "http://prometheus:9090"


def test_a_volume_that_fails_while_the_copy_is_read_keeps_nothing_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(folder: Path, origin: str, step: float, seconds: float, now: float) -> Snapshot:
        def piece(number: int) -> Piece:
            raise OSError(5, "Input/output error")

        return Snapshot(Extent(step, 0, 60, 60), map(piece, range(3)))

    monkeypatch.setattr(keeping, "load", broken)
    keeper = keeping.Keeper(Settings(), Telemetry(), ORIGIN, tmp_path)
    keeper.around(Prometheus("http://127.0.0.1:1"))
    assert not keeper.grown
    assert "history.dropped" in caplog.text


def totals() -> Totals:
    return Totals(("hpa/a/x",), np.array([1.0]), np.array([2e9]), np.array([True]), Ledger.empty(1))


def test_what_was_saved_is_on_the_volume_at_the_end_and_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "wall_clock", lambda: 2e9)
    keeper = keeping.Keeper(Settings(), Telemetry(), ORIGIN, tmp_path)
    assert keeper.totals() is NO_TOTALS
    keeper.around(Prometheus("http://127.0.0.1:1"))
    with keeper.filling(lambda: 0.5, totals):
        pass
    assert keeper.totals().keys == ("hpa/a/x",)


def test_the_history_is_on_the_volume_though_what_was_saved_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(folder: Path, totals: Totals) -> None:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(keeping, "save_totals", broken)
    written: list[str] = []
    monkeypatch.setattr(keeping, "save", lambda folder, copy, origin: written.append(origin))
    keeper = keeping.Keeper(Settings(), Telemetry(), ORIGIN, tmp_path)
    keeper.around(Prometheus("http://127.0.0.1:1"))
    with keeper.filling(lambda: 0.5, totals):
        pass
    assert written == [ORIGIN]


def test_without_a_volume_or_with_a_file_in_doubt_counting_begins_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert keeping.Keeper(Settings(), Telemetry(), ORIGIN, None).totals() is NO_TOTALS
    save_totals(tmp_path, totals())
    (tmp_path / NAME).write_text("half a l")
    assert keeping.Keeper(Settings(), Telemetry(), ORIGIN, tmp_path).totals() is NO_TOTALS
    assert "savings.dropped" in caplog.text
