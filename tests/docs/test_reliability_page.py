"""docs/reliability.md: written by the runs, of tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

from tests.reliability.page import page_of, rows_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reliability.md").read_text()


def test_the_page_is_what_the_runs_wrote() -> None:
    """Nobody types a figure into it, nor a bar."""
    assert page_of(rows_of(PAGE), []) == PAGE, "run `python -m tests.reliability` and commit what it writes"


def test_every_command_runs_a_test_that_exists() -> None:
    commands = [row.command for row in rows_of(PAGE)]
    assert commands
    for command in commands:
        file, name = re.findall(r"(tests/[\w/]+\.py)::(\w+)", command)[0]
        assert re.search(rf"^    def {name}\(|^def {name}\(", (ROOT / file).read_text(), re.MULTILINE), command
