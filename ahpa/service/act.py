"""Act: carry out what was decided and tell of it: journal, metrics, log, Events. One gate stands before all writes."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ahpa.core.decision import Decision
from ahpa.core.observation import Observation
from ahpa.ports import Actuator, ClusterError, EventLog, Journal, Target, TargetRound, Telemetry
from ahpa.service.memory import Backoff, Memory
from forecasting.forecast import Coverage

BACKOFF_SECONDS = (60.0, 3600.0)
"""First and longest pause after the API refused a write for good (403, 404, 422)."""

Gate = Callable[[float], bool]
"""`may_write(now)`: whether this process may write to targets. It is asked at the beginning of a round and again before
each write. Today it says no in a dry run."""


@dataclass(frozen=True)
class Actor:
    """Holds its ports and nothing else."""

    actuators: Mapping[str, Actuator]
    events: EventLog
    telemetry: Telemetry
    journal: Journal | None
    may_write: Gate

    def carry_out(
        self,
        observation: Observation,
        rounds: Sequence[TargetRound],
        coverage: Coverage | None,
        memory: Memory,
        deadline: float = math.inf,
    ) -> None:
        """One round. What is remembered and shown comes first: writes are slow, and a scrape in between must see all
        values. After the deadline no write and no Event begins; the next round decides anew."""
        now = observation.now
        self._write_down(observation, [each.decision for each in rounds])
        writes = self.may_write(now)
        for each in rounds:
            memory.would_be.pop(each.decision.key, None)
            if not each.decision.apply or not writes:
                memory.would_be[each.decision.key] = each.decision.floor
        self.telemetry.show(rounds, coverage)
        late = 0
        for each in rounds:
            target, decision = each.target, each.decision
            self.telemetry.log(
                "decision",
                target=decision.key,
                reason=str(decision.reason),
                floor=decision.floor,
                previous=decision.previous,
                baseline=decision.baseline,
                apply=decision.apply,
                message=decision.message,
            )
            if time.monotonic() >= deadline:
                late += 1
                continue
            if decision.apply:
                self._write(target, decision, memory, now)
            self.events.tell(target, decision, now)
            for warning in each.workload.policy.warnings:
                self.events.say(target, "UnknownParameter", warning, now, warning=True)
        if late:
            self.telemetry.log("round.cut_short", logging.WARNING, targets=late, problem="no time to write to them")

    def _write_down(self, observation: Observation, decisions: Sequence[Decision]) -> None:
        if self.journal is None:
            return
        try:
            self.journal.write(observation, decisions)
        except OSError as error:  # a full disk stops the journal, never the service
            self.telemetry.log("journal.failed", logging.ERROR, problem=str(error))

    def _write(self, target: Target, decision: Decision, memory: Memory, now: float) -> None:
        before = memory.backoff.get(target.key)
        acts = decision.restore or decision.plan is not None or decision.change != 0
        if not acts or (before is not None and now < before.until) or not self.may_write(now):
            return
        actuator = self.actuators[target.kind]
        try:
            if decision.restore:
                actuator.restore(target)
            else:
                actuator.write(target, decision.floor)
        except ClusterError as error:
            self.telemetry.wrote("conflict" if error.status == 409 else "failed")
            self.telemetry.log("write.failed", logging.WARNING, target=target.key, problem=str(error))
            if error.status in (403, 404, 422):
                pause = BACKOFF_SECONDS[0] if before is None else min(2 * before.pause, BACKOFF_SECONDS[1])
                memory.backoff[target.key] = Backoff(now + pause, pause)
                self.events.say(target, "WriteRefused", str(error), now, warning=True)
        except Exception:  # a fault of ours in one write must not end the round for everybody after it
            self.telemetry.wrote("failed")
            self.telemetry.fault("write.failed", target=target.key)
        else:
            self.telemetry.wrote("done")
            memory.backoff.pop(target.key, None)
