"""A list is read object by object: the same as parsed whole, for a small part of the memory."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ahpa.adapters.kubernetes.api import Kube, Object, Origin
from ahpa.adapters.kubernetes.page import SIZE, page_of
from ahpa.adapters.kubernetes.trimmed import Keeping
from ahpa.ports import ClusterError
from ahpa.transport import TooMuch, parsed_one_by_one
from tests.adapters.kubernetes.watching import PODS, kube_at, put_pod
from tests.fakes.kube import FakeKube
from tests.service.api_server import ApiServer, answer

MOST = 1_000_000
GO = (",", ":")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5) | st.just('"items":['),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["items", "a", '"']), inner, max_size=3)
    ),
    max_leaves=12,
)


def read(body: bytes, most: int = MOST) -> tuple[object, list[object]]:
    """What is left of an answer, and what was told."""
    told: list[object] = []
    left = parsed_one_by_one(body, most, "items", told.append)
    return left, told


@given(st.dictionaries(st.sampled_from(["kind", "metadata", "items", "z", 'x"items']), JSON, max_size=4), st.booleans())
def test_the_same_is_told_as_is_parsed_whole(answer: dict[str, Any], as_go_writes: bool) -> None:
    body = json.dumps(answer, separators=GO if as_go_writes else None, indent=None if as_go_writes else 1).encode()
    left, told = read(body)
    items = answer.get("items")
    assert told == (items if isinstance(items, list) else [])
    assert left == ({**answer, "items": []} if isinstance(items, list) else answer)


def test_blanks_between_elements_are_no_fault() -> None:
    assert read(b'{"items":[ {"a": 1} ,\n 2 ] , "z": 3 }') == ({"items": [], "z": 3}, [{"a": 1}, 2])
    assert read(b'{"items":[ ]}') == ({"items": []}, [])
    assert read(b'{"a":[12,13]}') == ({"a": [12, 13]}, [])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"items":[',
        b'{"items":[1',
        b'{"items":[1,',
        b'{"items":[1,]}',
        b'{"items":[1 2]}',
        b'{"items":[1]',
        b'{"items":[1]]',
        b'{"items":[1]}x',
        b'{"items":[NaN]}',
        b'{"items":[1],"z":NaN}',
        b'{"items":[\xff]}',
    ],
)
def test_what_is_no_json_raises(body: bytes) -> None:
    with pytest.raises(ValueError):
        read(body)


def test_bounds_hold_before_anything_is_told() -> None:
    told: list[object] = []
    with pytest.raises(TooMuch):
        parsed_one_by_one(b'{"items":[' + b"1," * 100 + b"1]}", 50, "items", told.append)
    assert told == []
    with pytest.raises(RecursionError):
        read(b'{"items":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}")


@pytest.mark.parametrize(
    "answer", ['{"items":[1]}', '{"metadata":{},"items":{}}', '{"metadata":{},"items":[],"items":[1]}']
)
def test_what_is_not_a_list_of_the_api_is_refused(answer: str) -> None:
    class Says:
        def page(self, where: str, take: Any, **query: str) -> Any:
            return parsed_one_by_one(answer.encode(), MOST, "items", take)

    with pytest.raises(ClusterError, match="not a list"):
        page_of(cast(Origin, Says()), "/api/v1/pods", lambda item: None)


def test_a_refusal_is_no_list_though_it_has_items() -> None:
    told: list[object] = []
    with saying(403, b'{"message":"no","items":[{"metadata":{}}]}') as kube, pytest.raises(ClusterError) as refused:
        page_of(kube, PODS, told.append)
    assert (refused.value.status, told) == (403, [])


def test_what_ends_in_garbage_is_an_error_though_some_were_told() -> None:
    told: list[object] = []
    body = b'{"metadata":{},"items":[{"metadata":{}},{"metadata":{}},{"meta'
    with saying(200, body) as kube, pytest.raises(ClusterError, match="not an object"):
        page_of(kube, PODS, told.append)
    assert told == [{"metadata": {}}] * 2


def test_what_is_wrong_with_taking_is_not_the_answers_fault() -> None:
    def take(item: Object) -> None:
        raise ValueError("mine")

    words = r"an object cannot be taken: ValueError\('mine'\)"
    with saying(200, b'{"metadata":{},"items":[{"metadata":{}}]}') as kube, pytest.raises(ClusterError, match=words):
        page_of(kube, PODS, take)


@contextmanager
def saying(status: int, body: bytes) -> Iterator[Kube]:
    """An API server that answers so, whatever it is asked."""
    server = ApiServer(FakeKube())

    def fault(method: str, path: str, send: Callable[[bytes], None], good: bytes) -> object:
        send(answer(status, body))
        return "answered"

    server.fault = fault
    try:
        yield kube_at(server.url)
    finally:
        server.close()


def test_a_page_of_pods_costs_what_is_kept_of_it_and_little_more() -> None:
    """Its text once more; parsed as a whole it is a multiple of that."""
    kube = FakeKube()
    for number in range(SIZE):
        put_pod(kube, f"p{number}", ready="2023-11-14T08:01:00Z", app="chat")
    listed = {"metadata": {"resourceVersion": "7"}, "items": kube.items(PODS)}
    body = json.dumps(listed, separators=GO).encode()
    keep, held = Keeping("pods"), list[Any]()
    tracemalloc.start()
    try:
        parsed_one_by_one(body, MOST, "items", lambda item: held.append(keep(cast(Object, item))))
        now, peak = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        whole = json.loads(body)
        _, as_whole = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(held) == len(whole["items"]) == SIZE
    assert peak - now < 1.2 * len(body)
    assert as_whole - now > 3 * len(body)
