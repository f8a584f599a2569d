"""What a kind of target is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ahpa.adapters.kubernetes.api import KubeApi
from ahpa.adapters.kubernetes.concern import Concern
from ahpa.ports import Actuator
from ahpa.reactive.hpa.config import HpaConfig
from ahpa.reactive.kpa.config import KpaConfig
from ahpa.targets import Target


def nobody_says(target: Target) -> KpaConfig | HpaConfig | None:
    """Of a kind whose scaler is not known exactly."""
    return None


class MakeActuator(Protocol):
    """How the actuator of a kind is made."""

    def __call__(self, kube: KubeApi, namespace: str | None = None, concerns: Concern = ..., /) -> Actuator:
        """Of the objects in a namespace (None: in all) that concern the asker; else of those that carry an annotation
        of ours."""
        ...


@dataclass(frozen=True)
class Kind:
    """One kind of target. Each is defined beside its actuator and listed in `kinds.py`."""

    name: str
    """How options, keys and metrics call it: `hpa`."""
    title: str
    """How people call it: `HPA`."""
    actuator: MakeActuator
    demand: str
    """In words: what is measured, where the owner does not say."""
    capacity: str
    """In words: what one replica serves, where the owner does not say."""
    scaler: Callable[[Target], KpaConfig | HpaConfig | None] = nobody_says
    """How the autoscaler above the floor is configured, of a target as its actuator listed it; None: nobody knows. Its
    bounds are those in force, not the owner's."""
