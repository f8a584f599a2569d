"""Queries from a grammar, of made-up series: what `lifting.py` has rules for, and what it must leave alone."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np

from testbed import Series
from tests.testbed.exposition import MINUTES, SCRAPE, SHAPE, START, STEP

TARGETS = [(namespace, name) for namespace in ("shop", "mall", "shop.x") for name in ("chat", "chat-v2", "mall")]
ASKED = [TARGETS[0], TARGETS[1], TARGETS[5], ("shop.x", "nobody")]
"""Fewer than there are, one of whom nothing is known, and one whose namespace is its name."""
_METRICS = {
    "a": ("namespace", "name"),
    "b": ("ns", "svc"),
    "c": ("namespace", "name"),
    "h_bucket": ("namespace", "name"),
}
_TIMES = START + SCRAPE * np.arange(1, round(MINUTES * STEP / SCRAPE) + 1)


def series() -> Iterator[Series]:
    """Of every target: two pods of two codes, gauges (a, b, c) and the buckets of a histogram. Some are missing."""
    minute = (np.ceil((_TIMES - START) / STEP) - 1).astype(int)
    for i, (namespace, name) in enumerate(TARGETS):
        for metric, (first, second) in _METRICS.items():
            own = {first: namespace, second: name}
            if metric == "h_bucket":
                for le, share in (("0.1", 0.3), ("1", 0.8), ("+Inf", 1.0)):
                    grown = 1e6 + np.cumsum(SCRAPE * share * (1 + i) * SHAPE[minute])
                    yield Series(metric, {**own, "le": le}, _TIMES, grown)
                continue
            for j, pod in enumerate(("p", "q")):
                for k, code in enumerate(("200", "500")):
                    level = (1 + i) * (1.1 + j) * (1.3 + k) * (1 + len(metric + first))
                    if (i + j + k + ord(metric)) % 7:
                        yield Series(metric, {**own, "pod": pod, "code": code}, _TIMES, level * SHAPE[minute])


class Grammar:
    """Templates with {ns} and {name}, always the same of one seed."""

    def __init__(self, seed: int) -> None:
        self._luck = random.Random(seed)

    def template(self) -> str:
        """Most end in one series; some give several, an error, or nothing."""
        inner = self._vector(3)
        return f"sum({inner})" if self._luck.random() < 0.5 else inner

    def _one(self, *choices: str) -> str:
        return self._luck.choice(choices)

    def _selector(self) -> str:
        metric = self._one(*_METRICS)
        first, second = _METRICS[metric]
        more = self._one("", "", ',code="200"', ',pod=~"p|q"', ',code!="500"') if metric != "h_bucket" else ""
        ends = self._luck.random()
        name = f'{second}="{{name}}"' if ends < 0.92 else f'{second}=~"{{name}}"'
        return f'{metric}{{{first}="{{ns}}",{name}{more}}}'

    def _labels(self) -> str:
        return ", ".join(self._luck.sample(["pod", "code", "namespace", "name", "svc"], self._luck.randint(0, 2)))

    def _vector(self, depth: int) -> str:
        if depth == 0:
            over = self._one("avg", "max", "sum", "last", "min", "count")
            return self._one(
                self._selector(), f"{over}_over_time({self._selector()}[1m])", f"rate({self._selector()}[1m])"
            )
        below = self._vector(depth - 1)
        match self._luck.randint(0, 11):
            case 0 | 1 | 2:
                return f"{self._one('sum', 'max', 'avg', 'min', 'count')} by ({self._labels()}) ({below})"
            case 3:
                return f"{self._one('sum', 'max')} without ({self._labels()}) ({below})"
            case 4:
                return f"{self._one('sum', 'avg', 'quantile')}({below})".replace("quantile(", "quantile(0.4, ")
            case 5 | 6:
                sign = self._one("+", "-", "*", "/", "==", "> bool", "<", "or", "and", "unless")
                how = self._one("", "", f"on ({self._labels()})", f"ignoring ({self._labels()})")
                return f"({below}) {sign} {how} ({self._vector(depth - 1)})"
            case 7:
                return f"{self._one('2 *', '-', '100 -', '1 /', '5 < bool')} ({below})"
            case 8:
                return self._one(f"clamp_min({below}, 3)", f"ceil({below})", f"({below}) > 20", f"round({below}, 0.5)")
            case 9:
                to = self._one("pod", "new", "name")
                return f'label_replace({below}, "{to}", "$1-x", "{self._one("code", "namespace", "le")}", "(.*)")'
            case 10:
                return f"histogram_quantile(0.9, {self._one(below, f'sum by (le) ({below})')})"
            case _:
                unproven = (f"topk(1, {below})", f"absent({below})", f"({below}) or vector(0)", f"sort({below})")
                return self._one(
                    *unproven, f"({below}) * on () group_left () sum({below})", f"scalar({below}) * {below}"
                )
