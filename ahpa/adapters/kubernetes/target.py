"""What every kind of target offers to the service: find it, write its floor, give back what its owner had."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ahpa.core.policy.values import AHPA_STRATEGY, PREFIX


@dataclass(frozen=True)
class Target:
    """One annotated object and the facts around it, as listed at one moment."""

    kind: str
    """`knative` or `hpa`."""
    namespace: str
    name: str
    annotations: Mapping[str, str]
    reference: Mapping[str, str]
    """apiVersion, kind, name, namespace, uid: what an Event regards."""
    baseline: int
    floor: int
    ready: int
    present: int
    maximum: int | None
    per_replica: float | None
    managed: bool
    selector: str
    """Label selector of its pods; empty if unknown."""
    refusal: str | None = None
    handle: Any = None
    """The adapter's own: the listed objects that it will write to."""

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"


class Actuator(Protocol):
    """The contract that every kind of target passes (tests/contracts)."""

    def targets(self) -> list[Target]:
        """All objects that carry an annotation of ours. Raises KubeError; never a part of them."""
        ...

    def write(self, target: Target, floor: int) -> None:
        """Make `floor` the minimum, the owner's own recorded first; nothing to change writes nothing.

        Raises KubeError; 409: the object changed meanwhile.
        """
        ...

    def restore(self, target: Target) -> None:
        """Put back exactly what the owner had and remove our record. Raises KubeError."""
        ...


def concerns_us(annotations: Mapping[str, str]) -> bool:
    """True if the object carries any annotation that is ours to read."""
    return any(key.startswith(PREFIX) or key == AHPA_STRATEGY for key in annotations)


def whole(text: Any) -> int | None:
    """A non-negative whole number of at most 9 ASCII digits, or None."""
    text = str(text)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None
