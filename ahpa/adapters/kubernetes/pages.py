"""A KubeApi for who looks once at a large cluster: lists come page by page, each object trimmed as it comes.

As one answer, the Revisions of 10,000 Services are more than may be read (`api.MOST_BYTES`), and parsed they are a
gigabyte.
"""

from __future__ import annotations

from dataclasses import dataclass

from ahpa.adapters.kubernetes.api import KubeApi, Object, objects_among
from ahpa.adapters.kubernetes.collection import PAGE
from ahpa.adapters.kubernetes.trimmed import Keeping
from ahpa.adapters.kubernetes.watched import MOST_OBJECTS
from ahpa.ports import ClusterError


@dataclass(frozen=True)
class InPages:
    """Implements KubeApi."""

    kube: KubeApi

    def within(self, deadline: float) -> InPages:
        return InPages(self.kube.within(deadline))

    def get(self, where: str, **query: str) -> Object:
        return self.kube.get(where, **query)

    def items(self, where: str, **query: str) -> list[Object]:
        keep, found, more = Keeping(where.rpartition("/")[2]), list[Object](), ""
        while True:
            page = self._page(where, {**query, "limit": str(PAGE), **({"continue": more} if more else {})})
            meta, items = page.get("metadata"), page.get("items")
            more = str(meta.get("continue") or "") if isinstance(meta, dict) else ""
            if not isinstance(meta, dict) or not isinstance(items, list) or (more and not items):
                raise ClusterError(0, f"{where}: the answer is not a list")
            found += [keep(item) for item in objects_among(items)]
            if len(found) > MOST_OBJECTS:
                raise ClusterError(0, f"{where}: more than {MOST_OBJECTS:,} objects")
            if not more:
                return found

    def _page(self, where: str, query: dict[str, str]) -> Object:
        try:
            return self.kube.get(where, **query)
        except ClusterError as error:
            if error.status == 410:  # turned too slowly: to begin anew may do
                raise ClusterError(0, str(error)) from error
            raise

    def first(self, where: str, **query: str) -> Object | None:
        return self.kube.first(where, **query)

    def member(self, where: str, name: str) -> Object:
        return self.kube.member(where, name)

    def merge_patch(self, where: str, body: Object) -> Object:
        return self.kube.merge_patch(where, body)

    def create(self, where: str, body: Object) -> Object:
        return self.kube.create(where, body)
