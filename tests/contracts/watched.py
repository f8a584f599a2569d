"""A stage whose kind looks at its fake API server through watches, over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from ahpa.adapters.kubernetes.api import Object
from ahpa.adapters.kubernetes.kinds import KINDS
from ahpa.adapters.kubernetes.watched import Watched
from tests.adapters.kubernetes.watching import watching
from tests.contracts.stage import Stage
from tests.fakes.kube import FakeKube
from tests.waiting import until


@dataclass(frozen=True)
class CaughtUp:
    """A Watched whose lists show all that has happened, as a contract looks right after an edit."""

    watched: Watched
    fake: FakeKube

    def within(self, deadline: float) -> CaughtUp:
        return CaughtUp(self.watched.within(deadline), self.fake)

    def get(self, where: str, **query: str) -> Object:
        return self.watched.get(where, **query)

    def items(self, where: str, **query: str) -> list[Object]:
        self.watched.items(where, **query)
        self._catch_up()
        return self.watched.items(where, **query)

    def first(self, where: str, **query: str) -> Object | None:
        return next(iter(self.items(where, **query)), None)

    def member(self, where: str, name: str) -> Object:
        self.items(where)
        return self.watched.member(where, name)

    def merge_patch(self, where: str, body: Object) -> Object:
        return self.watched.merge_patch(where, body)

    def create(self, where: str, body: Object) -> Object:
        return self.watched.create(where, body)

    def _catch_up(self) -> None:
        newest = max(int(item["metadata"]["resourceVersion"]) for item in self.fake.objects.values())
        until(lambda: all(int(told.version) >= newest for told in self.watched.told()), "the watches catch up")


@contextmanager
def watched(kind: str, stage: Stage) -> Iterator[Stage]:
    """The same stage, looked at so."""
    assert stage.kube is not None
    with watching(stage.kube) as at:
        yield replace(stage, actuator=KINDS[kind].actuator(CaughtUp(at.watched, stage.kube), "shop"))
