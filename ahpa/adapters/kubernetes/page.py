"""One page of a list, as the API server gives it (`limit` and `continue`)."""

from __future__ import annotations

from dataclasses import dataclass

from ahpa.adapters.kubernetes.api import KubeApi, Object
from ahpa.ports import ClusterError

SIZE = 500
"""Objects of a list that are asked for at once: parsed they are some 30 MiB, before they are trimmed."""


@dataclass(frozen=True)
class Page:
    """What came."""

    version: str
    """Of the list; empty: it says none."""
    items: list[object]
    more: str
    """Where the next page begins; empty: this was the last."""


def page_of(kube: KubeApi, where: str, more: str = "", **query: str) -> Page:
    """The page of the collection `where` that begins there. Raises ClusterError."""
    answer: Object = kube.get(where, **query, limit=str(SIZE), **({"continue": more} if more else {}))
    meta, items = answer.get("metadata"), answer.get("items")
    if not isinstance(meta, dict) or not isinstance(items, list):
        raise not_a_list(where)
    return Page(str(meta.get("resourceVersion") or ""), items, str(meta.get("continue") or ""))


def not_a_list(where: str) -> ClusterError:
    return ClusterError(0, f"{where}: the answer is not a list")
