"""Paths of the API, and what an answer may cost."""

from __future__ import annotations

import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler

import pytest
from kubernetes import client

from ahpa.adapters.kubernetes.api import Kube, path
from ahpa.ports import ClusterError
from tests.adapters.prometheus.server import Answer, Server, say


@pytest.mark.parametrize("name", ["../../secrets", "a/b", "a?b=c", "a#b", "%2f"])
def test_a_name_cannot_become_a_path(name: str) -> None:
    assert path("api", "v1", name).count("/") == 3
    assert not set(path(name)[1:]) & set("/?#")


LAUNCH = """
import resource, sys
from kubernetes import client
from ahpa.adapters.kubernetes.api import Kube
from ahpa.ports import ClusterError
settings = client.Configuration(host=sys.argv[1])
settings.retries = False
kube = Kube(client.ApiClient(settings), (5.0, 60.0))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    kube.items("/apis/autoscaling/v2/horizontalpodautoscalers")
except ClusterError as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda handler: flood(handler, b" " * 2**20), "over 64 MiB"),
        (lambda handler: flood(handler, b"{}," * 2**18), "over 64 MiB"),
        (say(200, b'{"metadata":{},"items":[' + b"{}," * 5_000_000 + b"{}]}"), "more than 4,000,000 values"),
    ],
    ids=["1 GiB of spaces", "1 GiB of objects", "five million objects"],
)
def test_a_list_without_end_is_refused_before_it_fills_the_memory(answer: Answer, said: str) -> None:
    """A list of 1 GiB took 2.1 GiB (J 7)."""
    server = Server()
    server.answer = answer
    done = subprocess.run([sys.executable, "-c", LAUNCH, server.url], capture_output=True, text=True, check=True)
    server.close()
    words, mebibytes = done.stdout.splitlines()
    assert said in words
    assert float(mebibytes) < 200


def test_nothing_is_asked_after_the_deadline() -> None:
    kube = Kube(client.ApiClient(client.Configuration(host="http://127.0.0.1:1")))
    with pytest.raises(ClusterError, match="not asked, the round's time was over"):
        kube.within(time.monotonic() - 1).get("/api/v1/namespaces")


def test_who_cannot_be_reached_says_why_and_where_to_look() -> None:
    """The sentence was cut at 200 characters, just where the cause would have come."""
    kube = Kube(client.ApiClient(client.Configuration(host="http://127.0.0.1:1")))
    with pytest.raises(ClusterError) as failure:
        kube.get("/apis/autoscaling/v2/horizontalpodautoscalers")
    assert str(failure.value) == (
        "no answer: GET /apis/autoscaling/v2/horizontalpodautoscalers: [Errno 111] Connection refused: no API server "
        "listens at http://127.0.0.1:1; look into --kubeconfig and --context"
    )


def flood(handler: BaseHTTPRequestHandler, block: bytes) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b'{"metadata":{},"items":[')
    for _ in range(2**30 // len(block)):
        handler.wfile.write(block)
