"""What an HPA's spec comes to, minute by minute: as the settings are tried above it (core/tryouts.py)."""

from __future__ import annotations

from dataclasses import replace

from ahpa.core.served import HPA, Reaction
from ahpa.reactive.hpa.config import HpaConfig, ScalingPolicy, ScalingRules

TYPICAL = 10
"""A policy of so many pods is taken for their share of so many replicas."""


def reaction_of(config: HpaConfig) -> Reaction:
    """Its tolerance, its window downwards, and how fast its policies let replicas go."""
    known = replace(HPA, tolerance=max(config.tolerances.up, config.tolerances.down))
    if config.down is None:
        return known
    return replace(known, window_minutes=config.down.stabilization_seconds / 60, release=_release(config.down))


def _release(rules: ScalingRules) -> float:
    """Share of the replicas that may go in a minute."""
    if rules.select == "Disabled":
        return 0.0
    shares = [_share(policy) for policy in rules.policies]
    return min(1.0, min(shares) if rules.select == "Min" else max(shares))


def _share(policy: ScalingPolicy) -> float:
    most = policy.value / 100 if policy.kind == "Percent" else policy.value / TYPICAL
    return most * 60 / policy.period_seconds
