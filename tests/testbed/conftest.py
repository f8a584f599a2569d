"""A Prometheus by itself, for tests that need no cluster around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import pytest

from testbed import Series
from testbed.build import find_parts
from testbed.processes import Processes
from testbed.prometheus import PrometheusServer

Started = Callable[[Sequence[Series]], PrometheusServer]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """Starts one that holds these series and scrapes nothing. It ends with the module's tests."""
    with ExitStack() as stack:

        def start(series: Sequence[Series]) -> PrometheusServer:
            processes = Processes(tmp_path_factory.mktemp("prometheus"), keep=False)
            stack.callback(processes.close)
            server = PrometheusServer(processes, find_parts().binaries)
            stack.callback(server.close)
            if series:
                server.backfill(series)
            server.start([])
            server.check(series)
            return server

        yield start
