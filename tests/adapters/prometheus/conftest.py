"""A server for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.adapters.prometheus.server import Server


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()
