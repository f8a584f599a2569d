"""The mutations on which the story must fail still fit the code; a move of files would make them mean nothing."""

from __future__ import annotations

import pytest

from tests.e2e.mutations import MUTATIONS, ROOT


@pytest.mark.parametrize("name", MUTATIONS)
def test_the_text_to_change_is_there_once(name: str) -> None:
    mutation = MUTATIONS[name]
    assert (ROOT / mutation.file).read_text().count(mutation.old) == 1
