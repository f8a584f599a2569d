"""Series that are parts of one service: a pod's, a revision's, a status code's. Taken for services of their own they
would each be given replicas, and each would vanish with its pod.

What tells parts from services is their labels. Nothing is added up unasked: it is refused, with the label's name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ahpa.adapters.files.labels import Labels, names_of
from ahpa.adapters.files.table import Table, grid
from ahpa.adapters.files.text import InputError
from forecasting.panel import Floats, Panel

PARTS = frozenset({
    "pod", "pod_name", "pod_ip", "podname", "instance", "host", "hostname", "node", "node_name", "nodename",
    "server", "container", "container_name", "container_id", "id", "uid", "replica", "task", "process", "pid",
    "worker", "shard", "partition", "endpoint", "revision_name", "kn_revision_name", "revision", "version",
    "replicaset", "pod_template_hash", "k8s_pod_name", "k8s_node_name", "code", "status", "status_code",
    "response_code", "response_code_class", "http_status_code", "method", "http_method", "path", "route",
    "handler", "uri", "url", "operation", "verb",
})  # fmt: skip
"""Labels of which a service has many values at once, or one after the other."""
_APART = {"le": "buckets of a histogram: export its _count", "quantile": "quantiles of a summary: export its _count"}
_POD = re.compile(r"(.+)-[bcdf-hj-np-tv-xz2456789]{6,10}-[bcdf-hj-np-tv-xz2456789]{5}")
"""A pod's name: its ReplicaSet's hash and five letters, of those that Kubernetes takes for them
(apimachinery, pkg/util/rand)."""
_SHORT_GAP_SECONDS = 300.0
"""As long Prometheus itself looks back for a sample."""
_SHORT_GAP_STEPS = 2


@dataclass(frozen=True)
class Joining:
    """What somebody said of labels that tell parts of one service."""

    summed: frozenset[str] = frozenset()
    """Series that differ only by these are added up."""
    apart: frozenset[str] = frozenset()
    """Series that differ by these are services of their own, though they do not look so."""


AS_THEY_ARE = Joining()


def pods_among(names: Iterable[str]) -> dict[str, int]:
    """By name of a Deployment: how many of these are called as its pods are, where that is more than one."""
    found = Counter(match[1] for name in names if (match := _POD.fullmatch(name)))
    return {name: count for name, count in found.items() if count > 1}


def panels_of(tables: Sequence[Table], joining: Joining) -> list[Panel]:
    """What was read, on regular grids, parts added up as `joining` says. Raises InputError for parts of which it does
    not speak, and for labels that nothing has."""
    source = tables[0].source
    told = [labels for table in tables for labels in table.labels]
    for label in sorted(joining.summed | joining.apart):
        if not any(label in labels for labels in told):
            known = ", ".join(sorted({key for labels in told for key in labels if key}))[:200] or "none"
            raise InputError(f"{source}: no series has the label {label!r}; labels here are: {known}")
    kept = [_without(labels, joining.summed) for labels in told]
    _check(source, kept, (PARTS | _APART.keys()) - joining.apart - joining.summed)
    panels = [grid(table) for table in tables]
    if len(set(kept)) == len(kept):
        return panels
    rows = [panel.select([key]) for panel in panels for key in panel.keys]
    groups: dict[tuple[tuple[str, str], ...], list[Panel]] = {}
    for whole, row in zip(kept, rows, strict=True):
        groups.setdefault(whole, []).append(row)
    names = names_of([dict(whole) for whole in groups])
    return [added(source, name, group) for name, group in zip(names, groups.values(), strict=True)]


def _without(labels: Labels, some: Iterable[str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, value) for key, value in labels.items() if key not in some))


def _check(source: str, series: Sequence[tuple[tuple[str, str], ...]], parts: frozenset[str]) -> None:
    """Raises InputError where some differ by nothing but parts."""
    groups: dict[tuple[tuple[str, str], ...], list[Mapping[str, str]]] = {}
    for labels in dict.fromkeys(series):
        groups.setdefault(_without(dict(labels), parts), []).append(dict(labels))
    for group in groups.values():
        keys = {key for one in group for key in one}
        differ = sorted(key for key in keys if len({one.get(key) for one in group}) > 1)
        for label in sorted(set(differ) & _APART.keys()):
            raise InputError(f"{source}: these {len(group)} series are {_APART[label]}, or its sum(rate(...))")
        if differ:
            options = " ".join(f"--sum {label}" for label in differ)
            raise InputError(
                f"{source}: these {len(group)} series differ only by {' and '.join(differ)}: sum them, in the query "
                f"(sum without ({', '.join(differ)}) (...)) or with {options}; if each is a service of its own, say "
                f"{options.replace('--sum', '--apart')}"
            )


def added(source: str, name: str, parts: Sequence[Panel]) -> Panel:
    """The sum of rows on one grid.

    Before its first and after its last sample a part was not there, and so during a long gap: a pod that ended, a
    Revision without traffic. In a short gap it was not observed, and the sum is not known. Raises InputError for other
    grids than one.
    """
    step, start = parts[0].step, min(part.start for part in parts)
    places = [(part.start - start) / step for part in parts]
    other = next((part for part in parts if part.step != step), None)
    if other is not None or any(abs(place - round(place)) > 0.05 for place in places):
        steps = f" of {step:g} s and {other.step:g} s" if other is not None else " that begin apart"
        raise InputError(f"{source}: the parts of {name[:80]!r} have steps{steps}; sum them in the query")
    end = max(part.end for part in parts)
    total = np.zeros(round((end - start) / step))
    there, unknown = np.zeros(len(total), bool), np.zeros(len(total), bool)
    for part, place in zip(parts, places, strict=True):
        at = slice(round(place), round(place) + part.values.shape[1])
        seen = np.isfinite(part.values[0])
        total[at] += np.where(seen, part.values[0], 0.0)
        there[at] |= seen
        unknown[at] |= _in_short_gap(seen, step)
    return Panel.of(start, step, np.where(there & ~unknown, total, np.nan), (name,))


def _in_short_gap(seen: Floats, step: float) -> Floats:
    """Where a row was not observed, and was again soon; shape as `seen`."""
    out = np.zeros(len(seen), bool)
    at = np.flatnonzero(seen)
    most = max(_SHORT_GAP_STEPS, _SHORT_GAP_SECONDS / step)
    gaps = np.diff(at) - 1
    for i in np.flatnonzero((gaps > 0) & (gaps <= most)):
        out[at[i] + 1 : at[i + 1]] = True
    return out
