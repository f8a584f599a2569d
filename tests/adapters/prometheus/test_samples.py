"""The quick way and the careful way to read samples find the same."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from ahpa.adapters.prometheus import samples as module
from ahpa.adapters.prometheus.plain import Plain, understood
from ahpa.adapters.prometheus.session import MetricsUnavailable
from ahpa.transport import TooMuch, parsed
from forecasting.panel import Floats
from tests.adapters.prometheus.faults import UNBELIEVABLE

_STAMPS = (60, 60.0, 61, 120, 1e9, -5, 0, 179.9999, 10**400, "60", True, None, 1e300, [60])
_VALUES = ("1", "2.5", "0", "1e3", "+4", ".5", "5.", "1e400", "1 2", "-1", "-0", "1_0", *UNBELIEVABLE.values())
_MOST = 1000


def laid(samples: object) -> tuple[Floats, bool]:
    """On four minutes; and whether the answer is one that nobody should believe."""
    values = np.full(4, np.nan)
    try:
        module.fill(values, module.samples_of({"values": samples}), 0.0, 60.0)
    except MetricsUnavailable:
        return np.full(4, np.nan), True
    return values, False


def test_no_mixture_of_samples_is_read_in_two_ways() -> None:
    """Usual ones, with one or two that are odd in some way, in answers of several series."""
    luck = random.Random(5)
    quick = 0
    for _ in range(1000):
        lists: list[list[object]] = []
        for _ in range(luck.randint(1, 4)):
            rows: list[object] = [[60 * i, luck.choice(("1", "2.5", "7e1"))] for i in range(1, 1 + luck.randint(0, 5))]
            for _ in range(luck.choice((0, 0, 0, 1, 2))):
                odd = luck.choice(
                    [[luck.choice(_STAMPS), luck.choice(_VALUES)], [60], [60, "1", 2], "ab", None, {"a": 1, "b": 2}]
                )
                rows.insert(luck.randint(0, len(rows)), odd)
            lists.append(rows)
        series = [{"metric": {"a": '"values":[[1,"2"]]'}, "values": rows} for rows in lists]
        body = json.dumps({"result": series}, separators=(",", ":")).encode()
        answer = understood(body, _MOST)
        assert isinstance(answer, dict)
        for one, other in zip(answer["result"], series, strict=True):
            assert one["metric"] == other["metric"]
            (read, refused), (careful, refused_too) = laid(one["values"]), laid(other["values"])
            assert refused == refused_too, other
            np.testing.assert_array_equal(read, careful, err_msg=str(other))
            quick += isinstance(one["values"], Plain)
    assert quick > 1000


@pytest.mark.parametrize("odd", [None, (0, 0), (1, 1), (2, 2)])
def test_stamps_that_are_the_same_in_each_series_are_read_once_and_others_as_they_are(
    odd: tuple[int, int] | None,
) -> None:
    stamps = np.tile([60.0, 120.0, 180.0], (3, 1))
    if odd is not None:
        stamps[odd] += 7
    rows = [",".join(f'[{at:g},"{10 * n + at}"]' for at in row) for n, row in enumerate(stamps)]
    answer = understood(b"[%s]" % ",".join(f'{{"values":[{row}]}}' for row in rows).encode(), _MOST)
    assert isinstance(answer, list)
    for n, one in enumerate(answer):
        np.testing.assert_array_equal(one["values"].stamps, stamps[n])
        np.testing.assert_array_equal(one["values"].numbers, 10 * n + stamps[n])


@pytest.mark.parametrize(
    "body",
    [
        b'{"result":[{"values":NaN},{"values":[[60,"1"]]}]}',
        b'{"result":[{"values":[[60,"1"]]},NaN]}',
        b'{"result":[{"values":[[60,"1"]]},Infinity]}',
        b'{"values":[[60,"1"]]',
        b'{"a":"b"values":[[60,"1"]]}',
        b'{"values":[[60,"1"],]}',
        b'{"values":[[60,"1"]',
        b'{"values":[[,"1"]]}',
        b'{"values":[[NaN,"1"]]}',
    ],
)
def test_what_is_no_json_is_refused_as_without_the_quick_way(body: bytes) -> None:
    with pytest.raises(ValueError):
        parsed(body, _MOST)
    with pytest.raises(ValueError):
        understood(body, _MOST)


def test_samples_count_as_the_values_that_they_are() -> None:
    with pytest.raises(TooMuch, match="more than 1,000 values"):
        understood(b'{"values":[%s]}' % b",".join([b'[60,"1"]'] * 400), _MOST)
