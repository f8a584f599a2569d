"""The pictures of a service's page: drawn one at a time, kept for the minute."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ahpa.render.life import Life, life, numbers
from ahpa.site.once import Once
from ahpa.site.views import Ahead, Numbers, Past, ServiceDetail
from forecasting.panel import DAY_SECONDS, Floats

KEPT = 32
"""Pairs of pictures, some 60 KiB each."""
BEHIND_SECONDS = DAY_SECONDS / 2
_NO_PAST = Past(0.0, 1.0, (), (), (), (), ())
_NO_AHEAD = Ahead(0.0, 1.0, (), (), (), (0.0, 0.0, 0.0), (), "")


@dataclass(frozen=True)
class Drawn:
    """Two pictures as `<svg>` elements."""

    now: str
    """The last twelve hours and what is foreseen."""
    week: str


class Pictures:
    """Any thread may ask; a picture takes a core for a third of a second."""

    def __init__(self) -> None:
        self._kept = Once[Drawn](KEPT)

    def of(self, detail: ServiceDetail) -> Drawn | None:
        """None: there is nothing to draw, or nothing to draw it with."""
        at = detail.standing.at
        if at is None or (detail.past is None and detail.ahead is None):
            return None
        try:
            return self._kept.of(detail.service.key, at // 60, lambda: _drawn(detail, at))
        except ImportError:  # there is no matplotlib
            return None


def _drawn(detail: ServiceDetail, now: float) -> Drawn:
    whole = life_of(detail)
    ends = now + DAY_SECONDS if len(whole.ahead_at) else now
    return Drawn(
        life(whole, now - BEHIND_SECONDS, ends, now),
        life(whole, now - 7 * DAY_SECONDS, now, now),
    )


def life_of(detail: ServiceDetail) -> Life:
    """A view as what is drawn."""
    past, ahead = detail.past or _NO_PAST, detail.ahead or _NO_AHEAD
    return Life(
        at=_times(past, past.demand),
        demand=numbers(past.demand),
        floor=numbers(past.floor),
        ready=numbers(past.ready),
        peak=numbers(past.peak),
        short=numbers(past.short),
        ahead_at=_times(ahead, ahead.median),
        low=numbers(ahead.low),
        median=numbers(ahead.median),
        high=numbers(ahead.high),
        planned=numbers(ahead.floor),
        per_replica=detail.per_replica,
        unit=detail.service.unit,
    )


def _times(view: Past | Ahead, values: Numbers) -> Floats:
    return view.start + view.step_seconds * np.arange(len(values))
