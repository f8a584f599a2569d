"""What a call that failed leaves behind: nothing. Its library keeps its exceptions in its own frames, and below those
lie the frames of whoever asked, a whole round with all that it decided."""

from __future__ import annotations

import gc
import socket
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from kubernetes import client

from ahpa.adapters.kubernetes.api import Kube
from ahpa.adapters.prometheus.connection import Connection
from ahpa.adapters.prometheus.ranges import Ranges
from ahpa.adapters.prometheus.session import MetricsUnavailable
from ahpa.ports import ClusterError

Ask = Callable[[str], object]


def kube(url: str) -> Kube:
    settings = client.Configuration(host=url)
    settings.retries = False
    return Kube(client.ApiClient(settings), (0.2, 0.2))


def a_get(url: str) -> object:
    return kube(url).get("/version")


def a_watch(url: str) -> object:
    return list(kube(url).watch("/api/v1/pods", "1", 0.1))


def a_query(url: str) -> object:
    return Ranges(url, Connection(), (0.2, 0.2), 0.5).ask("up", (0.0, 60.0), 60.0, float("inf"), limit=1, long=False)


@pytest.fixture
def deaf() -> Iterator[str]:
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def nobody() -> str:
    return "127.0.0.1:1"


@pytest.mark.parametrize("server", ["deaf", "nobody"])
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("ask", [a_get, a_watch, a_query])
def test_who_asked_in_vain_is_gone_when_it_returns(
    ask: Ask, scheme: str, server: str, request: pytest.FixtureRequest
) -> None:
    url = f"{scheme}://{request.getfixturevalue(server)}"
    gc.disable()
    try:
        assert asked_in_vain(ask, url)() is None
    finally:
        gc.enable()


class Round:
    """What whoever asks has at hand."""


def asked_in_vain(ask: Ask, url: str) -> weakref.ref[Round]:
    at_hand = Round()
    with suppress(ClusterError, MetricsUnavailable):
        raise AssertionError(ask(url))
    return weakref.ref(at_hand)
