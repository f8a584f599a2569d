"""Kubernetes Events on the target: one sentence per new finding, not one per tick."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from ahpa.adapters.kubernetes.api import KubeApi, collection, path
from ahpa.core.decision import Decision, Severity
from ahpa.ports import ClusterError
from ahpa.targets import Target

REPEAT_SECONDS = 900.0


@dataclass
class Events:
    """The EventLog of a cluster: remembers (uid, reason, value) so that the same finding is not told again for a
    quarter of an hour."""

    kube: KubeApi
    instance: str
    """Who reports: the pod's name."""
    _told: dict[tuple[str, str, int], float] = field(default_factory=dict)

    def tell(self, target: Target, decision: Decision, now: float) -> bool:
        """Write the Event of a decision if it says something new. False: not needed, or the API refused it."""
        severity = decision.reason.severity
        if severity is Severity.QUIET:
            return False
        warning = severity is Severity.WARNING
        return self.say(target, decision.reason, decision.message, now, decision.floor, warning)

    def say(self, target: Target, reason: str, message: str, now: float, value: int = 0, warning: bool = False) -> bool:
        """Write an Event of any other finding, likewise."""
        mark = (target.reference["uid"], reason, value)
        self._told = {
            m: at for m, at in self._told.items() if 0 <= now - at < REPEAT_SECONDS
        }  # a clock may be set back
        if mark in self._told:
            return False
        self._told[mark] = now
        try:
            stamp = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        except (OverflowError, ValueError, OSError):  # a clock of the year 33,712
            return False
        body = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"generateName": f"{target.name[:200]}-", "namespace": target.namespace},
            "eventTime": stamp,
            "type": "Warning" if warning else "Normal",
            "reason": reason,
            "action": "SetFloor",
            "note": message.encode(errors="replace")[:1000].decode(
                errors="ignore"
            ),  # the API counts bytes, and refuses over 1024
            "regarding": dict(target.reference),
            "reportingController": "ahpa.dev/ahpa",
            "reportingInstance": self.instance[:128],
        }
        try:
            self.kube.create(path(*collection("events.k8s.io/v1", "events", target.namespace)), body)
        except ClusterError:
            return False  # an Event is a courtesy; the log and the metrics hold the same sentence
        return True
