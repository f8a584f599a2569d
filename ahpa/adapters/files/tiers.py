"""A YAML list of tiers: where replicas land, and how long they take there."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path

from ahpa.adapters.files.text import InputError
from ahpa.adapters.files.yaml_documents import documents
from ahpa.core.policy.parameters import Unreadable, parse_seconds
from ahpa.core.readiness import Lag, Readiness, Tier

KEYS = ("name", "replicas", "lag-p50", "lag-p95", "price", "nodes")
_NODES = r"[a-z0-9.*?!\[\]-]{1,253}"
"""What names of nodes are made of, and the signs of a pattern."""


def read_tiers(path: Path) -> tuple[Readiness, tuple[float, ...] | None]:
    """Tiers in the order in which they fill, and their prices if all have one. Raises InputError.

    A YAML list: `- {name: warm, replicas: 3, lag-p50: 20s, lag-p95: 40s, price: 2.5, nodes: gpu-warm-*}`; the last has
    no replicas. `nodes` tells a service which of its nodes are meant; a simulated cluster has none.
    """
    found = documents(path)
    rows = found[0] if len(found) == 1 else None
    if not isinstance(rows, list) or not rows or not all(isinstance(row, Mapping) for row in rows):
        raise InputError(f"{path}:1: a list of tiers is needed, each with name, lag-p50, lag-p95 and replicas")
    places = [(f"{path}: tier {number}", number, row) for number, row in enumerate(rows, 1)]
    tiers = tuple(_tier(where, number, row) for where, number, row in places)
    prices = [_price(where, row) for where, _, row in places]
    try:
        readiness = Readiness(tiers)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    given = tuple(price for price in prices if price is not None)
    return readiness, given if len(given) == len(tiers) else None


def _tier(where: str, number: int, row: Mapping[str, object]) -> Tier:
    for key in row:
        if key not in KEYS:
            meant = difflib.get_close_matches(str(key).replace("_", "-"), KEYS, 1)
            hint = f"did you mean {meant[0]}?" if meant else f"it may say {', '.join(KEYS)}"
            raise InputError(f"{where}: {str(key)[:40]!r} is not known; {hint}")
    try:
        lag = Lag.of(parse_seconds(str(row.get("lag-p50"))), parse_seconds(str(row.get("lag-p95"))))
    except (Unreadable, ValueError) as error:
        raise InputError(f"{where}: lag-p50 and lag-p95 must be durations such as 90s, p50 <= p95") from error
    count = row.get("replicas")
    if count is not None and (type(count) is not int or not 0 < count < 10**6):
        raise InputError(f"{where}: replicas must be a positive whole number")
    nodes = row.get("nodes", "*")
    if not isinstance(nodes, str) or not re.fullmatch(_NODES, nodes):
        raise InputError(f"{where}: nodes must be a pattern of their names, such as gpu-warm-*")
    return Tier(str(row.get("name", f"tier {number}"))[:64], lag, count, nodes)


def _price(where: str, row: Mapping[str, object]) -> float | None:
    price = row.get("price")
    if price is None:
        return None
    if isinstance(price, bool) or not isinstance(price, int | float) or not 0 <= price < 1e9:
        raise InputError(f"{where}: price must be a number of zero or more")
    return float(price)
