"""Claims about cells: matched whole before they are converted, one by one or a block at once."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ahpa.adapters.files.cells import number, plain, stamp

CELLS = st.one_of(
    st.from_regex(r"[0-9]{1,6}(\.[0-9]{0,3})?", fullmatch=True),
    st.from_regex(r"[0-9]{1,11}(\.[0-9]{0,12})?", fullmatch=True),
    st.sampled_from(["", ".", ".5", "1.2.3", "1e5", "-1", "nan", " 7", "9" * 18, "9" * 19, "1700000000123", "x"]),
)


@given(st.integers(1, 3), st.lists(st.lists(CELLS, min_size=1, max_size=4), min_size=1, max_size=5), st.booleans())
def test_plain_rows_are_read_as_one_by_one(columns: int, cells: list[list[str]], ended: bool) -> None:
    """What is read at once is what each cell says, and it is read at once where all cells are plain."""
    data = "\n".join(",".join(row) for row in cells) + ("\n" if ended else "")
    found = plain(data.encode(), columns)
    lines = [line.split(",") for line in data.removesuffix("\n").split("\n")]
    told = [[stamp(row[0]), *map(number, row[1:])] for row in lines]
    if found is not None:
        assert found.tolist() == told
        return
    simple = all(re.fullmatch(r"[0-9]{1,6}(\.[0-9]{0,3})?", cell) for row in lines for cell in row)
    assert not simple or any(len(row) != columns for row in lines)


@pytest.mark.parametrize("text", ["1_0", "０", " 1", "1e999", "0x10", "-1", "inf", "1,5", "=1+1", "1" * 70])
def test_what_python_calls_a_number_is_not_enough(text: str) -> None:
    assert number(text) is None


@pytest.mark.parametrize("text", ["2024-01-01", "2024-01-01T00:00:00", "1700000000000", "-5", "now", "２０２４"])
def test_stamps_without_zone_or_in_other_units_are_refused(text: str) -> None:
    assert stamp(text) is None
