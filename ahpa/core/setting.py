"""What a floor follows, and which of many such settings suits a service: chosen by what each would have done.

There are three rules. *Fill*: the peak at a level, at the share to which the scaler fills replicas; its reserve is the
margin for what happens within a minute. *Slots*: the peak at a level and the square root of it, at full replicas
(square-root staffing; Halfin and Whitt 1981): the scaler above the floor keeps its reserve already, so a second one is
dear, and levels have to be higher. *Constant*: so many replicas always; none is the scaler left alone. No rule wins
everywhere (docs/decisions/0052-settings.md), so each service has its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from ahpa.core.words import percent
from forecasting.panel import Array, Floats

CHOICE_LEVELS = (0.8, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999)
CONSTANT_RATIOS = (0.0, 0.2, 0.35, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.15, 1.3)
"""Of what the largest demand seen needs. The first is no floor at all."""

FILLS = (0.8, 0.9, 1.0)
"""To which the scaler may be told to fill replicas, where that is ours to say and its owner's own target is lower."""
FILLED = 0.7
"""To this share of its slots a scaler fills a replica where nobody knows better: Knative's own."""

_PRICE, _AIM = 0.4, 0.3
"""See `scores`. The price is the one knob: at 0.3 floors are 4 % cheaper, and one service in twenty fewer keeps 0.1 %
(docs/decisions/0052-settings.md)."""
_LOWER_CONSTANTS = 2
"""A constant floor is judged by one so many notches lower: its own record is clean until the day a new peak comes."""


class Rule(StrEnum):
    FILL = "fill"
    SLOTS = "slots"
    CONSTANT = "constant"


@dataclass(frozen=True)
class Record:
    """What a setting would have done lately, and the scaler with no floor at all beside it."""

    days: float
    """So much is on record; what is long ago counts less."""
    late: float
    """Share of the requests."""
    replicas: float
    """On average."""
    alone_late: float
    alone_replicas: float


@dataclass(frozen=True)
class Lever:
    """The second lever of a service: the utilisation target of the scaler above its floor."""

    own: float | None = None
    """Share of its slots to which the owner's own target fills a replica; None: it is not known."""
    raised: float | None = None
    """The share that we have put in its place and that is in force; None: the owner's own is."""
    fixed: str = ""
    """Why it must stay as it is, in words; empty: it may be raised."""

    @property
    def free(self) -> bool:
        """Whether it may be raised, as far as the object goes."""
        return self.own is not None and not self.fixed

    @property
    def fills(self) -> tuple[float, ...]:
        """The shares to which it can be raised."""
        return tuple(fill for fill in FILLS if self.own is not None and fill > self.own + 1e-6)


NO_LEVER = Lever()
FIXED = Lever(fixed="of this kind it cannot be raised")
"""Of a kind of target whose actuator moves no utilisation target."""


@dataclass(frozen=True)
class Setting:
    """What the floor of one service follows."""

    rule: Rule
    level: float
    """Of the peak; of a constant floor the one that is shown beside it."""
    replicas: int = 0
    """Of a constant floor."""
    utilization: float | None = None
    """The second lever: to this share of their slots the scaler is told to fill replicas while the forecast is trusted;
    None: its own target is left alone."""
    record: Record | None = field(default=None, compare=False)
    """None: nothing is on record yet."""

    @staticmethod
    def fill(level: float, utilization: float | None = None) -> Setting:
        return Setting(Rule.FILL, level, utilization=utilization)

    def __str__(self) -> str:
        """In words, as reports have it."""
        filled = "" if self.utilization is None else f", filled to {percent(self.utilization)}"
        if self.rule is Rule.CONSTANT:
            return (f"floor {self.replicas}" if self.replicas else "no floor") + filled
        return f"quantile {self.level:g}" + (" in slots" if self.rule is Rule.SLOTS else "") + filled

    def padded(self, peak: float, utilization: float, own: float | None = None) -> float:
        """The demand that, filled to `utilization`, needs as many replicas as the rule wants for this peak. Where the
        scaler is told to fill them further than its `own` share, fewer do."""
        if self.rule is not Rule.FILL:
            return utilization * (peak + math.sqrt(peak))
        return peak if self.utilization is None or own is None else peak * own / self.utilization


DEFAULT_SETTING = Setting.fill(0.99)
"""Until there is a record to choose by."""


def setting_at(column: int, constants: Array) -> Setting:
    """The setting of one service in a column of `Tryouts`: the levels at the fill, those in slots, the `constants` [c]
    in replicas."""
    rule, level = divmod(column, len(CHOICE_LEVELS))
    if rule < 2:
        return Setting((Rule.FILL, Rule.SLOTS)[rule], CHOICE_LEVELS[level])
    count = constants[column - 2 * len(CHOICE_LEVELS)]
    return Setting(Rule.CONSTANT, DEFAULT_SETTING.level, int(count))


def score(late: float, cost: float, late_target: float) -> float:
    """How well one did; less is better: see `scores`, which says it of many."""
    return math.log(max(cost, 1e-9)) + _PRICE * math.log1p(late / (_AIM * late_target))


def scores(late: Array, cost: Array, late_target: Floats) -> Array:
    """How well each setting did, [n, k]; less is better. `late` [n, k] are shares of the requests, `cost` [n, k]
    replica-hours, `late_target` [n].

    ln(cost) + 0.4 ln(1 + late / (0.3 target)): there is no cliff at the target, so that where none keeps it the price
    of the next late request spared decides, and one lucky day does not choose the cheapest of all. One that is late by
    the target is as good as one that is never late and costs 1.8 times as much.
    """
    constants = np.arange(2 * len(CHOICE_LEVELS), late.shape[1])
    judged = late.copy()
    judged[:, constants] = late[:, np.maximum(constants - _LOWER_CONSTANTS, constants[0])]
    said = np.log(np.maximum(cost, np.float32(1e-9))) + _PRICE * np.log1p(judged / (_AIM * late_target[:, None]))
    return np.asarray(said, np.float32)
