"""One page of a list, as the API server gives it (`limit` and `continue`), each object taken as it is parsed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ahpa.adapters.kubernetes.api import Object, Origin, objects_among
from ahpa.ports import ClusterError

SIZE = 500
"""Objects of a list that are asked for at once: as text some 5 MiB, and parsed together they would be 30."""


@dataclass(frozen=True)
class Page:
    """What came."""

    version: str
    """Of the list; empty: it says none."""
    count: int
    """Of all that stood in it, also of what is no object."""
    more: str
    """Where the next page begins; empty: this was the last."""


def page_of(kube: Origin, where: str, take: Callable[[Object], object], more: str = "", **query: str) -> Page:
    """The page of the collection `where` that begins there; `take` is told each of its objects, and asks the server
    nothing meanwhile. Raises ClusterError, also after some were told."""
    count = 0

    def counted(item: object) -> None:
        nonlocal count
        count += 1
        try:
            for each in objects_among([item]):
                take(each)
        except (ValueError, RecursionError) as error:  # which would be taken for the answer's
            raise ClusterError(0, f"{where}: an object cannot be taken: {error!r:.200}") from error

    answer = kube.page(where, counted, **query, limit=str(SIZE), **({"continue": more} if more else {}))
    meta = answer.get("metadata")
    if not isinstance(meta, dict) or answer.get("items") != []:
        raise not_a_list(where)
    return Page(str(meta.get("resourceVersion") or ""), count, str(meta.get("continue") or ""))


def not_a_list(where: str) -> ClusterError:
    return ClusterError(0, f"{where}: the answer is not a list")
