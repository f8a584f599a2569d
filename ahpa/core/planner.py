"""From what is coming to how many replicas must exist now: pure arithmetic on an `Outlook`."""

from __future__ import annotations

from dataclasses import dataclass

from ahpa.core.capacity import Part, replicas
from ahpa.core.known.knowledge import NO_LIFT, Known, Said
from ahpa.core.readiness import Readiness
from ahpa.core.setting import Rule, Setting
from forecasting.forecast import Outlook

LAG_LEVEL = 0.9
"""Plan for this quantile of the readiness lag. The demand quantile already holds the margin; a higher lag
level would stack a second one on it (docs/decisions/0005-lag-level.md)."""


Leads = tuple[tuple[int | None, float], ...]
"""(last replica of a tier, seconds), tier by tier, as `Readiness.leads`."""
NOTHING = Known()


def leads_of(readiness: Readiness, lead_seconds: float | None, tick_seconds: float) -> Leads:
    """From now to when a replica that is not asked for in this round, but in the next, would be ready; `lead_seconds`
    stands in for the learned lag of all replicas, where the owner gave one."""
    leads: Leads = ((None, lead_seconds),) if lead_seconds is not None else readiness.leads(LAG_LEVEL)
    return tuple((last, lag + tick_seconds) for last, lag in leads)


@dataclass(frozen=True)
class Plan:
    """The floor that the forecast asks for, before bounds and ramps, and the numbers behind it."""

    floor: int
    """Replicas that must be there or be on their way now."""
    protected: int
    """Replicas at or above `floor` that are worth keeping: those that the floor in force holds and those that are
    starting, while the demand that would need them has not become improbable."""
    peak: float
    """Demand at the setting's level of the peak that decided."""
    setting: Setting
    window_seconds: float
    """From now to the end of the window that decided."""
    lift: Said = NO_LIFT
    """What is planned within it; it is in `peak`."""

    @property
    def level(self) -> float:
        return self.setting.level


@dataclass(frozen=True)
class Supply:
    """What a service has, and what a further replica would bring and when."""

    per_replica: float
    """Demand that one replica serves at target."""
    readiness: Readiness
    ready: int = 0
    present: int = 0
    """Replicas that are ready or have been asked for."""
    floor: int = 0
    """The floor in force."""
    parts: tuple[Part, ...] = ()
    """Where there is more than one, each is served by its own replicas, and `per_replica` is their mean."""
    utilization: float = 1.0
    """Share of its slots to which the scaler above the floor fills a replica; 1 where that is not known."""
    own_fill: float | None = None
    """The same where the scaler's target may be raised, as of its `Lever`."""

    def needs(self, demand: float) -> int:
        """Replicas that serve so much."""
        if not self.parts:
            return replicas(demand, self.per_replica)
        return sum(part.needs(demand) for part in self.parts)

    def wanted(self, setting: Setting, peak: float, lift: float = 1.0) -> int:
        """Replicas that a setting wants for a peak that a plan has lifted. A constant floor is as many as serve some
        demand, so that in a rollout each part has its share of it; and as it was found on usual days, the peak of an
        event counts beside it."""
        if setting.rule is Rule.CONSTANT:
            constant = self.needs(setting.replicas * self.per_replica * lift)
            return max(constant, self.needs(peak)) if lift > 1 else constant
        return self.needs(setting.padded(peak, self.utilization, self.own_fill))


def plan(
    outlook: Outlook,
    supply: Supply,
    setting: Setting,
    now: float,
    tick_seconds: float,
    lead_seconds: float | None = None,
    known: Known = NOTHING,
) -> Plan:
    """floor(now) = max { k : the peak over [now, now + lag(k) + tick] needs k replicas }.

    Each replica has its own lead: with 3 on warm nodes (20 s) and the rest on new ones (360 s), a peak of
    5 replicas that comes in 4 minutes asks for 5 now, one of 3 that comes in 4 minutes asks for none yet.

    `lead_seconds`: see `leads_of`. A peak is lifted by what is `known` to be planned within its window.

    What a peak needs is the setting's to say; a constant floor needs what it is.

    The window is measured from the forecast's origin, so what has already passed since then is in it too.

    What is held is let go later than it is asked for: only when the demand that would need it has become improbable,
    at half of the accepted miss, level (1 + q) / 2. Else a peak that wavers around a replica's boundary moves the floor
    each minute, and each time a replica that took minutes to start is thrown away. The same holds for replicas that are
    not ready yet (`present - ready` of them): reactive scalers withdraw them, which starves a service whose starts take
    longer than its noise.
    """
    age = max(0.0, now - outlook.origin)
    windows = leads_of(supply.readiness, lead_seconds, tick_seconds)
    lifts = tuple(known.lift(now, now + seconds) for _, seconds in windows)
    floor, peak, seconds, lift = _need(outlook, supply, setting, setting.level, age, windows, lifts)
    held = max(supply.floor, supply.present if supply.present > supply.ready else 0)
    protected = floor
    if held > floor:
        likely, *_ = _need(outlook, supply, setting, (1 + setting.level) / 2, age, windows, lifts)
        protected = max(floor, min(held, likely))
    return Plan(floor, protected, peak, setting, seconds, lift)


def _need(
    outlook: Outlook,
    supply: Supply,
    setting: Setting,
    level: float,
    age: float,
    windows: Leads,
    lifts: tuple[Said, ...],
) -> tuple[int, float, float, Said]:
    """(replicas, the peak that asks for them, its window in seconds, what is planned in it) of the tier that needs the
    most."""
    found, below = [], 0
    for (last, seconds), lift in zip(windows, lifts, strict=True):
        peak = outlook.peak(age + seconds, level) * lift.value
        found.append((in_tier(supply.wanted(setting, peak, lift.value), below, last), peak, seconds, lift))
        below = last or below
    return max(found, key=lambda each: each[0])


def in_tier(need: int, below: int, last: int | None) -> int:
    """How far a need reaches into the tier that holds replicas `below + 1 .. last`; 0 if not at all."""
    if need <= below:
        return 0
    return need if last is None else min(need, last)
