"""The table of docs/reliability.md is what the runs kept, and nothing else."""

from __future__ import annotations

from pathlib import Path

from tests.reliability.listed import LIST
from tests.reliability.page import NOT_RUN, page_of, rows_of
from tests.reliability.reached import Row, keep, kept

RUN = Row("T6", "225 trials", "two-leader time 0.00 s | takeover 2.1 s", 'pytest -q tests/a.py::test_b -m "soak"')
OTHER = Row("T6", "9 modes", "2.0 s", "pytest -q tests/a.py::test_c")


def test_what_was_not_run_says_so_and_every_test_of_the_list_has_a_line() -> None:
    page = page_of([], [])
    assert rows_of(page) == []
    assert [f"T{number}" for number in range(1, 23)] == [each.test for each in LIST]
    for each in LIST:
        assert f"| {each.test} | {each.what} | | {each.bar} | {NOT_RUN} | |" in page


def test_rows_of_earlier_runs_stay_until_the_same_command_is_run_again() -> None:
    page = page_of([], [RUN, OTHER])
    assert rows_of(page) == [RUN, OTHER]
    newer = Row(RUN.test, "25 trials", "0.01 s", RUN.command)
    assert rows_of(page_of(rows_of(page), [newer])) == [newer, OTHER]
    assert page_of(rows_of(page), []) == page


def test_what_a_run_kept_is_found_in_the_order_of_the_list(tmp_path: Path) -> None:
    last = Row("T16", "200 drills", "held", "pytest -q tests/d.py::test_e")
    for row, name in ((last, "e"), (RUN, "b")):
        keep(row, name, tmp_path)
    assert list(kept(tmp_path)) == [RUN, last]
