"""The fixture `dask_cluster` of all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.adapters.certificates import certificates
from tests.adapters.dask.cluster import Cluster, running


@pytest.fixture(scope="session")
def dask_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two workers in TLS, for tests that leave them as they were."""
    folder = tmp_path_factory.mktemp("dask")
    with running(certificates(folder, "pool", "client"), folder, 2) as cluster:
        yield cluster
