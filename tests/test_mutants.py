"""The table of `make mutants` tells what `mutmut run` left behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.mutants import main

KILLED, TIMED_OUT, LIVES, UNTESTED = 1, 36, 0, 33


@pytest.mark.parametrize(
    ("codes", "line", "bad"),
    [
        ([KILLED] * 9 + [LIVES], "9 of    10    90.0%", False),
        ([KILLED] * 9 + [LIVES] * 2, "9 of    11    81.8%", True),
        ([TIMED_OUT] * 3, "3 of     3   100.0%", False),
        ([KILLED, UNTESTED], "1 of     2    50.0%", True),
        ([KILLED, None], "1 of     2    50.0%", True),
    ],
)
def test_a_module_with_too_few_of_its_mutants_killed_is_told_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], codes: list[int | None], line: str, bad: bool
) -> None:
    (tmp_path / "core").mkdir()
    results = {"exit_code_by_key": {f"m{i}": code for i, code in enumerate(codes)}}
    (tmp_path / "core/budget.py.meta").write_text(json.dumps(results))
    (tmp_path / "core/empty.py.meta").write_text(json.dumps({"exit_code_by_key": {}}))
    assert main(tmp_path) == bad
    said = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in said] == ["core/budget.py", "all"]
    assert said[0].endswith(line)


def test_a_run_that_made_no_mutants_is_no_success(tmp_path: Path) -> None:
    assert main(tmp_path) == 1
