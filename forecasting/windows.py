"""What is predicted: the largest step of a stretch ahead, counted in steps of the grid."""

from __future__ import annotations

import math
from dataclasses import dataclass

PEAK_SECONDS = (60.0, 120.0, 240.0, 480.0, 960.0, 1800.0)
"""Lengths of the windows that begin at the origin and are tracked; others lie between them."""
LEAD_SECONDS = (300.0, 900.0, 3600.0, 10_800.0, 28_800.0, 86_400.0, 172_800.0)
"""How far ahead the single steps lie that are tracked; others lie between them."""
FARTHEST_SECONDS = LEAD_SECONDS[-1]
"""Nothing is learned or calibrated beyond."""
_WAITING = 16
"""So many predictions of one lead wait for their truth, or up to twice as many, spread evenly over the lead."""


@dataclass(frozen=True)
class Window:
    """The largest step in `[lead, lead + width)` steps after the origin; width 1 is a single step."""

    lead: int
    width: int

    @property
    def end(self) -> int:
        """Steps from the origin until its truth is known."""
        return self.lead + self.width

    @property
    def every(self) -> int:
        """Steps from one prediction that is put down to the next. What is said of tomorrow minute by minute errs
        together, and a day of it would be most of a fleet's memory."""
        return max(1, self.lead // _WAITING)


def width_of(seconds: float, step: float) -> int:
    """Steps that a window of `seconds` from the origin touches: one that ends inside a step includes it."""
    return max(1, math.ceil(seconds / step - 1e-9))


def tracked(step: float) -> tuple[Window, ...]:
    """What every model calibrates on a grid of `step` seconds: the windows, then the single steps ahead."""
    widths = sorted({max(1, round(seconds / step)) for seconds in PEAK_SECONDS})
    leads = sorted({max(1, round(seconds / step)) for seconds in LEAD_SECONDS})
    return (*(Window(0, width) for width in widths), *(Window(lead, 1) for lead in leads))


def windows_up_to(seconds: float, step_seconds: float) -> tuple[float, ...]:
    """Window lengths for the whole fleet, growing by a quarter from one step up to at least `seconds`."""
    windows = [step_seconds]
    while windows[-1] < seconds:
        windows.append(math.ceil(windows[-1] * 1.25 / step_seconds) * step_seconds)
    return tuple(windows)
