"""What a kind of target is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ahpa.adapters.kubernetes.api import KubeApi
from ahpa.ports import Actuator


@dataclass(frozen=True)
class Kind:
    """One kind of target. Each is defined beside its actuator and listed in `kinds.py`."""

    name: str
    """How options, keys and metrics call it: `hpa`."""
    title: str
    """How people call it: `HPA`."""
    actuator: Callable[[KubeApi, str | None], Actuator]
    """Made from an API server and a namespace; None: all namespaces."""
    demand: str | None
    """The query that `demand: auto` means; None: there is none, so the owner names one."""
    capacity: str
    """In words: what one replica serves, where the owner does not say."""
