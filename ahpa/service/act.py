"""Act: carry out what was decided and tell of it: journal, metrics, log, Events. One gate stands before all writes."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

from ahpa.core.decision import Decision
from ahpa.core.observation import Observation
from ahpa.core.turns import in_turn
from ahpa.ports import Actuator, ClusterError, EventLog, Journal, Target, TargetRound, Telemetry
from ahpa.service.memory import Backoff, Memory
from forecasting.forecast import Coverage

BACKOFF_SECONDS = (60.0, 3600.0)
"""First and longest pause after the API refused a write for good (403, 404, 422)."""

EVENTS_A_ROUND = 50
EVENT_SECONDS = 5.0
"""No more Events in one round, nor longer: they are a courtesy, and the next floors wait. What was not told is told
later if it is still so; log, metrics and journal have it in any case."""

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
    stopwatch: Callable[[], float] = time.monotonic

    def carry_out(
        self,
        observation: Observation,
        rounds: Sequence[TargetRound],
        coverage: Coverage | None,
        memory: Memory,
        deadline: float = math.inf,
    ) -> None:
        """One round. What is remembered and shown comes first: writes are slow, and a scrape in between must see all
        values. Then all writes, and only then Events: three hundred of them take a busy API server two minutes. After
        the deadline no write and no Event begins; the next round decides anew."""
        now = observation.now
        self._write_down(observation, [each.decision for each in rounds])
        writes = self.may_write(now)
        for each in rounds:
            memory.would_be.pop(each.decision.key, None)
            if not each.decision.apply or not writes:
                memory.would_be[each.decision.key] = each.decision.floor
        self.telemetry.show(rounds, coverage)
        for decision in (each.decision for each in rounds):
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
        refused = self._write_all(rounds, memory, now, deadline)
        self._tell(rounds, refused, memory, now, deadline)

    def _write_all(
        self, rounds: Sequence[TargetRound], memory: Memory, now: float, deadline: float
    ) -> Mapping[str, str]:
        """All floors; what the API said to those that it refused for good, by key."""
        refused: dict[str, str] = {}
        late: list[str] = []
        for each in _in_turn(rounds, memory):
            if self.stopwatch() >= deadline:
                late.append(each.decision.key)
            elif (said := self._write(each.target, each.decision, memory, now)) is not None:
                refused[each.decision.key] = said
        memory.left_out = tuple(late)
        if late:
            problem = "no time to write to them"
            self.telemetry.log("round.cut_short", logging.WARNING, targets=len(late), problem=problem)
        return refused

    def _tell(
        self,
        rounds: Sequence[TargetRound],
        refused: Mapping[str, str],
        memory: Memory,
        now: float,
        deadline: float,
    ) -> None:
        """What is news, as Events, as far as number and time of a round allow; refused writes first. Each round begins
        further on, so that those who always have news do not silence the others."""
        until, told, left = min(self.stopwatch() + EVENT_SECONDS, deadline), 0, 0
        turn = int(now // 60) * EVENTS_A_ROUND % max(1, len(rounds))
        for each in sorted((*rounds[turn:], *rounds[:turn]), key=lambda each: each.decision.key not in refused):
            for say in self._news(each, refused.get(each.decision.key), memory, now):
                if told >= EVENTS_A_ROUND or self.stopwatch() >= until:
                    left += 1
                    break
                told += say()
        if left:
            self.telemetry.log("events.left", logging.WARNING, told=told, targets=left)

    def _news(self, each: TargetRound, refused: str | None, memory: Memory, now: float) -> list[Callable[[], bool]]:
        target, policy, say = each.target, each.workload.policy, self.events.say
        news: list[Callable[[], bool]] = []
        if refused is not None:
            news.append(lambda: say(target, "WriteRefused", refused, now, warning=True))
        news.append(lambda: self.events.tell(target, each.decision, now))
        if each.ignored:
            news.append(lambda: say(target, "FloorIgnored", each.ignored, now, warning=True))
        if policy.warnings:
            news.append(lambda: say(target, "UnknownParameter", "; ".join(policy.warnings), now, warning=True))
        if policy.inert and policy.requested and policy.policy.mode != "off":
            news.append(lambda: say(target, "NotActedOn", "; ".join(policy.inert), now, warning=True))
        if each.measured and not policy.problems and memory.introduced.get(target.key) != each.measured:
            news.append(lambda: self._introduce(each, memory, now))
        return news

    def _introduce(self, each: TargetRound, memory: Memory, now: float) -> bool:
        """Say once what was found out of an object: a wrong guess should be seen before the bill."""
        text = f"measured by {each.measured}; ahpa.dev/demand and ahpa.dev/target-per-replica override it"
        if not self.events.say(each.target, "Measured", text, now, value=crc32(text.encode())):
            return False
        memory.introduced[each.target.key] = each.measured
        return True

    def _write_down(self, observation: Observation, decisions: Sequence[Decision]) -> None:
        if self.journal is None:
            return
        try:
            self.journal.write(observation, decisions)
        except OSError as error:  # a full disk stops the journal, never the service
            self.telemetry.log("journal.failed", logging.ERROR, problem=str(error))

    def _write(self, target: Target, decision: Decision, memory: Memory, now: float) -> str | None:
        """Write; what the API said if it refused for good, to be told."""
        before = memory.backoff.get(target.key)
        acts = decision.restore or decision.plan is not None or decision.change != 0 or bool(decision.split)
        if not acts or (before is not None and now < before.until) or not self.may_write(now):
            return None
        actuator, wrote = self.actuators[target.kind], True
        try:
            if decision.restore:
                actuator.restore(target)
            else:
                wrote = actuator.write(target, decision.floors)
        except ClusterError as error:
            self.telemetry.wrote("conflict" if error.status == 409 else "failed")
            self.telemetry.log("write.failed", logging.WARNING, target=target.key, problem=str(error))
            if error.status in (403, 404, 422):
                pause = BACKOFF_SECONDS[0] if before is None else min(2 * before.pause, BACKOFF_SECONDS[1])
                memory.backoff[target.key] = Backoff(now + pause, pause)
                return str(error)
            if error.status != 409:
                memory.unanswered.add(target.key)
        except Exception:  # a fault of ours in one write must not end the round for everybody after it
            self.telemetry.wrote("failed")
            self.telemetry.fault("write.failed", target=target.key)
        else:
            if wrote:
                self.telemetry.wrote("done")
            memory.backoff.pop(target.key, None)
            memory.unanswered.discard(target.key)
        return None


def _in_turn(rounds: Sequence[TargetRound], memory: Memory) -> list[TargetRound]:
    """Those to be written to: whom the last round had no time for, then raises, then all others; those whose write got
    no answer come last, so that a webhook that hangs takes only what time the others leave."""
    by_key = {each.decision.key: each for each in rounds if each.decision.apply}
    raises_first = sorted(by_key, key=lambda key: by_key[key].decision.change <= 0)
    turns = in_turn(raises_first, memory.left_out)
    return [by_key[key] for key in sorted(turns, key=lambda key: key in memory.unanswered)]
