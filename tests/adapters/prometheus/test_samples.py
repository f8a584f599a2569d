"""The quick way and the careful way to lay samples on a grid find the same."""

from __future__ import annotations

import copy
import random

import numpy as np

from ahpa.adapters.prometheus import samples as module
from ahpa.adapters.prometheus.session import MetricsUnavailable
from forecasting.panel import Floats
from tests.adapters.prometheus.faults import UNBELIEVABLE

_STAMPS = (60, 60.0, 61, 120, 1e9, -5, 0, 179.9999, 10**400, "60", True, None, float("nan"), 1e300, [60])
_VALUES = ("1", "2.5", "0", "1e3", "+4", ".5", "5.", "1e400", "1 2", "-1", *UNBELIEVABLE.values())


def laid(fill: object, rows: list[object]) -> tuple[Floats, bool]:
    values = np.full(4, np.nan)
    try:
        assert callable(fill)
        fill(values, copy.deepcopy(rows), 0.0, 60.0)
    except MetricsUnavailable:
        return np.full(4, np.nan), True
    return values, False


def test_no_mixture_of_samples_is_read_in_two_ways() -> None:
    """Usual ones, with one or two that are odd in some way."""
    luck = random.Random(5)
    quick = 0
    for _ in range(3000):
        rows: list[object] = [[60 * i, luck.choice(("1", "2.5", "7e1"))] for i in range(1, 1 + luck.randint(0, 5))]
        for _ in range(luck.randint(0, 2)):
            odd = luck.choice(
                [[luck.choice(_STAMPS), luck.choice(_VALUES)], [60], [60, "1", 2], "ab", None, {"a": 1, "b": 2}]
            )
            rows.insert(luck.randint(0, len(rows)), odd)
        one, refused = laid(module.fill, rows)
        other, refused_too = laid(module._fill_one_by_one, rows)
        assert refused == refused_too, rows
        np.testing.assert_array_equal(one, other, err_msg=str(rows))
        quick += not refused
    assert quick > 1000
