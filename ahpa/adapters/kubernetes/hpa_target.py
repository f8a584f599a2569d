"""The second lever of an HPA: the target values of its metrics, all of them raised by the same ratio.

An `averageUtilization` is a share of what a pod requests. An `averageValue` is taken for the usual share of what a full
replica holds, as nobody says that: only its owner knows whether a pod bears more.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction

from ahpa.adapters.kubernetes.api import Object
from ahpa.adapters.kubernetes.hpa_metrics import Metric, metrics_of
from ahpa.adapters.kubernetes.objects import annotations_of, in_git, owns
from ahpa.core.policy.values import TARGET_STATE
from ahpa.core.setting import FILLED, Lever
from ahpa.reactive.hpa.config import parse_quantity

_VALUES = ("averageUtilization", "averageValue")
_MOST = 10**18


def lever_of(item: Object) -> Lever:
    """Its target, and whether it can be raised."""
    if tool := in_git(item, "spec", "metrics"):
        return Lever(fixed=f"{tool} keeps its metrics as Git has them, and would set it back")
    metrics = own_metrics(item)
    known = metrics_of({"metrics": metrics})
    without = [one.name[:80] for one in known if _key(one) is None]
    if without or not known:
        return Lever(fixed=f"its metric {without[0]} has no target for one replica" if without else "it has no metrics")
    own = max(FILLED if one.utilization is None else one.utilization for one in known)
    try:
        return Lever(own, _in_force(item, metrics, own))
    except (ArithmeticError, ValueError):
        return Lever(fixed="the targets of its metrics cannot be read")


def own_metrics(item: Object) -> list[Object]:
    """Its metrics as its owner has them."""
    metrics = (item.get("spec") or {}).get("metrics") or []
    record = _record(item)
    if record is None or not owns(item, "spec", "metrics"):
        return list(metrics)
    return [_with(entry, own) for entry, own in zip(metrics, record, strict=True)]


def raised(item: Object, own: float, share: float) -> list[Object]:
    """Its metrics where replicas are to be filled to `share`, and not to their `own`."""
    ratio = Fraction(str(share)) / Fraction(str(own))
    return [_with(entry, _times(_value(entry), ratio)) for entry in own_metrics(item)]


def record_of(item: Object) -> str:
    """What its owner's targets are, as it is noted on the HPA: in the order of its metrics."""
    return json.dumps([_value(entry) for entry in own_metrics(item)], separators=(",", ":"))


def same(metrics: Sequence[Object], others: Sequence[Object]) -> bool:
    """Whether they have the same targets, however those are written."""
    pairs = zip(metrics, others, strict=True)
    return all(_number(_value(one)) == _number(_value(other)) for one, other in pairs)


def _record(item: Object) -> list[int | str | None] | None:
    """Our record; None: there is none that fits its metrics. One above what is in force is not ours, whoever wrote it:
    we only ever raise."""
    text = annotations_of(item).get(TARGET_STATE)
    metrics = (item.get("spec") or {}).get("metrics") or []
    try:
        said = json.loads(text) if text is not None and len(text) <= 4096 else None
        if not isinstance(said, list) or len(said) != len(metrics):
            return None
        pairs = [(own, _value(entry)) for own, entry in zip(said, metrics, strict=True)]
        return said if all(type(own) is type(here) and _number(own) <= _number(here) for own, here in pairs) else None
    except (ArithmeticError, ValueError, RecursionError):
        return None


def _in_force(item: Object, owners: Sequence[Object], own: float) -> float | None:
    """The share to which we have raised it."""
    metrics = (item.get("spec") or {}).get("metrics") or []
    pairs = [(_number(_value(here)), _number(_value(entry))) for here, entry in zip(metrics, owners, strict=True)]
    ratio = max((here / before for here, before in pairs if before > 0), default=Fraction(1))
    return None if ratio <= 1 else round(float(ratio) * own, 2)


def _key(metric: Metric) -> str | None:
    return next((key for key in _VALUES if metric.target.get(key) is not None), None)


def _value(entry: Object) -> int | str | None:
    """The target of an entry that we raise; None: of one that we leave alone."""
    metric, *_ = [*metrics_of({"metrics": [entry]}), None]
    key = None if metric is None else _key(metric)
    if metric is None or key is None:
        return None
    value = metric.target[key]
    return value if key == _VALUES[0] else str(value)


def _with(entry: Object, value: int | str | None) -> Object:
    """An entry with another target."""
    if value is None:
        return entry
    (metric,) = metrics_of({"metrics": [entry]})
    key = _key(metric)
    assert key is not None
    place = metric.type[:1].lower() + metric.type[1:]
    return {**entry, place: {**metric.source, "target": {**metric.target, key: value}}}


def _times(value: int | str | None, ratio: Fraction) -> int | str | None:
    """Rounded down: never more than was asked for."""
    if value is None:
        return None
    more = _number(value) * ratio
    if isinstance(value, int):
        return int(more)
    return str(int(more)) if more >= 1000 else f"{int(1000 * more)}m"


def _number(value: int | str | None) -> Fraction:
    """Raises ValueError."""
    number = Fraction(0) if value is None else parse_quantity(value)
    if not 0 <= number < _MOST:
        raise ValueError(f"{str(value)[:40]} is no target")
    return number
