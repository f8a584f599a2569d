"""What a server may do to a watch, and what is known then: never a part, never older than it was, never without end."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from ahpa.ports import ClusterError
from tests.adapters.kubernetes.watching import QUICK, SERVICES, Watch, put, watching
from tests.fakes.kube import FakeKube
from tests.service.api_server import Send, answer, event, refusal
from tests.waiting import until


def hang(send: Send) -> object:
    time.sleep(0.6)
    return "answered"


def test_before_the_first_whole_list_there_is_none() -> None:
    """Never a part of a list: the second page does not come."""
    kube = FakeKube()
    for number in range(600):
        put(kube, f"s{number}")
    with watching(kube) as at:
        pages = iter(range(100))

        def fault(method: str, path: str, send: Send, _: bytes) -> object:
            if next(pages) % 2 == 0:
                return None
            send(refusal(500))
            return "answered"

        at.server.fault = fault
        with pytest.raises(ClusterError, match="500"):
            at.watched.items(SERVICES)
        at.sees()
        until(lambda: not problem(at), "it comes in the end", 20)
        assert len(at.names()) == 600


def test_who_has_a_deadline_waits_no_longer() -> None:
    with watching() as at:
        at.server.fault = lambda method, path, send, _: hang(send)
        began = time.monotonic()
        with pytest.raises(ClusterError, match="no answer within the round's time"):
            at.watched.within(began + 0.3).items(SERVICES)
        assert time.monotonic() - began < 1.5


def test_out_of_touch_for_long_is_no_list() -> None:
    """For a while what was known still counts, then a kind is not listed, and held, until the server is back."""
    with watching(rhythm=replace(QUICK, patience=1.2)) as at:
        at.names()
        at.server.fault = lambda method, path, send, _: "reset"
        at.server.cut()
        began = time.monotonic()
        assert at.names() == ["a", "b"]

        def lost() -> bool:
            return "nothing heard of" in problem(at)

        until(lost, "it is not believed any more")
        assert time.monotonic() - began > 0.6
        at.sees()
        until(lambda: not lost(), "it is back")
        assert at.names() == ["a", "b"]


def test_a_kind_that_is_not_there_is_asked_for_once_in_a_while() -> None:
    """No CRD (404), or no right (403)."""
    with watching(rhythm=replace(QUICK, refused=60.0)) as at:
        at.kube.fail = lambda method, where: ClusterError(404, "no such kind")
        for _ in range(50):
            with pytest.raises(ClusterError, match="no such kind") as said:
                at.names()
        assert said.value.status == 404
        assert at.asked("GET") == 1


def test_who_may_list_and_not_watch_lists_and_is_told_so_once() -> None:
    with watching() as at:
        at.blind(403)
        assert at.names() == ["a", "b"]
        put(at.kube, "c")
        until(lambda: at.names() == ["a", "b", "c"], "the next list shows it")
        until(lambda: at.asked("WATCH") >= 2, "the right may come later")
        assert [event for event, _ in at.said] == ["watch.refused"]
        assert at.asked("GET") <= 6


def test_one_may_be_had_where_all_may_not() -> None:
    """Deployments: older manifests let us get them, not list them."""
    with watching() as at:
        where = "/apis/apps/v1/namespaces/shop/deployments"
        at.kube.put(f"{where}/api", {"metadata": {"namespace": "shop", "name": "api"}, "spec": {"replicas": 3}})
        at.kube.fail = lambda method, path: ClusterError(403, "no") if method == "LIST" else None
        assert at.watched.member(where, "api")["spec"] == {"replicas": 3}


def problem(at: Watch) -> str:
    """Why there is no list; empty: there is one."""
    try:
        at.names()
    except ClusterError as error:
        return str(error)
    return ""


STALE = {"metadata": {"namespace": "shop", "name": "a", "resourceVersion": "1", "annotations": {"old": "1"}}}
LINES = {
    "an older version": event("MODIFIED", STALE),
    "an older deletion": event("DELETED", STALE),
    "an older bookmark": event("BOOKMARK", {"metadata": {"resourceVersion": "1"}}),
    "no object": event("ADDED", 3) + event("ADDED", None) + event("ADDED", {"metadata": []}),
    "a page of HTML": b"6\r\n<html>\r\n",
    "a line that is cut": b'9\r\n{"type":"\r\n',
    "an event of no kind": event("EXPLODED", STALE),
    "no event": b"3\r\n[]\n\r\n",
    "not UTF-8": b'd\r\n{"type":"\xff"}\n\r\n'.replace(b"d\r", b"c\r"),
    "an error": event("ERROR", {"code": 500, "message": "etcd"}),
    "an error that is none": event("ERROR", "x"),
    "nested": b"%x\r\n%s\n\r\n" % (100_001, b"[" * 100_000),
}


@pytest.mark.parametrize("line", LINES)
def test_whatever_a_watch_says_what_is_known_stays_right(line: str) -> None:
    """And it goes on once the server is well."""
    with watching(rhythm=replace(QUICK, patience=30.0)) as at:  # on a busy machine a retry takes seconds
        before = at.watched.items(SERVICES)
        until(lambda: at.asked("WATCH"), "a watch begins")

        def fault(method: str, path: str, send: Send, _: bytes) -> object:
            if method != "WATCH":
                return None
            send(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + LINES[line]
            )
            return "answered"

        at.server.fault = fault
        watches = at.asked("WATCH")
        at.server.cut()
        until(lambda: at.asked("WATCH") >= watches + 2, "it was told so")
        assert at.watched.items(SERVICES) == before
        at.sees()
        put(at.kube, "c")
        until(lambda: at.names() == ["a", "b", "c"], "it goes on")


def test_a_server_that_is_behind_is_not_believed() -> None:
    """A list of an older version than was seen: nothing that is known goes back in time."""
    with watching(rhythm=replace(QUICK, patience=30.0)) as at:
        at.names()
        where = put(at.kube, "c")
        until(lambda: at.names() == ["a", "b", "c"], "it is seen")
        old = answer(200, {"metadata": {"resourceVersion": "2"}, "items": []})
        gone = answer(410, {"message": "too old", "code": 410})

        def fault(method: str, path: str, send: Send, _: bytes) -> object:
            send(gone if method == "WATCH" else old)
            return "answered"

        at.server.fault = fault
        at.server.cut()
        until(lambda: at.asked("GET") >= 3, "it lists what is old")
        assert at.names() == ["a", "b", "c"]
        at.sees()
        del at.kube.objects[where]
        until(lambda: at.names() == ["a", "b"], "it goes on")


def test_a_connection_that_hangs_or_drips_is_ended() -> None:
    with watching(rhythm=replace(QUICK, patience=4.0)) as at:
        at.names()

        def drip(method: str, path: str, send: Send, _: bytes) -> object:
            if method != "WATCH":
                return None
            send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
            for _number in range(1000):
                send(b" ")
                time.sleep(0.02)
            return "answered"

        at.server.fault = drip
        at.server.cut()
        put(at.kube, "c")
        until(lambda: at.names() == ["a", "b", "c"], "a list shows what the watch does not", 20)


def test_more_objects_than_are_held_are_no_list() -> None:
    with watching(most=3, rhythm=replace(QUICK, patience=0.6)) as at:
        at.names()
        for name in ("c", "d"):
            put(at.kube, name)
        until(lambda: at.watched.told()[0].objects == 3, "the third is held")

        def refused() -> bool:
            return "more than 3 objects" in problem(at)

        until(refused, "a list with a hole is no list")
        assert at.watched.told()[0].objects == 3


def test_a_line_without_end_is_refused() -> None:
    with watching() as at:
        at.names()
        sent: list[int] = []

        def flood(method: str, path: str, send: Send, _: bytes) -> object:
            if method != "WATCH":
                return None
            send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
            for number in range(64):
                sent.append(number)
                send(b" " * 2**20)
            return "answered"

        at.server.fault = flood
        at.server.cut()
        until(lambda: len(sent) > 8, "it comes")
        at.sees()
        put(at.kube, "c")
        until(lambda: at.names() == ["a", "b", "c"], "it goes on")
        assert len(sent) < 60


def test_a_list_whose_pages_never_end_is_asked_for_at_the_usual_pace() -> None:
    """Pages are free as long as they are full."""
    with watching(rhythm=replace(QUICK, lists_per_second=5.0, lists_at_once=1)) as at:
        page = answer(200, {"metadata": {"resourceVersion": "9", "continue": "x"}, "items": [STALE]})

        def fault(method: str, path: str, send: Send, _: bytes) -> object:
            send(page)
            return "answered"

        at.server.fault = fault
        began = time.monotonic()
        with pytest.raises(ClusterError, match="no answer within the round's time"):
            at.watched.within(began + 1.0).items(SERVICES)
        assert 2 <= at.asked("GET") <= 5 * (time.monotonic() - began) + 2


@pytest.mark.parametrize(("pages_per_second", "soon"), [(1000.0, 6), (0.5, 3)])
def test_a_large_collection_is_listed_again_at_a_stretch_but_not_again_and_again(
    pages_per_second: float, soon: int
) -> None:
    """A server that restarts knows no version that came before it. At the pace of lists, ten thousand Services would be
    unlisted for a minute, and many pods for ever."""
    kube = FakeKube()
    for number in range(1201):
        put(kube, f"s{number}")
    slow = replace(QUICK, patience=20.0, lists_per_second=0.1, lists_at_once=2, pages_per_second=pages_per_second)
    with watching(kube, rhythm=slow) as at:
        at.names()
        put(kube, "new")
        at.server.forget()
        at.server.cut()
        time.sleep(2.5)
        assert at.asked("GET") == soon
        assert len(at.names()) == (1202 if soon == 6 else 1201)
