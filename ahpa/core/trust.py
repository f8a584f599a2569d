"""Whether the data behind a plan may be lowered on: service by service, and the fleet as a whole.

Missing is not zero: what is stale, partial or unknown may raise a floor and never lower it. And when many services go
bad at once it is more likely that we see badly than that all of them changed. Who never had good data has not gone bad,
and no tenant can keep another's floors up: a tenant is frozen by its own services, or by those of several others.
"""

from __future__ import annotations

from collections import Counter

from ahpa.core.decision import Reason
from ahpa.core.observation import Limits, Observation, Workload
from forecasting.forecast import Outlook


def distrust(
    observed_until: float, coverage: float, outlook: Outlook | None, now: float, limits: Limits, doubt: bool = False
) -> Reason | None:
    """Why one service's data are not to be lowered on, or None. See `Workload` for the first two and for `doubt`."""
    if now - observed_until > limits.stale_seconds:
        return Reason.NO_RECENT_DATA
    if outlook is None or outlook.reason is not None:
        return Reason.NO_FORECAST
    if coverage < limits.coverage:
        return Reason.PARTIAL_DATA
    return Reason.DOUBTFUL_DATA if doubt else None


def distrusted(workload: Workload, observation: Observation) -> Reason | None:
    """`distrust` of one workload in a round. Where that read nothing, how much was observed is not known at all."""
    if workload.unread is not None:
        return Reason.NO_RECENT_DATA
    return distrust(
        workload.observed_until,
        workload.coverage,
        observation.outlook(workload.key),
        observation.now,
        observation.limits,
        workload.doubt is not None,
    )


def freezes(trusted: int, bad: int, limits: Limits) -> bool:
    """Whether so many of those who were trusted went bad that nothing may be lowered.

    Of 20 services 6 that went bad still release, 7 do not (0.3 of 20 is 6); of 4 all may be bad (at least 5).
    """
    return bad >= limits.freeze_least and bad > limits.freeze_ratio * trusted


def frozen_tenants(observation: Observation) -> frozenset[str]:
    """The tenants whose floors must not be lowered: what the observation says of all, or else what follows from its own
    workloads.

    A tenant is frozen if too many of its own services went bad, or too many of the fleet's, also when any one other
    tenant is left out: a single tenant's exporter that breaks is that tenant's misfortune.
    """
    tenants = frozenset(w.tenant for w in observation.workloads)
    if observation.frozen is not None:
        return tenants if observation.frozen else frozenset()
    trusted: Counter[str] = Counter()
    bad: Counter[str] = Counter()
    for workload in observation.workloads:
        if not _wants_plan(workload):
            continue
        gone = distrusted(workload, observation) is not None
        if workload.was_trusted or not gone:
            trusted[workload.tenant] += 1
            bad[workload.tenant] += gone
    limits, everybody, all_bad = observation.limits, trusted.total(), bad.total()
    fleet = freezes(everybody, all_bad, limits)
    # Those without whom the fleet is well enough: that they went bad is no sign of anything for others.
    alone = {t for t in tenants if fleet and not freezes(everybody - trusted[t], all_bad - bad[t], limits)}

    def frozen(tenant: str) -> bool:
        return freezes(trusted[tenant], bad[tenant], limits) or (fleet and alone <= {tenant})

    return frozenset(filter(frozen, tenants))


def _wants_plan(workload: Workload) -> bool:
    policy = workload.policy
    return policy.requested and policy.policy.mode != "off" and not policy.problems and workload.refusal is None
