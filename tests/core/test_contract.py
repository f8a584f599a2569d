"""The annotations are a contract with people who are not here: what changes in it must be seen in a diff."""

from __future__ import annotations

from tests.core.contract import GOLDEN, contract


def test_the_contract_is_the_one_that_was_agreed() -> None:
    """Names, accepted values, defaults, examples; a removed or narrowed one also belongs under "Changed" or "Removed"
    of CHANGELOG.md."""
    assert GOLDEN.read_text(encoding="utf-8") == contract(), (
        "the contract changed: if you mean it, `python -m tests.core.contract`, and look at the diff"
    )
