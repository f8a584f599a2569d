"""Kubernetes Events on the target: one sentence per new finding, not one per tick."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from ahpa.adapters.kubernetes.api import Kube, KubeError, collection, path
from ahpa.adapters.kubernetes.target import Target
from ahpa.core.decision import Decision, Reason

REPEAT_SECONDS = 900.0
_WARNINGS = frozenset(
    {Reason.NO_RECENT_DATA, Reason.INVALID_POLICY, Reason.NO_CAPACITY, Reason.REFUSED, Reason.FLEET_FROZEN,
     Reason.TOO_MANY_REPLICAS}
)  # fmt: skip
_SILENT = frozenset({Reason.OFF, Reason.DESIRED_WITHIN_RANGE, Reason.TOO_FEW_REPLICAS, Reason.SETTLING})


@dataclass
class Events:
    """Writes Events; remembers (uid, reason, floor) so that the same one is not repeated for a quarter of an hour."""

    kube: Kube
    instance: str
    _told: dict[tuple[str, str, int], float] = field(default_factory=dict)

    def tell(self, target: Target, decision: Decision, now: float) -> bool:
        """Write the Event of a decision if it says something new. False: not needed, or the API refused it."""
        return decision.reason not in _SILENT and self.say(
            target, decision.reason, decision.message, now, decision.floor, decision.reason in _WARNINGS
        )

    def say(self, target: Target, reason: str, message: str, now: float, value: int = 0, warning: bool = False) -> bool:
        mark = (target.reference["uid"], reason, value)
        if now - self._told.get(mark, -1e18) < REPEAT_SECONDS:
            return False
        self._told = {m: at for m, at in self._told.items() if now - at < REPEAT_SECONDS}
        self._told[mark] = now
        stamp = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        body = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"generateName": f"{target.name[:200]}-", "namespace": target.namespace},
            "eventTime": stamp,
            "type": "Warning" if warning else "Normal",
            "reason": reason,
            "action": "SetFloor",
            "note": message.encode()[:1000].decode(errors="ignore"),  # the API counts bytes, and refuses over 1024
            "regarding": dict(target.reference),
            "reportingController": "ahpa.dev/ahpa",
            "reportingInstance": self.instance[:128],
        }
        try:
            self.kube.create(path(*collection("events.k8s.io/v1", "events", target.namespace)), body)
        except KubeError:
            return False  # an Event is a courtesy; the log and the metrics hold the same sentence
        return True
