"""What `ahpa serve` keeps of the history, and where its volume fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from ahpa.adapters.prometheus.source import Prometheus
from ahpa.adapters.telemetry.telemetry import Telemetry
from ahpa.commands import keeping
from ahpa.history.snapshot import Extent, Piece, Snapshot
from ahpa.service.settings import Settings


def test_a_volume_that_fails_while_the_copy_is_read_keeps_nothing_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(folder: Path, origin: str, step: float, seconds: float, now: float) -> Snapshot:
        def piece(number: int) -> Piece:
            raise OSError(5, "Input/output error")

        return Snapshot(Extent(step, 0, 60, 60), map(piece, range(3)))

    monkeypatch.setattr(keeping, "load", broken)
    keeper = keeping.Keeper(Settings(), Telemetry(), "http://prometheus:9090", tmp_path)
    keeper.around(Prometheus("http://127.0.0.1:1"))
    assert not keeper.grown
    assert "history.dropped" in caplog.text
