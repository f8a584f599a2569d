"""What we set on Revisions, annotation by annotation, and our record on their Service of what the owner had."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ahpa.adapters.kubernetes.api import Object
from ahpa.adapters.kubernetes.objects import annotations_of, only_raised, whole
from ahpa.core.policy.values import STATE, TARGET_STATE
from ahpa.reactive.kpa.config import GROUP

MIN_SCALE = GROUP + "min-scale"
TARGET_PERCENTAGE = GROUP + "target-utilization-percentage"

Record = Mapping[str, str | None]
"""By Revision: the annotation that its owner had; None: it had none."""


def percentage(text: object) -> float | None:
    """1 to 100, as Knative takes them, or None."""
    try:
        value = float(text) if isinstance(text, str) and len(text) <= 16 and text.isascii() else math.nan
    except ValueError:
        return None
    return value if 1 <= value <= 100 else None


@dataclass(frozen=True)
class Kept:
    """One annotation that we only ever raise."""

    annotation: str
    record: str
    """The annotation of the Service that has our record."""
    read: Callable[[object], float | None]
    """What a value says; None: nothing that could be the owner's."""

    def recorded(self, service: Object) -> dict[str, str | None]:
        """Our record; what is none of ours is left out."""
        text = annotations_of(service).get(self.record)
        if text is None or len(text) > 4096:
            return {}
        try:
            parsed = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        if not isinstance(parsed, dict):
            return {}
        return {k: None if v is None else str(v) for k, v in parsed.items() if v is None or self._said(v) is not None}

    def held(self, revision: Object, state: Record) -> bool:
        """True if the Revision's value is ours; a user's edit takes it away from us, and then it is theirs."""
        name = revision["metadata"]["name"]
        if name not in state:
            return False
        own, here = self._said(state[name]) or 0, self._said(annotations_of(revision).get(self.annotation)) or 0
        return only_raised(revision, own, here, "metadata", "annotations", self.annotation)

    def own(self, revision: Object, state: Record) -> str | None:
        """What its owner has; None where there is no such annotation (the cluster's default then rules)."""
        if self.held(revision, state):
            return state[revision["metadata"]["name"]]
        value = annotations_of(revision).get(self.annotation)
        return None if value is None else str(value)

    def _said(self, value: object) -> float | None:
        return None if value is None else self.read(str(value))


MINIMUM = Kept(MIN_SCALE, STATE, whole)
TARGET = Kept(TARGET_PERCENTAGE, TARGET_STATE, percentage)


def record_of(state: Record) -> str | None:
    """As it is written on the Service; None: there is nothing to remember."""
    return json.dumps(state, sort_keys=True, separators=(",", ":")) if state else None


def owners(revision: Object, minima: Record, targets: Record) -> dict[str, str]:
    """The annotations of a Revision as its owner has them."""
    annotations = dict(annotations_of(revision))
    for kept, state in ((MINIMUM, minima), (TARGET, targets)):
        if kept.held(revision, state):
            own = kept.own(revision, state)
            annotations.pop(kept.annotation, None)
            annotations |= {} if own is None else {kept.annotation: own}
    return annotations
