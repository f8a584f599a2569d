"""What is put into the holes of a query's template, and how: nothing that a tenant controls may change its structure.

Each hole has the one form that its text may have; none of these has a quote, a backslash or a brace. `{{pods}}` is the
regular expression of the names that Kubernetes gives to the pods of a workload, made of nothing but its name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ahpa.adapters.prometheus.promql import HOLE, patterns
from ahpa.ports import QueryError

RFC_1123 = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", re.ASCII)
_NAMES: Mapping[str, tuple[re.Pattern[str], str]] = {
    "workload": (RFC_1123, "a name of a Kubernetes object"),
    "object": (RFC_1123, "a name of a Kubernetes object"),
    "container": (RFC_1123, "a name of a container"),
    "topic": (re.compile(r"[a-zA-Z0-9._-]{1,249}", re.ASCII), "a name of a Kafka topic"),
    "group": (re.compile(r"[a-zA-Z0-9._:/@-]{1,249}", re.ASCII), "a plain name of a consumer group"),
}
"""What an object may say besides, and what it may look like."""
HOLES = frozenset({"namespace", "name", "step", "pods", *_NAMES})

# Kubernetes' alphabet for what it makes up (apimachinery, pkg/util/rand): no vowels, no 0, 1, 3.
_MADE = "[bcdfghjklmnpqrstvwxz2456789]"
_KEPT = 58
_CUT = 46
"""A pod's name is cut to 58 characters and five of its own (apiserver, pkg/storage/names): from a workload's name of
more than 46 and a hash of up to ten, something may be missing."""


def filled(query: str, template: str, namespace: str, name: str, step: float, names: Mapping[str, str]) -> str:
    """The template of `query` for one target. Raises QueryError."""
    for text in (namespace, name):
        if not RFC_1123.fullmatch(text):
            raise QueryError(f"{text[:80]!r} is not a name of a Kubernetes object")
    values: dict[str, str] = {"namespace": namespace, "name": name, "step": f"{round(step)}s"}
    values |= {hole: _value(query, hole, names) for hole in set(HOLE.findall(template)) - values.keys()}
    if not any("." in text for hole, text in values.items() if hole != "pods"):
        return HOLE.sub(lambda hole: values[hole.group(1)], template)
    within = patterns(template)  # where a dot would stand for any character; looked for only where there is one

    def fit(hole: re.Match[str]) -> str:
        pattern = hole.group(1) != "pods" and any(a < hole.start() < b for a, b in within)
        text = values[hole.group(1)]
        return text.replace(".", "[.]") if pattern else text

    return HOLE.sub(fit, template)


def _value(query: str, hole: str, names: Mapping[str, str]) -> str:
    said = names.get("workload" if hole == "pods" else hole)
    if said is None:
        raise QueryError(f"the query {query} needs {{{{{hole}}}}}, which this object does not say: name another")
    pattern, form = _NAMES["workload" if hole == "pods" else hole]
    if not pattern.fullmatch(said):
        raise QueryError(f"{said[:80]!r} is not {form}")
    return pods_of(said, names.get("workload-kind", "")) if hole == "pods" else said


def pods_of(workload: str, kind: str) -> str:
    """The regular expression of its pods' names; that of `api` does not fit those of `api-v2`."""
    if kind == "KnativeService":
        return _pods(workload, "-[a-z0-9]+-deployment")
    if kind == "StatefulSet":
        return f"{workload.replace('.', '[.]')}-[0-9]{{1,6}}"
    return _pods(workload, "")


def _pods(workload: str, middle: str) -> str:
    """Of a ReplicaSet, as Deployments and Argo's Rollouts have them."""
    if len(workload) + (17 if middle else 0) > _CUT:
        kept = workload if len(workload) < _KEPT else workload[:_KEPT]
        cut = "-[-a-z0-9]*" if middle else f"-?[-{_MADE[1:-1]}]{{0,11}}{_MADE}{{5}}"
        return f"{kept.replace('.', '[.]')}{cut}"
    return f"{workload.replace('.', '[.]')}{middle}-{_MADE}{{1,10}}-{_MADE}{{5}}"
