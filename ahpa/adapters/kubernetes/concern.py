"""Which of the listed objects are looked at."""

from __future__ import annotations

from collections.abc import Callable

from ahpa.adapters.kubernetes.api import Object
from ahpa.core.policy.values import AHPA_STRATEGY, PREFIX

Concern = Callable[[Object], bool]
"""Whether a listed object is looked at."""


def concerns_us(item: Object) -> bool:
    """The usual one: it carries any annotation that is ours to read, or what cannot be told."""
    noted = item["metadata"].get("annotations")
    if not isinstance(noted, dict):
        return noted is not None
    return any(key.startswith(PREFIX) or key == AHPA_STRATEGY for key in noted)
