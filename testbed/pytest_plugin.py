"""The fixture `bed`: one testbed for each process of a test run, started with the first test that asks for it.

Tests share it, so each works in a namespace of its own (`bed_namespace`) and under its own metric names.

`keda_bed` is the same bed once KEDA runs in it. A test marked `ON_OLDER_KNATIVE` or `ON_EACH_KNATIVE` gets, as its
`bed`, one with Knative 1.20: the one before is closed for it. Both come last, so that this happens once, and tests
that ask for neither see a cluster without KEDA.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import count
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from testbed.bed import Testbed

OLDER = "1.20"
ON_OLDER_KNATIVE = pytest.mark.parametrize("bed", [OLDER], indirect=True)
# None, not the newest one's number: it is to be the bed of the tests that say nothing.
ON_EACH_KNATIVE = pytest.mark.parametrize("bed", [None, OLDER], ids=["newest-knative", OLDER], indirect=True)


@pytest.hookimpl(trylast=True)  # pytest groups by fixture before
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First the tests on the plain bed, then those with KEDA, then those on the older Knative."""
    for item in items:
        _of_few_beds(item)
    items.sort(key=lambda item: (_knative(item) is not None, _with_keda(item)))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build before the first test that needs it: its time limit is for the test, and a build takes minutes."""
    if session.config.option.collectonly:
        return
    items = [item for item in session.items if item.get_closest_marker("testbed")]
    if items:
        from testbed.build import HELM, KEDA, KNATIVE, MODULES, find_parts
        from testbed.processes import TestbedError

        older = {version for item in items if (version := _knative(item))}
        keda = [KEDA] * any(_with_keda(item) for item in items)
        helm = [HELM] * any(item.get_closest_marker("helm") is not None for item in items)
        with _uncaptured(session.config):
            try:
                find_parts([*MODULES, *(KNATIVE[version] for version in sorted(older)), *keda, *helm])
            except TestbedError as error:
                raise pytest.UsageError(str(error)) from error


@pytest.fixture(scope="session")
def bed(request: pytest.FixtureRequest) -> Iterator[Testbed]:
    """A running testbed; its start time is shown, not asserted: it depends on what else the machine does."""
    from testbed.bed import Testbed
    from testbed.build import NEWEST_KNATIVE

    version = getattr(request, "param", None) or NEWEST_KNATIVE
    with Testbed(knative=version) as running:
        _tell(request.config, f"testbed: up in {running.start_seconds:.1f} s, with Knative {version}")
        yield running


@pytest.fixture(scope="session")
def keda_bed(bed: Testbed) -> Testbed:
    """The bed, with KEDA's operator and metrics adapter running in it."""
    bed.start_keda()
    return bed


_numbers = count(1)


@pytest.fixture
def bed_namespace(bed: Testbed, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace for one test, named after it, removed after it. Numbered: the one before may still be going."""
    name = request.node.name.lower().replace("_", "-").split("[")[0][:50].strip("-") + f"-{next(_numbers)}"
    bed.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    bed.delete("namespaces", name)


def _knative(item: pytest.Item) -> str | None:
    """The version of Knative that the test's mark names."""
    call = getattr(item, "callspec", None)
    return call.params.get("bed") if call else None


def _of_few_beds(item: pytest.Item) -> None:
    """A test whose mark names no version asks for the bed as those without a mark do, and one of a version as others of
    that version, at whatever place its mark names it: else pytest ends the bed and starts another one for each."""
    call = getattr(item, "callspec", None)
    if call and "bed" in call.params:
        call.indices["bed"] = 0
        if call.params["bed"] is None:
            del call.params["bed"], call.indices["bed"]


def _with_keda(item: pytest.Item) -> bool:
    """By the fixture, or by the mark `keda` where one parameter of many needs it."""
    return "keda_bed" in getattr(item, "fixturenames", ()) or item.get_closest_marker("keda") is not None


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
