"""What a round of decisions may depend on, and nothing else: the input of `controller.step`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ahpa.core.capacity import Part
from ahpa.core.policy.values import Parsed
from ahpa.core.quality import UNTRIED, Quality
from ahpa.core.readiness import Readiness
from ahpa.core.setting import DEFAULT_SETTING, NO_LEVER, Lever, Setting
from forecasting.forecast import Outlook


@dataclass(frozen=True)
class Limits:
    """What the operator allows, whatever a forecast says."""

    cap: int = 100
    """No floor above this."""
    raise_ratio: float = 1.0
    raise_least: int = 4
    """Per tick a floor rises at most to present + max(raise_least, raise_ratio * present). It replaces the
    HPA's `behavior.scaleUp`, which a raised minReplicas bypasses."""
    stale_seconds: float = 300.0
    """Data older than this are stale."""
    hold_seconds: float = 900.0
    """Stale data hold the floor this long; then it decays."""
    follow_seconds: float = 21_600.0
    """What was foreseen at the newest data counts for so long after them: a floor may rise to it, and decays no lower.
    0: not at all once a hold is over."""
    decay_ratio: float = 0.1
    """Share of the floor that decays per tick (at least one replica)."""
    coverage: float = 0.9
    """Less of the last hour observed than this is partial data: may raise, may not lower."""
    freeze_ratio: float = 0.3
    freeze_least: int = 5
    """More than this share (and at least so many) of the services went bad: nothing is lowered (`trust.py`: where)."""
    skew_seconds: float = 30.0
    """Our clock and a server's may differ so much; beyond it nothing is lowered."""
    unseen_ratio: float = 3.0
    """A peak beyond so many times the largest demand ever seen is believed only that far."""
    budget: int = 500
    """Replicas added per tick, over all services together."""


@dataclass(frozen=True, eq=False)
class Workload:
    """One service, as the cluster and its metrics show it at this tick."""

    key: str
    """`knative/<namespace>/<name>` or `hpa/<namespace>/<name>`: the forecast's key too."""
    policy: Parsed
    baseline: int
    """The owner's own minimum; 0 where none is set."""
    floor: int
    """The minimum in force now."""
    ready: int
    present: int
    """Replicas that are ready or have been asked for."""
    per_replica: float | None
    """Demand that one replica serves at target, in the demand's unit; None where nobody said or what was said does not
    fit."""
    readiness: Readiness
    observed_until: float
    """Unix seconds: the end of the newest observed step, or when we began to look if none was seen since."""
    coverage: float = 1.0
    """Share of the last hour's steps that were observed."""
    maximum: int | None = None
    """The owner's own maximum; None where none is set."""
    setting: Setting = DEFAULT_SETTING
    """What the owner's late-target needs, from the service's own past."""
    late: float | None = None
    """Of its requests, the share that was late lately while its floor followed one of our settings; None: not known."""
    utilization: float | None = None
    """Share of its slots to which the scaler above the floor fills a replica; None: not known."""
    lever: Lever = NO_LEVER
    """The scaler's target, which may be raised while the forecast is trusted."""
    managed: bool = False
    """True: the object carries a baseline that we recorded, so there is something to restore."""
    refusal: str | None = None
    """Why this object must not be written to, whatever its owner asks."""
    doubt: str | None = None
    """Why its newest data must not be lowered on, however fresh and complete they are; None: no such doubt."""
    doubted_since: float | None = None
    """Unix seconds of the first round, of all since, in which there was nothing to go by: the hold counts from there.
    None: there is something, or nobody keeps count, and the age of the data stands in for it."""
    was_trusted: bool = True
    """Its data have been good enough to lower on before; a newcomer's have not."""
    parts: tuple[Part, ...] = ()
    """Where it has more than one: shares, capacities and bounds; `per_replica` is then their mean."""
    unit: str | None = None
    """What demand and capacity count, in the words beside a number; empty: nobody said. None: it was not recorded (in a
    journal of before there were units), and sentences are as they were then."""
    assumed: tuple[str, ...] = ()
    """What a plan takes for granted, in words."""
    no_capacity: str = ""
    """Why `per_replica` is None, in words."""
    quality: Quality = UNTRIED
    """How its forecasts did lately, beside reacting alone."""
    unread: str | None = None
    """Why this round could not read its demand, in words; None: it could."""
    never: str = ""
    """What was asked for and gave no data ever, in words; empty: some were seen."""

    @property
    def tenant(self) -> str:
        """Its namespace; empty for a service that has none."""
        parts = self.key.split("/")
        return parts[1] if len(parts) == 3 else ""


@dataclass(frozen=True, eq=False)
class Observation:
    """All that a round of decisions may depend on."""

    now: float
    tick_seconds: float
    workloads: tuple[Workload, ...]
    outlooks: Mapping[str, Outlook]
    """By workload's key; one that is missing has no forecast yet."""
    limits: Limits = Limits()
    settled: bool = True
    """False in the first round after a start."""
    frozen: bool | None = None
    """Whether nothing may be lowered, where more is known of the fleet than these workloads; None: they are the
    fleet."""
    allowances: Mapping[str, int] | None = None
    """By workload's key: the replicas that the cluster's budget lets it add, where more is known than these workloads
    show; one that is missing may add what it wants. None: they share `limits.budget`."""
    skew: float = 0.0
    """Seconds that our clock is ahead of the servers' (negative: behind); where they differ, the worst."""

    def outlook(self, key: str) -> Outlook | None:
        """What the forecast says of one workload; None if there is no forecast or it does not know it."""
        return self.outlooks.get(key)
