"""The table of `make mutants` tells what `mutmut run` left behind."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.mutants import main

ROOT = Path(__file__).parents[1]
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


TWICE = """
import sys, pytest

class Names:
    def pytest_collection_modifyitems(self, items):
        self.found = {item.nodeid for item in items}

runs = [Names(), Names()]
for run in runs:
    assert pytest.main(["--collect-only", "-qqq", "-p", "no:cacheprovider", *sys.argv[1:]], plugins=[run]) == 0
print(*sorted(runs[0].found ^ runs[1].found), sep="\\n", file=sys.stderr)
"""


def test_each_test_that_judges_mutants_is_found_again_by_its_name() -> None:
    """As mutmut asks for it, many times in one process. Where one name is not found no test runs, and the mutants that
    it should judge pass for killed: pytest keeps the names that a function made, and escapes their backslashes anew."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mutmut"]
    asked = config["pytest_add_cli_args_test_selection"]
    done = subprocess.run([sys.executable, "-c", TWICE, *asked], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (0, "")
