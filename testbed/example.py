"""Something to look at: one service with two weeks behind it and a demand that goes on (`up --with example`).

People by day, few by night, a little fewer at the weekend; by UTC, with noise that is the same each time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from testbed.openmetrics import Series

Floats = npt.NDArray[np.floating[Any]]
NAME = "chat"
NAMESPACE = "default"
DAYS = 14
METRIC = "kn_revision_concurrency_stable"
LABELS = {"k8s_namespace_name": NAMESPACE, "kn_service_name": NAME, "kn_revision_name": f"{NAME}-00001"}
"""What Knative's own autoscaler exports of the service; its own series, 0 without load, counts beside this one."""
CONCURRENCY = 10
"""Slots of a replica, so that what one serves at target follows from the object."""


def demand(at: Floats) -> Floats:
    """Requests in flight at these unix seconds."""
    hour, day = at / 3600 % 24, np.floor(at / 86_400)
    awake = 1 / (1 + np.exp(-(hour - 8) * 2)) - 1 / (1 + np.exp(-(hour - 20) * 1.5))
    weekend = np.where((day + 3) % 7 >= 5, 0.6, 1.0)  # the first day of 1970 was a Thursday
    noise = np.sin(at * 12.9898) * 43_758.5453
    flow: Floats = (6 + 50 * awake * weekend) * (1 + 0.12 * (noise - np.floor(noise) - 0.5))
    return flow


def history(now: float) -> Series:
    """A sample in each half minute up to `now`."""
    times = np.arange(now - DAYS * 86_400, now, 30.0)
    return Series(METRIC, LABELS, times, demand(times))
