"""The fixture `bed`: one testbed for the whole test run, started with the first test that asks for it.

Tests share it, so each works in a namespace of its own (`bed_namespace`) and under its own metric names. A second
run on this machine waits for the first one's end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import count
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from testbed.bed import Testbed

WAIT_SECONDS = 1200  # for another run's testbed, in which all tests that need it may still come


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build before the first test that needs it: its time limit is for the test, and a build takes minutes."""
    if session.config.option.collectonly:
        return
    if any(item.get_closest_marker("testbed") for item in session.items):
        from testbed.build import find_parts
        from testbed.processes import TestbedError

        with _uncaptured(session.config):
            try:
                find_parts()
            except TestbedError as error:
                raise pytest.UsageError(str(error)) from error


@pytest.fixture(scope="session")
def bed(request: pytest.FixtureRequest) -> Iterator[Testbed]:
    """A running testbed; its start time is shown, not asserted: it depends on what else the machine does."""
    from testbed.bed import Testbed

    with Testbed(wait_seconds=WAIT_SECONDS) as running:
        _tell(request.config, f"testbed: up in {running.start_seconds:.1f} s")
        yield running


_numbers = count(1)


@pytest.fixture
def bed_namespace(bed: Testbed, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace for one test, named after it, removed after it. Numbered: the one before may still be going."""
    name = request.node.name.lower().replace("_", "-").split("[")[0][:50].strip("-") + f"-{next(_numbers)}"
    bed.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    bed.delete("namespaces", name)


def _tell(config: pytest.Config, text: str) -> None:
    """Show `text` among pytest's own lines."""
    if reporter := config.pluginmanager.get_plugin("terminalreporter"):
        with _uncaptured(config):
            reporter.ensure_newline()
            reporter.write_line(text)


def _uncaptured(config: pytest.Config) -> AbstractContextManager[None]:
    """What is printed meanwhile reaches the terminal."""
    capture = config.pluginmanager.get_plugin("capturemanager")
    uncaptured: AbstractContextManager[None] = capture.global_and_fixture_disabled() if capture else nullcontext()
    return uncaptured
