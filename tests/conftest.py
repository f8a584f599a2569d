"""Fixtures of all tests, and in which order the long ones share the machine."""

import compileall
import os

# As ahpa.cli does for the program: BLAS threads that spin for one another make a fit ten times slower.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from hypothesis import Phase, settings

from testbed.pytest_plugin import (
    bed,
    bed_namespace,
    keda_bed,
    pytest_collection_finish,
    pytest_collection_modifyitems,
)
from tests.adapters.dask.fixture import dask_cluster
from tests.reliability.fixture import reached

__all__ = [
    "bed",
    "bed_namespace",
    "dask_cluster",
    "keda_bed",
    "pytest_collection_finish",
    "pytest_collection_modifyitems",
    "reached",
]

TESTBED_TIMEOUT_SECONDS = 900
LONG = "testbed"
"""The folder whose tests tell most stories in real time: they share one testbed, all others, which take as long,
another."""

# A busy machine is no finding, so no deadlines. CI tries the same examples each time; people try new ones.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
# Thousands of mutants are tried: few examples each, always the same, and the first failure is enough.
settings.register_profile(
    "mutants", deadline=None, derandomize=True, max_examples=20, phases=[Phase.explicit, Phase.generate]
)
settings.load_profile("ci" if os.environ.get("CI") else "here")


COMPILED = ("ahpa", "forecasting", "testbed")


def pytest_configure(config: pytest.Config) -> None:
    """The commands that tests start are compiled, as an installed one is: where Python is told to write no bytecode
    (PYTHONDONTWRITEBYTECODE), each start would compile 200 files, which is most of a second."""
    if not hasattr(config, "workerinput"):
        for package in COMPILED:
            compileall.compile_dir(config.rootpath / package, quiet=1)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Two workers of pytest-xdist run all that needs a testbed, each on its own: these tests wait more than they work.

    What needs its programs and no cluster names a group of its own, which any worker takes. At collection, because
    xdist reads the groups before any later hook of ours. They wait for processes that a busy machine slows down, and
    the first of them for the testbed.
    """
    if item.get_closest_marker("testbed"):
        folder = item.path.relative_to(item.config.rootpath / "tests").parts[0]
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group("testbed-stories" if folder == LONG else "testbed"))
        if not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(TESTBED_TIMEOUT_SECONDS))
