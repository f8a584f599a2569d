"""The world of a backtest from files: a Knative Service's YAML, and a list of tiers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ahpa.adapters.files.text import InputError
from ahpa.core.policy.parameters import Unreadable, parse_seconds
from ahpa.core.policy.rules import parse_policy
from ahpa.core.policy.values import Parsed
from ahpa.core.readiness import Lag, Readiness, Tier
from ahpa.reactive.kpa.config import KpaConfig, KpaConfigError

MOST_BYTES = 256 * 1024


@dataclass(frozen=True)
class Told:
    """What a Knative Service says of its own scaling."""

    name: str
    kpa: KpaConfig
    concurrency: int | None
    """containerConcurrency; None where it is not limited."""
    policy: Parsed


def _load(path: Path) -> list[Any]:
    """The documents of a small YAML file without anchors. Raises InputError with the line."""
    try:
        if not path.exists():
            raise InputError(f"{path}: no such file")
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path}: not a file of at most {MOST_BYTES // 1024} KiB")
        text = path.read_bytes().decode("utf-8")
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if isinstance(token, yaml.AliasToken):
                raise InputError(f"{path}:{token.start_mark.line + 1}: YAML aliases are not read")
        return list(yaml.safe_load_all(text))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise InputError(f"{path}:{line}: not YAML: {getattr(error, 'problem', None) or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}:1: not UTF-8 text") from error
    except RecursionError as error:
        raise InputError(f"{path}:1: YAML nested too deep") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


def read_service(path: Path, concurrency: int) -> Told:
    """The first Knative Service of a YAML file. `concurrency` is what is assumed where it sets no limit."""
    for document in _load(path):
        if isinstance(document, Mapping) and document.get("kind") == "Service" and "template" in _at(document, "spec"):
            return _told(path, document, concurrency)
    raise InputError(f"{path}:1: no Knative Service (kind: Service with spec.template) in it")


def _told(path: Path, service: Mapping[str, Any], concurrency: int) -> Told:
    template = _at(service, "spec", "template")
    limit = _at(template, "spec").get("containerConcurrency") or 0
    if type(limit) is not int or not 0 <= limit <= 1000:
        raise InputError(f"{path}: containerConcurrency {str(limit)[:40]!r} is not a whole number up to 1000")
    annotations = {str(k): str(v) for k, v in _at(template, "metadata", "annotations").items()}
    try:
        kpa = KpaConfig.from_annotations(annotations, container_concurrency=limit or concurrency)
    except KpaConfigError as error:
        raise InputError(f"{path}: {error}") from error
    own = {str(k): str(v) for k, v in _at(service, "metadata", "annotations").items()}
    policy = parse_policy(own)
    if policy.problems:
        raise InputError(f"{path}: {'; '.join(policy.problems)}")
    return Told(str(_at(service, "metadata").get("name", "service")), kpa, limit or None, policy)


def _at(node: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    for key in keys:
        found = node.get(key)
        node = found if isinstance(found, Mapping) else {}
    return node


def read_tiers(path: Path) -> tuple[Readiness, tuple[float, ...] | None]:
    """Tiers in the order in which they fill, and their prices if all have one.

    A YAML list: `- {name: warm, replicas: 3, lag-p50: 20s, lag-p95: 40s, price: 2.5}`; the last has no replicas.
    """
    documents = _load(path)
    rows = documents[0] if len(documents) == 1 else None
    if not isinstance(rows, list) or not rows or not all(isinstance(row, Mapping) for row in rows):
        raise InputError(f"{path}:1: a list of tiers is needed, each with name, lag-p50, lag-p95 and replicas")
    tiers, prices = [], []
    for i, row in enumerate(rows):
        where = f"{path}: tier {i + 1}"
        try:
            lag = Lag.of(parse_seconds(str(row.get("lag-p50"))), parse_seconds(str(row.get("lag-p95"))))
        except (Unreadable, ValueError) as error:
            raise InputError(f"{where}: lag-p50 and lag-p95 must be durations such as 90s, p50 <= p95") from error
        count, price = row.get("replicas"), row.get("price")
        if count is not None and (type(count) is not int or not 0 < count < 10**6):
            raise InputError(f"{where}: replicas must be a positive whole number")
        if price is not None and (type(price) not in (int, float) or not 0 <= price < 1e9):
            raise InputError(f"{where}: price must be a number of zero or more")
        tiers.append(Tier(str(row.get("name", f"tier {i + 1}"))[:64], lag, count))
        prices.append(price)
    try:
        readiness = Readiness(tuple(tiers))
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    return readiness, tuple(float(p) for p in prices) if all(p is not None for p in prices) else None
