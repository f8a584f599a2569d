"""Targets that are read from the very same objects as in the last round are not read again.

Objects that are watched stay the same in memory until they change, so nothing need be compared but which they are.
Where each list brings new ones everything is read anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ahpa.adapters.kubernetes.api import KubeApi, Object
from ahpa.ports import ClusterError
from ahpa.targets import Target

Question = tuple[str, ...]
"""What is looked up beside an object: how, and what."""
Look = Callable[[Question], Object | None]
"""Answers it; None where that cannot be had."""


def looking(kube: KubeApi) -> Look:
    """Into a cluster: ("member", collection, name), ("first", collection, label selector) or ("get", path)."""

    def look(question: Question) -> Object | None:
        how, where, *which = question
        try:
            if how == "member":
                return kube.member(where, which[0])
            return kube.first(where, labelSelector=which[0]) if how == "first" else kube.get(where)
        except ClusterError:
            return None

    return look


@dataclass(frozen=True, eq=False)
class _Read:
    """A target, and all that it was read from."""

    item: Object
    looked: tuple[tuple[Question, Object | None], ...]
    target: Target

    def still(self, item: Object, look: Look) -> bool:
        return self.item is item and all(look(question) is answer for question, answer in self.looked)


@dataclass(frozen=True)
class _Round:
    """By the identity of an object, which nothing else can have while it is held here."""

    common: object
    read: dict[int, _Read]


class Unchanged:
    """The targets of the last round. Two threads may read: what is remembered is swapped whole."""

    def __init__(self) -> None:
        self._last = _Round(None, {})

    def targets(
        self, items: Iterable[Object], read: Callable[[Object, Look], Target], look: Look, common: object = None
    ) -> list[Target]:
        """Of each item what `read` makes of it, or made of it; it asks nothing but the item, `look`, and what is
        `common` to all, as `==` tells it."""
        last = self._last.read if common == self._last.common else {}
        now: dict[int, _Read] = {}
        targets = []
        for item in items:
            before = last.get(id(item))
            if before is None or not before.still(item, look):
                before = _read(item, read, look)
            now[id(item)] = before
            targets.append(before.target)
        self._last = _Round(common, now)
        return targets


def _read(item: Object, read: Callable[[Object, Look], Target], look: Look) -> _Read:
    looked: list[tuple[Question, Object | None]] = []

    def noting(question: Question) -> Object | None:
        answer = look(question)
        looked.append((question, answer))
        return answer

    target = read(item, noting)
    return _Read(item, tuple(looked), target)
