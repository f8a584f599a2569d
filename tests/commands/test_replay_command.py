"""Claims about `ahpa replay` as a person or a script meets it."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ahpa.adapters.files.journal import JournalFile
from ahpa.commands.replay import command as replay
from ahpa.core.controller import step
from ahpa.core.observation import Observation, Workload
from ahpa.core.policy.rules import parse_policy
from ahpa.core.readiness import Lag, Readiness
from forecasting.forecast import Outlook
from forecasting.levels import LEVELS


def journal(folder: Path) -> Path:
    """Three rounds of the service's own journal."""
    path = folder / "journal.jsonl"
    keep = JournalFile(str(path))
    workload = Workload(
        key="knative/default/chat", policy=parse_policy({"ahpa.dev/mode": "apply"}), baseline=1, floor=1, ready=1,
        present=1, per_replica=2.8, readiness=Readiness.single(Lag.of(180, 270)), observed_until=0.0,
    )  # fmt: skip
    for minute in range(3):
        now = 60.0 * minute
        peaks = np.linspace(5, 10 + 5 * minute, len(LEVELS)).reshape(1, 1, -1)
        outlooks = {workload.key: Outlook(now, np.array(LEVELS), np.array([400.0]), peaks[0], "m", None)}
        seen = Observation(now, 60.0, (replace(workload, observed_until=now),), outlooks)
        keep.write(seen, step(seen))
    return path


def test_a_journal_replays_without_a_difference(tmp_path: Path) -> None:
    done = CliRunner().invoke(replay, [str(journal(tmp_path)), "--wording"])
    assert done.exit_code == 0, done.output
    assert "3 decisions replayed, 0 differ" in done.output


def test_every_decision_that_would_differ_is_shown(tmp_path: Path) -> None:
    """The recorded floor of the second line is another one: line, service, then and today are said; exit code 1."""
    path = journal(tmp_path)
    lines = path.read_text().splitlines()
    row = json.loads(lines[1])
    row["decision"]["floor"] += 7
    path.write_text("\n".join([lines[0], json.dumps(row), lines[2]]))
    done = CliRunner().invoke(replay, [str(path)])
    assert done.exit_code == 1
    assert "knative/default/chat (journal.jsonl, line 2): floor differ" in done.output
    assert "3 decisions replayed, 1 differ" in done.output


def test_what_was_packed_away_is_replayed_before_the_rest_and_named(tmp_path: Path) -> None:
    """Three decisions in three files, the oldest in the highest number; the second of them would differ."""
    path = journal(tmp_path)
    lines = path.read_text().splitlines()
    row = json.loads(lines[1])
    row["decision"]["floor"] += 7
    (tmp_path / "journal.jsonl.2.gz").write_bytes(gzip.compress(f"{lines[0]}\n".encode()))
    (tmp_path / "journal.jsonl.1").write_text(f"{json.dumps(row)}\n")
    (tmp_path / "journal.jsonl.old").write_text("not of it")
    path.write_text(lines[2])
    done = CliRunner().invoke(replay, [str(path)])
    assert "(journal.jsonl.1, line 1): floor differ" in done.output
    assert "3 decisions replayed, 1 differ" in done.output
    one = CliRunner().invoke(replay, [str(tmp_path / "journal.jsonl.2.gz")])
    assert "1 decisions replayed, 0 differ" in one.output


def test_a_damaged_gzip_is_refused_by_its_name(tmp_path: Path) -> None:
    path = journal(tmp_path)
    (tmp_path / "journal.jsonl.1.gz").write_bytes(gzip.compress(path.read_bytes())[:-20])
    done = CliRunner().invoke(replay, [str(path)])
    assert done.exit_code == 2
    assert "journal.jsonl.1.gz: the gzip is damaged" in done.output


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [("", 4, "no decisions"), ("{}\n", 2, ":1: not a decision"), ("[[[\n", 2, ":1: not JSON"), ("x" * 2**21, 2, ":1:")],
    ids=["empty", "another object", "broken", "a long line"],
)
def test_what_is_no_journal_is_refused(tmp_path: Path, text: str, code: int, says: str) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text(text)
    done = CliRunner().invoke(replay, [str(path)])
    assert done.exit_code == code
    assert says in done.output


def test_a_journal_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = CliRunner().invoke(replay, [str(tmp_path / "nothere")])
    assert done.exit_code == 2
    assert "nothere: No such file" in done.output
