"""Claims about the journal on disk: what cannot be written is an error, at start and later."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ahpa.adapters.files.journal import JournalFile
from ahpa.core.controller import step
from ahpa.core.observation import Observation, Workload
from ahpa.core.policy.rules import parse_policy
from ahpa.core.readiness import Lag, Readiness
from ahpa.ports import Journal

NOBODY = Observation(0.0, 60.0, (), {})


def test_it_appends_round_by_round(tmp_path: Path) -> None:
    """Also to what an earlier process left."""
    path = tmp_path / "journal.jsonl"
    path.write_text("{}\n")
    journal: Journal = JournalFile(str(path))
    off = Workload("knative/a/b", parse_policy({}), 0, 0, 0, 0, 2.8, Readiness.single(Lag.of(180, 270)), 0.0)
    for now in (60.0, 120.0):
        seen = Observation(now, 60.0, (off,), {})
        journal.write(seen, step(seen))
    assert [json.loads(line).get("now") for line in path.read_text().splitlines()] == [None, 60.0, 120.0]


def test_a_place_that_cannot_be_written_is_an_error_at_start_and_in_a_round(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        JournalFile(str(tmp_path / "nowhere" / "journal.jsonl"))
    (tmp_path / "there").mkdir()
    journal = JournalFile(str(tmp_path / "there" / "journal.jsonl"))
    (tmp_path / "there" / "journal.jsonl").unlink()
    (tmp_path / "there").rmdir()
    with pytest.raises(FileNotFoundError):
        journal.write(NOBODY, ())
