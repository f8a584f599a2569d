"""The independent reader: what became of the floors, by the API server's own log, held against what was broken when and
what the process that wrote had seen itself."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.manifests.account import HOME
from tests.testbed.chaos.befallen import Outage
from tests.testbed.chaos.replicas import Replica
from tests.testbed.chaos.targets import ALL, MOST, NAMESPACE
from tests.testbed.reading import MIN_SCALE

POD = "authentication.kubernetes.io/pod-name"
STALE_SECONDS = 300.0


@dataclass(frozen=True)
class Write:
    """A patch of a floor that the API server took, or refused."""

    at: float
    pod: str
    key: str
    status: int
    old: int
    new: int
    """The floor before and after; the same where it was refused."""
    manager: str
    versioned: bool


@dataclass(frozen=True)
class Round:
    """What a process saw and decided of one target."""

    now: float
    trusts: bool
    """By its own journal: data were read, are fresh and whole, and it had settled."""


@dataclass(frozen=True)
class Reign:
    """From when on a pod held the Lease."""

    at: float
    pod: str


def reigns(events: Iterable[Any]) -> list[Reign]:
    """All changes of the holder."""
    found: list[tuple[float, str]] = []
    for event in events:
        about = event.get("objectRef", {})
        ours = about.get("resource") == "leases" and about.get("namespace") == HOME
        if ours and event["verb"] in ("create", "patch", "update") and _status(event) in (200, 201):
            holder = (event.get("responseObject") or {}).get("spec", {}).get("holderIdentity") or ""
            if not found or found[-1][1] != holder:
                found.append((_at(event), holder))
    return [Reign(at, holder.split("_")[0]) for at, holder in found]


def writes(events: Iterable[Any]) -> list[Write]:
    """Of floors, in the order in which they were answered."""
    floors = {each.key: each.own for each in ALL}
    found = []
    for event in events:
        about, asked = event.get("objectRef", {}), event.get("requestObject") or {}
        if event["verb"] != "patch" or about.get("namespace") != NAMESPACE or about.get("subresource"):
            continue
        key, floor = _floor_of(about["resource"], about["name"], event.get("responseObject") or {})
        pod = (event["user"].get("extra") or {}).get(POD, [""])[0]
        if key not in floors or not pod:
            continue
        status, old = _status(event), floors[key]
        new = floor if status == 200 and floor is not None else old
        floors[key] = new
        manager = event["requestURI"].partition("fieldManager=")[2].partition("&")[0]
        versioned = bool(asked.get("metadata", {}).get("resourceVersion"))
        found.append(Write(_at(event), pod, key, status, old, new, manager, versioned))
    return found


def two_leaders(taken: Sequence[Write], led: Sequence[Reign]) -> float:
    """Seconds, at most, between the first write under a Lease and a later one of somebody who held it before."""
    begun = [each.at for each in led]
    first: dict[int, float] = {}
    newest, worst = -1, 0.0
    for write in taken:
        own = [at for at in range(bisect_right(begun, write.at)) if led[at].pod == write.pod]
        reign = own[-1] if own else -1
        first.setdefault(reign, write.at)
        if reign < newest:
            worst = max(worst, write.at - first[newest], 0.001)
        newest = max(newest, reign)
    return worst


def rounds(replicas: Sequence[Replica]) -> dict[tuple[str, str], list[Round]]:
    """By pod and target, in the order of time."""
    found: dict[tuple[str, str], list[Round]] = {}
    for replica in replicas:
        for life in replica.lives:
            for row in life.journal():
                seen = row["workload"]
                fresh = row["now"] - (seen["observedUntil"] or 0.0) <= STALE_SECONDS
                trusts = seen["unread"] is None and fresh and row["settled"] and not row["frozen"]
                found.setdefault((replica.name, seen["key"]), []).append(Round(row["now"], trusts))
    return found


def broken(write: Write, seen: Sequence[Round], blind: Sequence[Outage]) -> list[str]:
    """The promises that a write breaks: of its target and its pod these rounds were `seen`; while `blind` nobody could
    read a demand."""
    own = next(each.own for each in ALL if each.key == write.key)
    at = bisect_right([each.now for each in seen], write.at) - 1
    by = seen[at] if at >= 0 else Round(0.0, False)
    lowers = write.new < write.old
    said = {
        "I1 below its owner's minimum": write.new < own,
        "I2 above its maximum": write.new > MOST,
        "I3 lowered on what it did not trust itself": lowers and not by.trusts,
        "I3 lowered while nothing could be read": lowers
        and any(each.began <= by.now and write.at <= each.ended for each in blind),
        "I4 raised too far at once": write.new > 2 * max(write.old, 1) + 4,
        "I6 not by our manager": write.manager != "ahpa",
        "I6 without resourceVersion": not write.versioned,
    }
    return [f"{what}: {write} by {by}" for what, so in said.items() if so]


def _floor_of(resource: str, name: str, after: Any) -> tuple[str, int | None]:
    meta = after.get("metadata") or {}
    if resource == "revisions":
        floor = (meta.get("annotations") or {}).get(MIN_SCALE)
        return f"knative/{NAMESPACE}/{name.removesuffix('-00001')}", int(floor or 0) if meta else None
    if resource == "horizontalpodautoscalers":
        floor = (after.get("spec") or {}).get("minReplicas")
        return f"hpa/{NAMESPACE}/{name}", floor
    return "", None


def _status(event: Any) -> int:
    return int((event.get("responseStatus") or {}).get("code", 0))


def _at(event: Any) -> float:
    return datetime.fromisoformat(event["stageTimestamp"]).timestamp()
