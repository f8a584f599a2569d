"""KEDA's ScaledObject (keda.sh/v1alpha1): it stays, and its cron triggers become windows of ours.

A cron trigger is a minimum by the clock, and nothing else; ours begins a lead earlier, so that replicas are ready at
its hour. The triggers stay until ahpa applies its floor: while it only watches, they alone keep the hours.
Source: KEDA v2, apis/keda/v1alpha1/scaledobject_types.go and pkg/scalers/cron_scaler.go.
"""

from __future__ import annotations

import re

from ahpa.core.policy.values import PREFIX
from ahpa.migration.fields import Fields
from ahpa.migration.hpa import moved_metadata
from ahpa.migration.migrated import Migrated, Note, Object, Unmigratable
from ahpa.migration.windows import Bound, as_windows, between

GROUP = "keda.sh"
KIND = "ScaledObject"
_ALL_CLOCKS = "all its triggers are clocks: give it one for its load, for ahpa has nothing to predict by"


def concerns(item: Object) -> bool:
    """Whether it has a trigger that becomes a window. Raises Unmigratable."""
    return any(trigger.text("type") == "cron" for trigger in Fields(item).part("spec").parts("triggers"))


def from_keda(item: Object) -> Migrated:
    """Raises Unmigratable."""
    top = Fields(item)
    meta, spec = top.part("metadata"), top.part("spec")
    triggers = spec.parts("triggers")
    clocks = [_clock(trigger) for trigger in triggers if trigger.text("type") == "cron"]
    for clock in clocks:
        became = f"{PREFIX}windows: {clock.text}; once {PREFIX}mode is apply, take this trigger out"
        clock.said.whole(f"stays: {clock.problem}" if clock.problem else became, needs_you=True)
    if len(clocks) == len(triggers):
        top.notes.append(Note("spec.triggers", "", _ALL_CLOCKS, needs_you=True))
    namespace, name = meta.name("namespace"), meta.name("name")
    if name is None:
        raise Unmigratable("metadata.name is missing")
    noted = meta.part("annotations")
    there, moved = noted.text(f"{PREFIX}windows") or "", as_windows(clocks)
    mode = noted.text(f"{PREFIX}mode")
    ours = {f"{PREFIX}mode": "observe" if mode is None else mode}
    if moved:
        ours[f"{PREFIX}windows"] = _joined(there, moved)
    metadata = moved_metadata(meta, None, ours)
    result = {"apiVersion": item["apiVersion"], "kind": KIND, "metadata": metadata, "spec": spec.node}
    return Migrated(KIND, f"{namespace}/{name}" if namespace else name, tuple(top.notes), result)


def _joined(*texts: str) -> str:
    """The windows of all of them, each once."""
    each = (part.strip() for text in texts for part in re.split(r"[;\r\n]", text))
    return "; ".join(dict.fromkeys(part for part in each if part))


def _clock(trigger: Fields) -> Bound:
    said = trigger.part("metadata")
    replicas = said.text("desiredReplicas") or ""
    if not (replicas.isascii() and replicas.isdigit() and len(replicas) <= 6):
        raise Unmigratable(f"{said.where('desiredReplicas')}: not a whole number as text")
    return Bound(trigger, between(said), said.text("timezone") or "UTC", int(replicas))
