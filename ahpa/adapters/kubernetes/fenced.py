"""A KubeApi whose patches end before the lease does, under which they are sent.

The gate is asked before a write begins, and between the gate and the wire a write may wait: for its turn, for a
connection. So the last moment at which it may end goes with it. What gets by even so, as a process that was stopped
between the check and the send, the API server refuses (config/base/fence.yaml): that is a conflict, and no
refusal for good.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ahpa.adapters.kubernetes.api import KubeApi, Object
from ahpa.ports import ClusterError
from ahpa.transport import NEVER

POLICY = "ahpa-leader"
"""By its name in the API server's answer the fence is known."""


@dataclass(frozen=True)
class Fenced:
    """`seconds_left`: how long a patch may take that begins now."""

    kube: KubeApi
    seconds_left: Callable[[], float]
    deadline: float = NEVER

    def within(self, deadline: float) -> Fenced:
        return Fenced(self.kube.within(deadline), self.seconds_left, deadline)

    def get(self, where: str, **query: str) -> Object:
        return self.kube.get(where, **query)

    def items(self, where: str, **query: str) -> list[Object]:
        return self.kube.items(where, **query)

    def first(self, where: str, **query: str) -> Object | None:
        return self.kube.first(where, **query)

    def member(self, where: str, name: str) -> Object:
        return self.kube.member(where, name)

    def merge_patch(self, where: str, body: Object) -> Object:
        left = self.seconds_left()
        if left <= 0:
            raise ClusterError(409, f"PATCH {where}: not sent, as we hold no lease any more")
        try:
            return self.kube.within(min(self.deadline, time.monotonic() + left)).merge_patch(where, body)
        except ClusterError as error:
            if error.status in (403, 422) and POLICY in str(error):
                raise ClusterError(409, f"PATCH {where}: another process leads: {error}") from error
            raise

    def create(self, where: str, body: Object) -> Object:
        return self.kube.create(where, body)
