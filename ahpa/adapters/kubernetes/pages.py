"""A KubeApi for who looks once at a large cluster: lists come page by page, each object trimmed as it comes.

As one answer, the Revisions of 10,000 Services are more than may be read (`api.MOST_BYTES`), and parsed they are a
gigabyte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ahpa.adapters.kubernetes.api import Object, Origin
from ahpa.adapters.kubernetes.page import Page, not_a_list, page_of
from ahpa.adapters.kubernetes.through import Through
from ahpa.adapters.kubernetes.trimmed import Keeping
from ahpa.adapters.kubernetes.watched import MOST_OBJECTS
from ahpa.ports import ClusterError


@dataclass(frozen=True)
class InPages(Through):
    """Its lists are whole all the same."""

    kube: Origin

    def items(self, where: str, **query: str) -> list[Object]:
        keep, found, more = Keeping(where.rpartition("/")[2]), list[Object](), ""

        def take(item: Object) -> None:
            if len(found) >= MOST_OBJECTS:
                raise ClusterError(0, f"{where}: more than {MOST_OBJECTS:,} objects")
            found.append(keep(item))

        while True:
            page = self._page(where, take, more, query)
            more = page.more
            if more and not page.count:
                raise not_a_list(where)
            if not more:
                return found

    def _page(self, where: str, take: Callable[[Object], object], more: str, query: Mapping[str, str]) -> Page:
        try:
            return page_of(self.kube, where, take, more, **query)
        except ClusterError as error:
            if error.status == 410:  # turned too slowly: to begin anew may do
                raise ClusterError(0, str(error)) from error
            raise
