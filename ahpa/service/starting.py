"""Starts: what is learned of how long replicas take, from the pods that each round has the time to look at."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from ahpa.core.starts import NO_STARTS
from ahpa.core.turns import in_turn
from ahpa.ports import StartSource, Telemetry
from ahpa.service.memory import Memory
from ahpa.targets import Target


def look_at_pods(
    starts: StartSource,
    targets: Sequence[Target],
    memory: Memory,
    now: float,
    deadline: float,
    telemetry: Telemetry,
    stopwatch: Callable[[], float] = time.monotonic,
) -> None:
    """Take note of the pods of these targets, as far as the time goes; who had to go without comes first in the next
    round, so that a slow API server keeps nobody's lag from being learned for ever. Raises nothing."""
    late: list[str] = []
    by_key = {target.key: target for target in targets}
    for key in in_turn(by_key, memory.not_looked_at):
        target = by_key[key]
        if stopwatch() >= deadline:
            late.append(key)
            continue
        try:
            log = memory.starts.get(key, NO_STARTS)
            memory.starts[key] = log.seen(starts.starts(target, deadline), now)
        except Exception as error:  # no answer, or a pod that is damaged: the lag stays as it was known
            if stopwatch() >= deadline:
                late.append(key)
            telemetry.log("pods.unavailable", logging.DEBUG, target=key, problem=str(error))
    memory.not_looked_at = tuple(late)
