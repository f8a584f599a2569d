"""Act: carry out what was decided and tell of it: journal, metrics, log, Events. One gate stands before all writes."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from zlib import crc32

from ahpa.core.decision import Decision, Reason
from ahpa.core.observation import Observation
from ahpa.core.turns import in_turn
from ahpa.ports import Actuator, ClusterError, EventLog, Journal, TargetRound, Telemetry
from ahpa.service.leases import ALONE, Leases
from ahpa.service.memory import Backoff, Memory
from ahpa.targets import Target
from forecasting.forecast import Coverage

BACKOFF_SECONDS = (60.0, 3600.0)
"""First and longest pause after the API refused a write for good (403, 404, 422)."""

EVENTS_A_ROUND = 50
EVENT_SECONDS = 5.0
"""No more Events in one round, nor longer: they are a courtesy, and the next floors wait. What was not told is told
later if it is still so; log, metrics and journal have it in any case."""

LET_THROUGH = (
    "the floor is kept as ever, and the target stays its owner's; on Knative the namespace needs the label "
    "ahpa.dev/manage-target: allowed (docs/install.md)"
)
"""What to do where the API refuses a raised target."""

Refusals = dict[str, dict[str, str]]
"""By target's key: what the API said to a write that it refused for good, by the reason of the Event that tells it."""

Gate = Callable[[float], bool]
"""`may_write(now)`: whether this process writes to targets at all. It is asked at the beginning of a round and again
before each write; it says no in a dry run. Whose turn it is say the leases."""


@dataclass(frozen=True)
class Actor:
    """Holds its ports and nothing else."""

    actuators: Mapping[str, Actuator]
    events: EventLog
    telemetry: Telemetry
    journal: Journal | None
    may_write: Gate
    stopwatch: Callable[[], float] = time.monotonic
    leases: Leases = ALONE

    def carry_out(
        self,
        observation: Observation,
        rounds: Sequence[TargetRound],
        coverage: Coverage | None,
        memory: Memory,
        deadline: float = math.inf,
        held: Collection[str] | None = None,
    ) -> None:
        """One round, of the targets whose keys we `held` when it began (None: all); the others have their own leader.
        What is remembered and shown comes first: writes are slow, and a scrape in between must see all values. Then all
        writes, and only then Events: three hundred of them take a busy API server two minutes. After the deadline no
        write and no Event begins; the next round decides anew."""
        now = observation.now
        ours = rounds if held is None else [each for each in rounds if each.decision.key in held]
        if ours or not rounds:
            self._write_down(observation, [each.decision for each in rounds])
        writes = self.may_write(now)
        for each in rounds:
            memory.would_be.pop(each.decision.key, None)
            if not each.decision.apply or not writes:
                memory.would_be[each.decision.key] = each.decision.floor
        self.telemetry.show(ours, coverage)
        self._log([each.decision for each in ours], memory)
        refused = self._write_all(ours, memory, now, deadline)
        self._tell(ours, refused, memory, now, deadline)
        led = {each.decision.key for each in ours}
        memory.introduced |= {  # by their leaders
            each.decision.key: each.measured for each in rounds if each.measured and each.decision.key not in led
        }

    def _log(self, decisions: Sequence[Decision], memory: Memory) -> None:
        """Each decision that moves a floor, or has another reason than the last one, where people read; all others
        where they search: ten thousand lines a minute are read by nobody."""
        for decision in decisions:
            news = decision.change != 0 or decision.restore or memory.logged.get(decision.key) != decision.reason
            memory.logged[decision.key] = decision.reason
            self.telemetry.log(
                "decision",
                logging.INFO if news else logging.DEBUG,
                target=decision.key,
                reason=str(decision.reason),
                floor=decision.floor,
                previous=decision.previous,
                baseline=decision.baseline,
                apply=decision.apply,
                message=decision.message,
            )

    def _write_all(self, rounds: Sequence[TargetRound], memory: Memory, now: float, deadline: float) -> Refusals:
        """All floors and targets; what was refused for good."""
        refused: Refusals = {}
        late: list[str] = []
        for each in _in_turn(rounds, memory):
            if self.stopwatch() >= deadline:
                late.append(each.decision.key)
            elif said := self._carry_out(each.target, each.decision, memory, now):
                refused[each.decision.key] = said
        memory.left_out = tuple(late)
        if late:
            problem = "no time to write to them"
            self.telemetry.log("round.cut_short", logging.WARNING, targets=len(late), problem=problem)
        return refused

    def _tell(
        self,
        rounds: Sequence[TargetRound],
        refused: Refusals,
        memory: Memory,
        now: float,
        deadline: float,
    ) -> None:
        """What is news, as Events, as far as number and time of a round allow: refused writes first, then whom the last
        round had no room for. Tenants take turns, so that those who always have news do not silence the others."""
        until, told = min(self.stopwatch() + EVENT_SECONDS, deadline), 0
        left: list[str] = []
        by_key = {each.decision.key: each for each in rounds}
        for key in sorted(in_turn(by_key, memory.untold), key=lambda key: key not in refused):
            if not self.leases.holds(by_key[key].target.uid):  # lost during the round
                continue
            for say in self._news(by_key[key], refused.get(key, {}), memory, now):
                if told >= EVENTS_A_ROUND or self.stopwatch() >= until:
                    left.append(key)
                    break
                told += say()
        memory.untold = tuple(left)
        if left:
            self.telemetry.log("events.left", logging.WARNING, told=told, targets=len(left))

    def _news(
        self, each: TargetRound, refused: Mapping[str, str], memory: Memory, now: float
    ) -> list[Callable[[], bool]]:
        target, policy, say = each.target, each.workload.policy, self.events.say
        news: list[Callable[[], bool]] = []
        news += [partial(say, target, reason, said, now, warning=True) for reason, said in refused.items()]
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
        if not self.events.say(each.target, "Measured", text, now, value=crc32(text.encode(errors="replace"))):
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

    def _carry_out(self, target: Target, decision: Decision, memory: Memory, now: float) -> dict[str, str]:
        """Floor and target of one, in an order in which no moment has a raised target without the floor for it: the
        target goes back before the floor may go down, and up after the floor stands. What the API refused for good, by
        the reason of its Event."""
        actuator, key, share = self.actuators[target.kind], target.key, decision.utilization
        refused: dict[str, str] = {}

        def fill() -> bool:
            done, said = self._write(target, lambda: actuator.fill(target, share), memory.fixed, memory, now)
            if said:
                refused["TargetRefused"] = f"{said}; {LET_THROUGH}"
            return done

        def floor() -> bool:
            if not decision.restore:
                return actuator.write(target, decision.floors)
            actuator.restore(target)
            return True

        back = _goes_back(target, decision)
        if back:
            memory.fixed.pop(key, None)  # what gives back is tried in each round
            if not fill() and decision.change < 0:
                return refused
        acts = decision.restore or decision.plan is not None or decision.change != 0 or bool(decision.split)
        if decision.apply and acts:
            stands, said = self._write(target, floor, memory.backoff, memory, now)
            if said:
                refused["WriteRefused"] = said
            if stands and share is not None and not back:
                fill()
        return refused

    def _write(
        self, target: Target, write: Callable[[], bool], backoff: dict[str, Backoff], memory: Memory, now: float
    ) -> tuple[bool, str]:
        """Whether the object is now as it should be, and what the API said if it refused that for good."""
        key = target.key
        before = backoff.get(key)
        if (before is not None and now < before.until) or not self.may_write(now):
            return False, ""
        try:
            with self.leases.writing(target.uid) as allowed:
                if not allowed:
                    return False, ""
                wrote = write()
        except ClusterError as error:
            self.telemetry.wrote("conflict" if error.status == 409 else "failed")
            self.telemetry.log("write.failed", logging.WARNING, target=key, problem=str(error))
            if error.status in (403, 404, 422):
                pause = BACKOFF_SECONDS[0] if before is None else min(2 * before.pause, BACKOFF_SECONDS[1])
                backoff[key] = Backoff(now + pause, pause)
                return False, str(error)
            if error.status != 409:
                memory.unanswered.add(key)
        except Exception:  # a fault of ours in one write must not end the round for everybody after it
            self.telemetry.wrote("failed")
            self.telemetry.fault("write.failed", target=key)
        else:
            if wrote:
                self.telemetry.wrote("done")
            backoff.pop(key, None)
            memory.unanswered.discard(key)
            return True, ""
        return False, ""


def _goes_back(target: Target, decision: Decision) -> bool:
    """Whether its scaler's target is to be lower than what we have made it."""
    raised = target.lever.raised
    if raised is None or decision.restore or decision.reason is Reason.REFUSED:
        return False
    return decision.utilization is None or decision.utilization < raised


def _in_turn(rounds: Sequence[TargetRound], memory: Memory) -> list[TargetRound]:
    """Those to be written to. Tenants take turns; of each come first those that the last round had no time for, then
    raises, then all others. Those whose write got no answer come last of all, so that a webhook that hangs takes only
    what time the others leave. (Raises of all before everything else would let a tenant that always has some keep the
    others' floors up for ever.)"""
    by_key = {
        each.decision.key: each for each in rounds if each.decision.apply or _goes_back(each.target, each.decision)
    }
    raises_first = sorted(by_key, key=lambda key: by_key[key].decision.change <= 0)
    turns = in_turn(raises_first, memory.left_out)
    return [by_key[key] for key in sorted(turns, key=lambda key: key in memory.unanswered)]
