"""A KubeApi whose patches come at a pace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ahpa.adapters.kubernetes.api import KubeApi, Object
from ahpa.ports import ClusterError


def _unheard(status: int) -> None:
    """For a pace that is the same whatever the server says."""


@dataclass(frozen=True)
class Paced:
    """A KubeApi whose patches wait for their turn: `pace` is called before each, and `answered` told the status of its
    answer (0: none). What changes nothing makes no patch, and so waits for nothing."""

    kube: KubeApi
    pace: Callable[[], None]
    answered: Callable[[int], None] = _unheard

    def within(self, deadline: float) -> Paced:
        return Paced(self.kube.within(deadline), self.pace, self.answered)

    def get(self, where: str, **query: str) -> Object:
        return self.kube.get(where, **query)

    def items(self, where: str, **query: str) -> list[Object]:
        return self.kube.items(where, **query)

    def first(self, where: str, **query: str) -> Object | None:
        return self.kube.first(where, **query)

    def member(self, where: str, name: str) -> Object:
        return self.kube.member(where, name)

    def merge_patch(self, where: str, body: Object) -> Object:
        self.pace()
        try:
            patched = self.kube.merge_patch(where, body)
        except ClusterError as error:
            self.answered(error.status)
            raise
        self.answered(200)
        return patched

    def create(self, where: str, body: Object) -> Object:
        return self.kube.create(where, body)
