"""The fixture `bed`: one testbed for the whole test run, started with the first test that asks for it.

Tests share it, so each works in a namespace of its own (`bed_namespace`) and under its own metric names. A second
run on this machine waits for the first one's end.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from testbed.bed import Testbed


@pytest.fixture(scope="session")
def bed(request: pytest.FixtureRequest) -> Iterator[Testbed]:
    """A running testbed; its start time is shown, not asserted: it depends on what else the machine does."""
    from testbed.bed import Testbed
    from testbed.build import find_parts

    find_parts()
    begun = time.monotonic()
    with Testbed(wait_seconds=1800) as running:
        _tell(request.config, f"testbed: up in {time.monotonic() - begun:.1f} s")
        yield running


@pytest.fixture
def bed_namespace(bed: Testbed, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace for one test, named after it, removed after it."""
    name = request.node.name.lower().replace("_", "-").split("[")[0][:50].strip("-")
    bed.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    bed.delete("namespaces", name)


def _tell(config: pytest.Config, text: str) -> None:
    """Show `text` among pytest's own lines, whatever it captures."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    if reporter and capture:
        with capture.global_and_fixture_disabled():
            reporter.ensure_newline()
            reporter.write_line(text)
