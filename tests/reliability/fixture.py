"""The fixture `reached` of all tests."""

from __future__ import annotations

import pytest

from tests.reliability.reached import Reached, Row, keep


@pytest.fixture
def reached(request: pytest.FixtureRequest) -> Reached:
    """Keep what this test reached, each of its cases by itself, and the command that runs it again."""
    where = request.node.nodeid.partition("[")[0]
    markers = [name for name in ("soak", "testbed") if request.node.get_closest_marker(name)]
    command = f"pytest -q {where}" + (f' -m "{" and ".join(markers)}"' if markers else "")

    def said(test: str, size: str, figure: str) -> None:
        keep(Row(test, size, figure, command), request.node.nodeid.rpartition("::")[2])

    return said
