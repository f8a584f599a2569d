"""What became of an object of another autoscaler: ours, and a note for each of its fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Object = Mapping[str, object]
"""A raw Kubernetes object, or a part of one."""


SAME = "the same"
"""What became of a field that ours has too."""


class Unmigratable(ValueError):
    """What its own system would refuse; the message names the field."""


@dataclass(frozen=True)
class Note:
    """What became of one field."""

    field: str
    """Where it stands, as `spec.prediction.quantile`; or what of ours is missing."""
    said: str
    """What stood there, as text; empty where nothing did."""
    became: str
    needs_you: bool = False
    """No machine can know what is right: a person has to look."""


@dataclass(frozen=True)
class Migrated:
    """One object after its move."""

    kind: str
    name: str
    """With its namespace where it says one: `shop/order`."""
    notes: tuple[Note, ...]
    result: Object | None = None
    """What to apply instead; None: nothing can be, and the notes say why."""
    first: tuple[str, ...] = ()
    """What to do before it is applied, in words or as commands."""

    @property
    def needs_you(self) -> bool:
        return any(note.needs_you for note in self.notes)
