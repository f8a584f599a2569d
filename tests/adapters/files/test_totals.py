"""What was saved so far is read again as it was written, or dropped as a whole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ahpa.adapters.files.totals import FORMAT, NAME, Doubtful, load_totals, save_totals
from ahpa.core.courses import NO_TOTALS, Ledger, Totals

NOW = 1_000_000.0


def totals(until: float = NOW) -> Totals:
    kinds, courses = np.arange(4.0).reshape(2, 2), np.arange(16.0).reshape(2, 2, 4)
    ledger = Ledger(kinds, kinds + 1, kinds + 2, courses, courses + 1)
    return Totals(
        ("hpa/a/x", "knative/b/y"), np.array([1.0, 2.0]), np.array([until, NOW]), np.array([True, False]), ledger
    )


def test_what_was_written_is_read(tmp_path: Path) -> None:
    save_totals(tmp_path, totals())
    found = load_totals(tmp_path, NOW)
    assert found is not None
    assert (found.keys, found.since.tolist(), found.counted.tolist()) == (totals().keys, [1, 2], [True, False])
    for mine, theirs in zip(vars(found.ledger).values(), vars(totals().ledger).values(), strict=True):
        assert np.array_equal(mine, theirs)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_that_nobody_is_counted_yet_is_written_too(tmp_path: Path) -> None:
    """In the first minutes, and of a copy that leads nothing: its history is worth as much as any other's."""
    save_totals(tmp_path, NO_TOTALS)
    found = load_totals(tmp_path, NOW)
    assert found is not None
    assert found.keys == ()
    assert found.ledger.late.shape == (0, 2, 4)


def test_where_nothing_was_written_there_is_nothing(tmp_path: Path) -> None:
    assert load_totals(tmp_path, NOW) is None


def test_what_was_not_seen_for_a_season_is_forgotten(tmp_path: Path) -> None:
    save_totals(tmp_path, totals(until=10.0))
    found = load_totals(tmp_path, 100 * 86_400.0)
    assert found is not None
    assert found.keys == ("knative/b/y",)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "[" * 100_000,
        json.dumps({"format": "other", "targets": {}}),
        json.dumps({"format": FORMAT, "targets": {"hpa/a/x": [1, 2, True, [1.0]]}}),
        json.dumps({"format": FORMAT, "targets": {"hpa/a/x": [1, 2, True, [-1.0] * 22]}}),
        json.dumps({"format": FORMAT, "targets": {"hpa/a/x": [1, 2, True, [float("nan")] * 22]}}),
        json.dumps({"format": FORMAT, "targets": {"hpa/a/x": [1, 1e12, True, [1.0] * 22]}}),
        json.dumps({"format": FORMAT, "targets": {"x": [1, 2, True, [1.0] * 22]}}),
        json.dumps({"format": FORMAT, "targets": {"hpa/a/x": [1, 2, True, [10**400] * 22]}}),
    ],
    ids=[
        "empty",
        "a list",
        "deep",
        "another format",
        "short",
        "negative",
        "no number",
        "of the future",
        "no key",
        "huge",
    ],
)
def test_what_is_in_doubt_is_dropped(tmp_path: Path, content: str) -> None:
    (tmp_path / NAME).write_text(content)
    with pytest.raises(Doubtful):
        load_totals(tmp_path, NOW)


def test_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("{}")
    (tmp_path / NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        load_totals(tmp_path, NOW)
