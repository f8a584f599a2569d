"""Small makers of core values, so that a test names only what it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from ahpa.core.observation import Workload
from ahpa.core.policy.rules import parse_policy
from ahpa.core.readiness import Lag, Readiness
from ahpa.core.setting import CHOICE_LEVELS, Setting, setting_at
from forecasting.forecast import Outlook
from forecasting.levels import LEVELS
from forecasting.panel import Array

NOW = 1_700_000_000.0


def outlook_of(peak: float, origin: float = NOW, spread: float = 0.0, reason: str | None = None) -> Outlook:
    """The same peak in every window, growing by `spread` per unit of -ln(1 - level)."""
    levels, windows = np.array(LEVELS), np.array([60.0, 300.0, 900.0, 3600.0])
    row = peak + spread * (-np.log1p(-levels))
    peaks = np.tile(row, (len(windows), 1)) if reason is None else np.full((len(windows), len(levels)), np.nan)
    return Outlook(origin, levels, windows, peaks, "toy", reason)


def candidates(constants: Array) -> list[Setting]:
    """All settings of one service with these constant floors, in the order of the columns of `Tryouts`."""
    return [setting_at(column, constants) for column in range(2 * len(CHOICE_LEVELS) + len(constants))]


def workload_of(annotations: Mapping[str, str] | None = None, **changes: Any) -> Workload:
    """A healthy apply-mode workload with a floor and baseline of 1, 4 units per replica, a lag of 120 s."""
    given: dict[str, Any] = {
        "key": "knative/shop/chat",
        "policy": parse_policy({"ahpa.dev/mode": "apply", **(annotations or {})}),
        "baseline": 1,
        "floor": 1,
        "ready": 1,
        "present": 1,
        "per_replica": 4.0,
        "readiness": Readiness.single(Lag.of(120, 120)),
        "observed_until": NOW,
    }
    return Workload(**{**given, **changes})


@pytest.fixture
def now() -> float:
    return NOW


@pytest.fixture
def make_outlook() -> Callable[..., Outlook]:
    return outlook_of


@pytest.fixture
def make_workload() -> Callable[..., Workload]:
    return workload_of
