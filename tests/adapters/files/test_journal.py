"""Claims about the journal on disk: what cannot be written is an error, at start and later."""

from __future__ import annotations

import gzip
import json
import resource
from pathlib import Path

import pytest

from ahpa.adapters.files.journal import JournalFile, lines_of, packed
from ahpa.core.controller import step
from ahpa.core.observation import Observation, Workload
from ahpa.core.policy.rules import parse_policy
from ahpa.core.readiness import Lag, Readiness
from ahpa.ports import Journal

NOBODY = Observation(0.0, 60.0, (), {})


OFF = Workload("knative/a/b", parse_policy({}), 0, 0, 0, 0, 2.8, Readiness.single(Lag.of(180, 270)), 0.0)


def write(journal: Journal, *moments: float) -> None:
    for now in moments:
        seen = Observation(now, 60.0, (OFF,), {})
        journal.write(seen, step(seen))


def moments(path: Path) -> list[float]:
    """Of the lines of one file."""
    return [json.loads(line)["now"] for line in lines_of(path, 2**20)]


def test_it_appends_round_by_round(tmp_path: Path) -> None:
    """Also to what an earlier process left."""
    path = tmp_path / "journal.jsonl"
    path.write_text("{}\n")
    journal: Journal = JournalFile(str(path))
    write(journal, 60.0, 120.0)
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


def test_a_full_file_is_packed_away_and_the_oldest_goes(tmp_path: Path) -> None:
    """Each round here is as large as a file may be; of six the last is in the file, and two of those before it stay."""
    path = tmp_path / "journal.jsonl"
    write(JournalFile(str(path), most_bytes=1, keep=2), *range(6))
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "journal.jsonl", "journal.jsonl.1.gz", "journal.jsonl.2.gz",
    ]  # fmt: skip
    assert [moments(each) for _, each in reversed(packed(path))] == [[3], [4]]
    assert moments(path) == [5]


def test_none_may_be_kept(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    write(JournalFile(str(path), most_bytes=1, keep=0), *range(3))
    assert [each.name for each in tmp_path.iterdir()] == ["journal.jsonl"]
    assert moments(path) == [2]


def test_what_a_crash_left_half_packed_is_whole(tmp_path: Path) -> None:
    """Killed after the file had its new name, and after the gzip had its: nothing is lost, nothing counted twice."""
    path = tmp_path / "journal.jsonl"
    write(JournalFile(str(path)), 0)
    path.rename(tmp_path / "journal.jsonl.1")
    (tmp_path / "journal.jsonl.1.gz.tmp").write_bytes(b"half")
    assert [moments(each) for _, each in packed(path)] == [[0]]
    (tmp_path / "journal.jsonl.1.gz").write_bytes(gzip.compress((tmp_path / "journal.jsonl.1").read_bytes()))
    assert [moments(each) for _, each in packed(path)] == [[0]]
    write(JournalFile(str(path), most_bytes=1, keep=5), 1, 2)
    assert [moments(each) for _, each in packed(path)] == [[1], [0]]


def test_a_disk_that_fills_up_leaves_no_half_line(tmp_path: Path) -> None:
    """The next round that there is room for can be read; half a line before it would have damaged both."""
    path = tmp_path / "journal.jsonl"
    journal = JournalFile(str(path))
    write(journal, 60.0)
    size = path.stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + size // 2, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            write(journal, 120.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    write(journal, 180.0)
    assert moments(path) == [60.0, 180.0]
