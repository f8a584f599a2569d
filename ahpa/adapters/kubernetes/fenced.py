"""A KubeApi whose patches end before the lease does, under which they are sent.

The gate is asked before a write begins, and between the gate and the wire a write may wait: for its turn, for a
connection. So the last moment at which it may end goes with it. What gets by even so, as a process that was stopped
between the check and the send, the API server refuses (config/base/fence.yaml): that is a conflict, and no
refusal for good.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from ahpa.adapters.kubernetes.api import Object
from ahpa.adapters.kubernetes.through import Through
from ahpa.ports import ClusterError
from ahpa.transport import NEVER

POLICY = "ahpa-leader"
"""By its name in the API server's answer the fence is known."""


@dataclass(frozen=True)
class Fenced(Through):
    """`seconds_left`: how long a patch may take that begins now."""

    seconds_left: Callable[[], float]
    deadline: float = NEVER

    def within(self, deadline: float) -> Fenced:
        return replace(super().within(deadline), deadline=deadline)

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
