"""What share of the requests waits for capacity, from how many are in flight and how many slots there are."""

from __future__ import annotations

import numpy as np

from forecasting.panel import Array


def late_share(demand: Array, slots: Array, patience: Array) -> Array:
    """The share of a minute's requests that wait longer than they may, where `demand` are in flight on average on so
    many `slots` and nobody adds any; `patience` is twice the wait allowed over the time that a request takes.

    exp(-(s - x) (patience + 2 / sqrt x)), and all of them where demand exceeds the slots: once a queue stands,
    everybody waits. The first term is how much rarer a long wait becomes with each spare slot (heavy traffic with a
    fixed service time; Kingman 1962), the second how much rarer a wait at all (Halfin and Whitt 1981), its 2 measured:
    this project's simulation of requests agrees within a factor of 2.5 for 5 to 40 in flight
    (tests/core/test_lateness.py).
    """
    spare = np.maximum(slots - demand, np.float32(0))
    steep = patience + np.float32(2) / np.sqrt(np.maximum(demand, np.float32(0.02)))
    late = np.exp(-np.minimum(spare * steep, np.float32(80)))
    return np.asarray(np.where(slots <= demand, np.float32(1), late), np.float32)
