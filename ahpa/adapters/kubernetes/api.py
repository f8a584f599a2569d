"""The Kubernetes API as raw dicts: list, get, watch, merge-patch, create. Nothing else is needed or possible.

The official client carries transport, credentials and TLS. Its typed models are left out on purpose: one
object that fails their validation makes the whole list raise, and they cost 50 MiB
(docs/decisions/0003-raw-kubernetes-objects.md). What an answer may cost is bounded in time, bytes and values, whatever
the server does (`ahpa.transport`).
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import quote

from ahpa.core.clock import ahead_by
from ahpa.ports import ClusterError
from ahpa.transport import NEVER, TooMuch, body_of, cause_of, emptied, ending, lines_of, parsed, parsed_one_by_one

if TYPE_CHECKING:
    from kubernetes.client import ApiClient
    from kubernetes.client.rest import RESTResponse
    from urllib3 import BaseHTTPResponse

FIELD_MANAGER = "ahpa"
MERGE_PATCH = "application/merge-patch+json"
MOST_BYTES = 64 * 1024 * 1024
"""Of an answer; 5,000 HPAs are 5 MiB, as many Revisions 40."""
MOST_VALUES = 4_000_000
"""Of an answer; 64 MiB of Revisions hold three million."""
MOST_LINE_BYTES = 8 * 1024 * 1024
"""Of one event of a watch; etcd keeps no object over 1.5 MiB."""
LATE = 1.2
"""Of the time that a watch was asked for, and a second, it may take: then its connection is taken for dead."""

Object = dict[str, Any]
"""A raw object, as the API server sent it. The one place where `Any` is the truth."""


def path(*segments: str) -> str:
    """An API path from plain segments; each is percent-encoded, so a name cannot become a path."""
    return "/" + "/".join(quote(segment, safe="") for segment in segments)


def collection(group_version: str, resource: str, namespace: str | None) -> tuple[str, ...]:
    """The segments of a collection: `collection("apps/v1", "deployments", None)` spans all namespaces."""
    root = ("api", "v1") if group_version == "v1" else ("apis", *group_version.split("/"))
    return (*root, *(("namespaces", namespace) if namespace else ()), resource)


def objects_among(items: Iterable[object]) -> list[Object]:
    """Those of a list that are objects at all; what is none has no name by which it could be refused."""
    return [item for item in items if isinstance(item, dict) and isinstance(item.get("metadata"), dict)]


class KubeApi(Protocol):
    """All that the adapters of this room ask of an API server."""

    def within(self, deadline: float) -> KubeApi:
        """The same, but nothing is asked after a moment of `time.monotonic`, nor waited for."""
        ...

    def get(self, where: str, **query: str) -> Object:
        """One object. Raises ClusterError."""
        ...

    def items(self, where: str, **query: str) -> list[Object]:
        """A whole list, from the API server's cache. Raises ClusterError; never a part of a list."""
        ...

    def first(self, where: str, **query: str) -> Object | None:
        """Any one of a list; None where it is empty. Raises ClusterError."""
        ...

    def member(self, where: str, name: str) -> Object:
        """The one of this name in a collection, as fresh as `items` is. Raises ClusterError."""
        ...

    def merge_patch(self, where: str, body: Object) -> Object:
        """RFC 7386. Put metadata.resourceVersion into `body`: a stale one answers 409. Raises ClusterError."""
        ...

    def create(self, where: str, body: Object) -> Object:
        """Raises ClusterError."""
        ...


class Origin(KubeApi, Protocol):
    """An API server itself, whose lists can be read piece by piece, and watched."""

    def within(self, deadline: float) -> Origin: ...

    def page(self, where: str, take: Callable[[object], object], **query: str) -> Object:
        """A list whose `items` are told to `take` as each is parsed, and are not in it any more. Raises ClusterError,
        also after some were told."""
        ...

    def watch(self, where: str, version: str, seconds: float) -> Stream:
        """What happens in a collection after that version, for so long, with bookmarks. Raises ClusterError; 410: what
        happened is no longer known."""
        ...


class Stream:
    """The events of a watch, in their order, each once. Another thread may close it."""

    def __init__(self, where: str, response: BaseHTTPResponse) -> None:
        self._where, self._response = where, response

    def __iter__(self) -> Iterator[Object]:
        """Ends when the server ends it. Raises ClusterError: the connection broke, the time was over, or what came is
        no event."""
        try:
            for line in lines_of(self._response, MOST_LINE_BYTES):
                event = parsed(line, MOST_VALUES)
                if not isinstance(event, dict):
                    raise ClusterError(0, f"watching {self._where}: a line is no event")
                yield event
        except ClusterError:
            raise
        except (ValueError, RecursionError) as error:
            raise ClusterError(0, f"watching {self._where}: a line is no JSON") from error
        except Exception as error:  # as in Kube._asked
            raise ClusterError(0, f"watching {self._where}: {cause_of(error)}") from emptied(error)
        finally:
            self._response.close()

    def close(self) -> None:
        """Raises nothing; who reads it has a ClusterError, or the end."""
        with suppress(Exception):  # it may be at its end already
            self._response.shutdown()


@dataclass
class _Server:
    """What is known of a server, whatever the deadline of a call to it."""

    skew: float = 0.0


def _taken(status: int) -> bool:
    """Whether what was asked is done, or answered."""
    return 200 <= status < 300


def _parsed(text: bytes) -> object:
    return parsed(text, MOST_VALUES)


class Kube:
    """The KubeApi over the official client's transport. Thread-safe as that is."""

    def __init__(self, client: ApiClient, timeout_seconds: tuple[float, float] = (3.05, 10.0)) -> None:
        """`timeout_seconds`: to connect, and for a whole answer."""
        ending(client.rest_client.pool_manager)
        self._client = client
        self._timeout = timeout_seconds
        self._deadline = NEVER
        self._parsing = threading.Lock()
        self._server = _Server()

    @property
    def skew(self) -> float:
        """As `ServerClock` says."""
        return self._server.skew

    def within(self, deadline: float) -> Self:
        bound = copy.copy(self)
        bound._deadline = deadline
        return bound

    @classmethod
    def connect(cls, kubeconfig: str | None = None, context: str | None = None) -> Self:
        """From a kubeconfig, or from the pod's service account. Raises NoCluster where neither can be used."""
        import urllib3
        from kubernetes import client

        from ahpa.adapters.kubernetes.kubeconfig import settings_from

        settings = settings_from(kubeconfig, context)
        # The library's own retries obey Retry-After without end; the next tick is our retry.
        settings.retries = urllib3.Retry(0, respect_retry_after_header=False, redirect=0)
        return cls(client.ApiClient(settings))

    def get(self, where: str, **query: str) -> Object:
        return self._call("GET", where, query)

    def page(self, where: str, take: Callable[[object], object], **query: str) -> Object:
        return self._call("GET", where, query, parse=lambda text: parsed_one_by_one(text, MOST_VALUES, "items", take))

    def items(self, where: str, **query: str) -> list[Object]:
        answer = self._call("GET", where, {"resourceVersion": "0", **query})
        items, meta = answer.get("items"), answer.get("metadata")
        if not isinstance(items, list) or not isinstance(meta, dict) or meta.get("continue"):
            raise ClusterError(0, f"{where}: the answer is not a whole list")
        return objects_among(items)

    def first(self, where: str, **query: str) -> Object | None:
        # Not from the cache, which gives the whole list whatever the limit.
        items = self._call("GET", where, {"limit": "1", **query}).get("items")
        return next(iter(objects_among(items)), None) if isinstance(items, list) else None

    def member(self, where: str, name: str) -> Object:
        return self.get(f"{where}/{quote(name, safe='')}")

    def watch(self, where: str, version: str, seconds: float) -> Stream:
        query = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": version}
        answer = self._asked("GET", where, {**query, "timeoutSeconds": f"{seconds:.0f}"}, LATE * seconds + 1)
        if answer.status != 200:
            self._read("GET", where, answer)
            raise ClusterError(answer.status, f"watching {where}: no stream")
        return Stream(where, answer.response)

    def merge_patch(self, where: str, body: Object) -> Object:
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
        return self._call("PATCH", where, query, body, MERGE_PATCH)

    def create(self, where: str, body: Object) -> Object:
        return self._call("POST", where, {"fieldManager": FIELD_MANAGER}, body, "application/json")

    def _call(
        self,
        method: str,
        where: str,
        query: Mapping[str, str],
        body: Object | None = None,
        content_type: str | None = None,
        parse: Callable[[bytes], object] = _parsed,
    ) -> Object:
        """`parse`: of an answer that is no refusal."""
        answer = self._asked(method, where, query, self._timeout[1], body, content_type)
        return self._read(method, where, answer, parse if _taken(answer.status) else _parsed)

    def _asked(
        self,
        method: str,
        where: str,
        query: Mapping[str, str],
        whole: float,
        body: Object | None = None,
        content_type: str | None = None,
    ) -> RESTResponse:
        """The answer, of which nothing but the head is read; `whole` seconds are for all of it."""
        whole = min(whole, self._deadline - time.monotonic())
        if whole <= 0:
            raise ClusterError(0, f"{method} {where}: not asked, the round's time was over")
        limits = (min(self._timeout[0], whole), whole)
        headers = {"Accept": "application/json"} | ({"Content-Type": content_type} if content_type else {})
        try:
            request = self._client.param_serialize(
                method, where, query_params=list(query.items()), header_params=headers, auth_settings=["BearerToken"]
            )
            # The body is put in here: param_serialize would send none for {} and rewrites nested values.
            verb, url, sent_headers, *_ = request
            data = dict(body) if body is not None else None
            answer = self._client.call_api(verb, url, sent_headers, data, _request_timeout=limits)
            self._server.skew = ahead_by(answer.getheader("Date"), time.time())
        except Exception as error:  # MaxRetryError, ReadTimeoutError, ConfigException, OSError, ...: one boundary
            raise ClusterError(0, f"{method} {where}: {cause_of(error)}{self._hint(error)}") from emptied(error)
        return answer

    def _read(
        self, method: str, where: str, answer: RESTResponse, parse: Callable[[bytes], object] = _parsed
    ) -> Object:
        try:
            text = body_of(answer.response, MOST_BYTES)
        except Exception as error:  # as above
            raise ClusterError(0, f"{method} {where}: {cause_of(error)}") from emptied(error)
        try:
            with self._parsing:  # one at a time: parsed, an answer is many times as large
                found = parse(text)
        except TooMuch as error:
            raise ClusterError(0, f"{method} {where}: {error}") from error
        except (ValueError, RecursionError):
            found = None
        return _object(method, where, answer.status, found, text[:200])

    def _hint(self, error: Exception) -> str:
        if "Connection refused" not in cause_of(error):
            return ""
        return f": no API server listens at {self._client.configuration.host}; look into --kubeconfig and --context"


def _object(method: str, where: str, status: int, found: object, text: bytes) -> Object:
    if not _taken(status):
        said = found.get("message") if isinstance(found, dict) else None
        raise ClusterError(status, f"{method} {where}: {str(said or text)[:300]}")
    if not isinstance(found, dict):
        raise ClusterError(0, f"{method} {where}: the answer is not an object")
    return found
