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


def test_cases_of_one_test_are_one_row_with_how_many_they_were_and_the_worst_of_their_numbers(tmp_path: Path) -> None:
    command = "pytest -q tests/a.py::test_b"
    for case, figure in (("[a b]", "0 lowered, 2.5 s"), ("[a/b]", "1 lowered, 1 s"), ("[c]", "held")):
        keep(Row("T4", "20 rounds", figure, command), f"test_b{case}", tmp_path)
    assert rows_of(page_of([], kept(tmp_path))) == [Row("T4", "3 cases: 20 rounds", "1 lowered, 2.5 s; held", command)]
