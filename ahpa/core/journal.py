"""A decision and all that it depended on as one JSON object, and back: what `ahpa replay` needs, and no more.

Numbers survive exactly (Python's float repr round-trips), so a replay through unchanged code agrees bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ahpa.core.capacity import Part
from ahpa.core.controller import allowed_in, step
from ahpa.core.decision import Decision
from ahpa.core.known.wall import zone_named
from ahpa.core.observation import Limits, Observation, Workload
from ahpa.core.policy.rules import parse_policy
from ahpa.core.policy.values import Parsed, Policy
from ahpa.core.quality import Quality
from ahpa.core.readiness import Lag, Readiness, Tier
from ahpa.core.setting import Lever, Record, Rule, Setting
from ahpa.core.trust import frozen_tenants
from forecasting.forecast import Outlook
from forecasting.panel import frozen as read_only

API_VERSION = "ahpa/v1"


class JournalError(ValueError):
    """A line that is not a journal entry; the message says what is wrong with it."""


@dataclass(frozen=True, eq=False)
class Entry:
    """One decision with its inputs."""

    now: float
    tick_seconds: float
    limits: Limits
    frozen: bool
    settled: bool
    workload: Workload
    outlook: Outlook | None
    decision: Mapping[str, object]
    """As it was recorded: floor, previous, baseline, apply, reason, message."""
    allowance: int | None = None
    """Replicas that the budget let it add; None: as many as it wanted."""
    skew: float = 0.0

    def replay(self) -> Decision:
        """What today's code decides on the recorded inputs."""
        outlooks = {} if self.outlook is None else {self.workload.key: self.outlook}
        allowances = {} if self.allowance is None else {self.workload.key: self.allowance}
        observation = Observation(
            self.now,
            self.tick_seconds,
            (self.workload,),
            outlooks,
            self.limits,
            self.settled,
            self.frozen,
            allowances,
            self.skew,
        )
        (decision,) = step(observation)
        return decision


def entries(observation: Observation, decisions: Sequence[Decision]) -> Iterator[dict[str, object]]:
    """One JSON-ready object per decision of a round."""
    common = {
        "apiVersion": API_VERSION,
        "kind": "Decision",
        "now": observation.now,
        "tickSeconds": observation.tick_seconds,
        "limits": asdict(observation.limits),
        "settled": observation.settled,
        "skew": observation.skew,
    }
    frozen = frozen_tenants(observation)
    allowed = allowed_in(observation)
    for workload, decision in zip(observation.workloads, decisions, strict=True):
        yield {
            **common,
            "frozen": workload.tenant in frozen,
            "allowance": allowed.get(workload.key),
            "workload": _workload_to_json(workload),
            "outlook": _outlook_to_json(observation.outlook(workload.key)),
            "decision": decision_to_json(decision),
        }


def decision_to_json(decision: Decision) -> dict[str, object]:
    """The part of a decision that a replay compares and a person reads."""
    return {
        "floor": decision.floor,
        "previous": decision.previous,
        "baseline": decision.baseline,
        "apply": decision.apply,
        "reason": str(decision.reason),
        "message": decision.message,
        **({} if decision.utilization is None else {"utilization": decision.utilization}),
    }


def entry_from_json(row: object) -> Entry:
    """The inverse of `entries`, one row. Raises JournalError."""
    if not isinstance(row, dict) or row.get("apiVersion") != API_VERSION or row.get("kind") != "Decision":
        raise JournalError(f"not a decision of {API_VERSION}")
    try:
        return Entry(
            now=float(row["now"]),
            tick_seconds=float(row["tickSeconds"]),
            limits=Limits(**{**_NOBODY_FOLLOWED, **row["limits"]}),
            frozen=bool(row["frozen"]),
            settled=bool(row["settled"]),
            workload=_workload_from_json(row["workload"]),
            outlook=_outlook_from_json(row["outlook"]),
            decision=dict(row["decision"]),
            allowance=None if row.get("allowance") is None else int(row["allowance"]),
            skew=float(row.get("skew", 0.0)),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise JournalError(f"a field is missing or malformed: {type(error).__name__}: {error}") from error


_PLAIN = ("key", "baseline", "floor", "ready", "present", "coverage", "maximum", "managed", "refusal")
_LATER = ("doubt", "doubted_since", "was_trusted", "utilization")
"""Plain too; journals of before do not have them."""
_QUALITY = ("forecast", "reacting", "demand", "judged", "outdone")
"""What a decision depends on; the claim that waits is not."""
_NOBODY_FOLLOWED = {"follow_seconds": 0.0}
"""In journals of before plans were followed."""


def _workload_to_json(workload: Workload) -> dict[str, Any]:
    until = workload.observed_until
    return {
        **{name: getattr(workload, name) for name in (*_PLAIN, *_LATER)},
        "annotations": dict(workload.policy.raw),
        "timeZone": workload.policy.policy.time_zone,
        "requested": workload.policy.requested,
        "problems": list(workload.policy.problems),
        "perReplica": workload.per_replica,
        "observedUntil": until if math.isfinite(until) else None,
        "tiers": [_tier_to_json(tier) for tier in workload.readiness.tiers],
        "setting": asdict(workload.setting),
        "lever": asdict(workload.lever),
        "quality": {name: getattr(workload.quality, name) for name in _QUALITY},
        "parts": [asdict(part) for part in workload.parts],
        "unit": workload.unit,
        "assumed": list(workload.assumed),
        "noCapacity": workload.no_capacity,
        "unread": workload.unread,
        "never": workload.never,
    }


def _tier_to_json(tier: Tier) -> dict[str, object]:
    """As far as a plan depends on it: how starts are told apart is not part of it."""
    return {"name": tier.name, "lag": asdict(tier.lag), "replicas": tier.replicas}


def _workload_from_json(row: Mapping[str, Any]) -> Workload:
    until = row["observedUntil"]
    tiers = tuple(Tier(t["name"], Lag(**t["lag"]), t["replicas"]) for t in row["tiers"])
    return Workload(
        **{name: row[name] for name in _PLAIN},
        **{name: row[name] for name in _LATER if name in row},
        policy=replace(_policy_from_json(row), problems=tuple(row["problems"])),
        per_replica=row["perReplica"],
        readiness=Readiness(tiers),
        observed_until=-math.inf if until is None else float(until),
        setting=_setting_from_json(row),
        lever=Lever(**row.get("lever", {})),
        quality=Quality(**row.get("quality", {})),
        # Journals of before these were written have none of them.
        parts=tuple(Part(**part) for part in row.get("parts", ())),
        unit=row.get("unit"),
        assumed=tuple(row.get("assumed", ())),
        no_capacity=row.get("noCapacity", ""),
        unread=row.get("unread"),
        never=row.get("never", ""),
    )


def _policy_from_json(row: Mapping[str, Any]) -> Parsed:
    """What it asked for, by the operator's clock where it named none; journals of before windows have no clock."""
    zone = row.get("timeZone")
    return parse_policy(row["annotations"], Policy(time_zone=None if zone is None else zone_named(str(zone))))


def _setting_from_json(row: Mapping[str, Any]) -> Setting:
    """Journals of before there were settings have the level of a quantile."""
    said = row.get("setting")
    if said is None:
        return Setting.fill(float(row["level"]))
    record = said.get("record")
    known = {name: said[name] for name in ("level", "replicas", "utilization") if name in said}
    return Setting(Rule(said["rule"]), **known, record=None if record is None else Record(**record))


def _outlook_to_json(outlook: Outlook | None) -> dict[str, Any] | None:
    if outlook is None:
        return None
    peaks = outlook.peaks.tolist() if outlook.reason is None else None
    return {
        "origin": outlook.origin,
        "levels": outlook.levels.tolist(),
        "windows": outlook.windows.tolist(),
        "peaks": peaks,
        "model": outlook.model,
        "reason": outlook.reason,
        "largest": outlook.largest if math.isfinite(outlook.largest) else None,
        "failed": outlook.failed,
    }


def _outlook_from_json(row: Mapping[str, Any] | None) -> Outlook | None:
    if row is None:
        return None
    levels, windows = read_only(row["levels"], float), read_only(row["windows"], float)
    empty = np.full((len(windows), len(levels)), np.nan)
    peaks = read_only(empty if row["peaks"] is None else row["peaks"], float)
    if peaks.shape != empty.shape:
        raise ValueError(f"peaks must be {empty.shape}, got {peaks.shape}")
    largest = math.inf if row.get("largest") is None else float(row["largest"])
    failed = bool(row.get("failed", False))
    return Outlook(float(row["origin"]), levels, windows, peaks, str(row["model"]), row["reason"], largest, failed)
