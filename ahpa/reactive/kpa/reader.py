"""Values of Knative's annotations and of config-autoscaler, read as Go reads them; all that is wrong is collected.

Source: knative.dev/serving v0.50.0, pkg/apis/autoscaling/{register,annotation_validation}.go and
pkg/autoscaler/config/config.go. Values that Go would read but nobody writes (NaN, hexadecimal floats, an unknown
aggregation algorithm where no class is named) are refused here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

SHORTEST_WINDOW_SECONDS = 6
LONGEST_WINDOW_SECONDS = 3600
INT32_MAX = 2**31 - 1

NO_CAMEL_CASE = frozenset({"class", "metric", "activation-scale", "target", "window"})
"""Annotations that have no camelCase twin."""


class Reader:
    """Reads strings as values and collects what is wrong; every reader returns the default for a bad value."""

    def __init__(self, data: Mapping[str, str], prefix: str = "") -> None:
        self.data = data
        self.prefix = prefix
        self.problems: list[str] = []

    def text(self, name: str, default: str) -> str:
        """The value of `name`, else of its camelCase twin, else `default`."""
        if self.prefix and name not in NO_CAMEL_CASE:
            head, *tail = name.split("-")
            default = self.data.get(self.prefix + head + "".join(map(str.capitalize, tail)), default)
        return self.data.get(self.prefix + name, default)

    def has(self, name: str) -> bool:
        absent = "\0absent"
        return self.text(name, absent) != absent

    def require(self, holds: bool, problem: str) -> None:
        # The same value may be looked at twice (own and default); one problem is said once.
        if not holds and problem not in self.problems:
            self.problems.append(problem)

    def _value(self, name: str, default: float, low: float, high: float, accepts: str) -> float:
        if not self.has(name):
            return default
        text = self.text(name, "")
        value = {"number": parse_number, "count": parse_count, "duration": parse_duration}[accepts](text)
        if value is None:
            self.require(False, f"{name}={text!r} is not a {accepts}")
            return default
        upper = "" if high == math.inf else f" and at most {high:g}"
        self.require(low <= value <= high, f"{name}={text!r} must be at least {low:g}{upper}")
        return value if low <= value <= high else default

    def number(self, name: str, default: float, low: float = -math.inf, high: float = math.inf) -> float:
        return self._value(name, default, low, high, "number")

    def count(self, name: str, default: int, low: int = 0) -> int:
        return int(self._value(name, default, low, INT32_MAX, "count"))

    def seconds(self, name: str, default: float, high: float = math.inf) -> float:
        return self._value(name, default, 0, high, "duration")

    def whole_seconds(self, name: str, default: float, high: float = LONGEST_WINDOW_SECONDS) -> float:
        value = self.seconds(name, default, high)
        self.require(value == int(value), f"{name} must be whole seconds")
        return value

    def window(self, name: str, default: float) -> float:
        value = self._value(name, default, SHORTEST_WINDOW_SECONDS, LONGEST_WINDOW_SECONDS, "duration")
        self.require(value == int(value), f"{name} must be whole seconds")
        return value

    def burst_capacity(self, default: float) -> float:
        value = self.number("target-burst-capacity", default)
        self.require(value >= 0 or value == -1, "target-burst-capacity must be at least 0, or -1 for unlimited")
        return value

    def flag(self, name: str, default: bool) -> bool:
        text = self.text(name, str(default).lower())
        known = text in {"1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"}
        self.require(known, f"{name}={text!r} is not true or false")
        return text[:1] in {"1", "t", "T"}

    def choice(self, name: str, default: str, *options: str) -> str:
        text = self.text(name, default)
        self.require(text in options, f"{name}={text!r} is not one of {', '.join(options)}")
        return text if text in options else default


def parse_number(text: str) -> float | None:
    """A finite decimal number, or None."""
    decimal = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?"
    value = float(text) if re.fullmatch(decimal, text) else math.inf
    return value if math.isfinite(value) else None


def parse_count(text: str) -> int | None:
    """A decimal integer, or None."""
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,20}", text) else None


def parse_duration(text: str) -> float | None:
    """Seconds of a Go duration such as 1h30m, 90s, 1.5m or 0; None for anything else (time.ParseDuration)."""
    if re.fullmatch(r"[+-]?0", text):
        return 0.0
    part = r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)"
    if len(text) > 64 or not re.fullmatch(rf"[+-]?({part})+", text):
        return None
    nanoseconds = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9}
    nanoseconds |= {"m": 60 * 10**9, "h": 3600 * 10**9}
    total = 0
    for number, unit in re.findall(part, text):
        whole, _, fraction = number.partition(".")
        total += int(whole or 0) * nanoseconds[unit]
        total += int(fraction or 0) * nanoseconds[unit] // 10 ** len(fraction)
    return (-total if text.startswith("-") else total) / 1e9
