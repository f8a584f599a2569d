"""A KubeApi around another one. Whoever changes one of its ways of asking takes the others from here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from ahpa.adapters.kubernetes.api import KubeApi, Object


@dataclass(frozen=True)
class Through:
    """Everything is asked of `kube`."""

    kube: KubeApi

    def within(self, deadline: float) -> Self:
        return replace(self, kube=self.kube.within(deadline))

    def get(self, where: str, **query: str) -> Object:
        return self.kube.get(where, **query)

    def items(self, where: str, **query: str) -> list[Object]:
        return self.kube.items(where, **query)

    def first(self, where: str, **query: str) -> Object | None:
        return self.kube.first(where, **query)

    def member(self, where: str, name: str) -> Object:
        return self.kube.member(where, name)

    def merge_patch(self, where: str, body: Object) -> Object:
        return self.kube.merge_patch(where, body)

    def create(self, where: str, body: Object) -> Object:
        return self.kube.create(where, body)
