"""The alerting rules as they ship."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from tests.manifests.overlays import CONFIG

FILE = CONFIG / "components/monitoring/prometheusrule.yaml"


def spec() -> dict[str, Any]:
    """What Prometheus itself would read: the groups."""
    found: dict[str, Any] = yaml.safe_load(FILE.read_text())["spec"]
    return found


def alerts() -> dict[str, dict[str, Any]]:
    """By name."""
    return {rule["alert"]: rule for group in spec()["groups"] for rule in group["rules"]}


_UNITS = {"s": 1, "m": 60, "h": 3600}


def shortened(rule: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """The same alert for a world in which time goes `factor` times as fast: `for`, the ranges of counters (`[15m]`) and
    what is compared with seconds (`..._seconds > 300`) are that much shorter, and nothing else is changed."""

    def shorter(said: re.Match[str]) -> str:
        return f"[{_milliseconds(said[1], factor)}ms]"

    expr = re.sub(r"\[(\d+[smh])\]", shorter, rule["expr"])
    expr = re.sub(r"(_seconds > )(\d+)", lambda said: f"{said[1]}{int(said[2]) / factor:g}", expr)
    return {**rule, "expr": expr, "for": f"{_milliseconds(rule['for'], factor)}ms"}


def _milliseconds(said: str, factor: float) -> int:
    return round(int(said[:-1]) * _UNITS[said[-1]] * 1000 / factor)
