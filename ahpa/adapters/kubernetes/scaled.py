"""What an HPA scales: how many replicas were asked for, how many are ready, and which pods are its.

A Deployment and a StatefulSet say all three themselves. Everything else (an Argo Rollout, an operator's own kind) has
the subresource `scale`, which the HPA controller reads too: it says how many and which pods, not how many are ready.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ahpa.adapters.kubernetes.api import Object, collection, path
from ahpa.adapters.kubernetes.hpa_metrics import Requests, quantity
from ahpa.adapters.kubernetes.objects import count
from ahpa.adapters.kubernetes.unchanged import Look

_WHOLE = {"Deployment": "deployments", "StatefulSet": "statefulsets"}
"""Kinds of apps/v1 that are read whole."""
_APPS = "apps/v1"


@dataclass(frozen=True)
class Scaled:
    """As far as it could be read."""

    known: bool = False
    """Whether it could."""

    asked: int = 0
    ready: int | None = None
    """None: nobody says."""
    selector: str = ""
    """Label selector of its pods; empty: nobody says."""
    requests: Requests = field(default_factory=dict)
    """Of its pod template; empty: nobody says."""

    def replicas(self, otherwise: int) -> tuple[int, int]:
        """(ready, there or asked for); `otherwise` where it cannot be read: that is not "none of it is there"."""
        asked = self.asked if self.known else otherwise
        ready = asked if self.ready is None else self.ready
        return ready, max(asked, ready)


@dataclass(frozen=True)
class Workloads:
    """Reads them; what cannot be had is not known, and no error."""

    look: Look

    def read(self, namespace: str, reference: Object) -> Scaled:
        """The object of a `scaleTargetRef`. Raises what damaged text in it raises."""
        kind, name = str(reference.get("kind")), str(reference.get("name"))
        group_version = str(reference.get("apiVersion") or _APPS)
        if kind in _WHOLE and group_version == _APPS:
            item = self.look(("member", path(*collection(_APPS, _WHOLE[kind], namespace)), name))
            return Scaled() if item is None else _whole(item)
        item = self.look(("get", path(*collection(group_version, plural(kind), namespace), name, "scale")))
        return Scaled() if item is None else _scale(item)

    def requests(self, namespace: str, scaled: Scaled) -> Requests:
        """What a replica requests: of one of its pods, with what was injected into it, else of its template. Raises
        what damaged text in it raises."""
        if not scaled.selector:
            return scaled.requests
        pod = self.look(("first", path(*collection("v1", "pods", namespace)), scaled.selector))
        return scaled.requests if pod is None else requests_of(pod.get("spec") or {})


def requests_of(spec: Object) -> Requests:
    """Of the containers of a pod's spec, and of its sidecars (init containers that restart); as the HPA counts."""
    rows = list(spec.get("containers") or [])
    rows += [one for one in spec.get("initContainers") or [] if one.get("restartPolicy") == "Always"]
    return {
        str(one.get("name")): {
            str(resource): quantity(value)
            for resource, value in ((one.get("resources") or {}).get("requests") or {}).items()
            if resource in ("cpu", "memory")
        }
        for one in rows
    }


def plural(kind: str) -> str:
    """The resource of a kind, as Kubernetes guesses it (meta.UnsafeGuessKindToResource): `Rollout` is `rollouts`."""
    word = kind.lower()
    if word.endswith("s"):
        return word + "es"
    return word[:-1] + "ies" if word.endswith("y") else word + "s"


def _whole(item: Object) -> Scaled:
    spec, status = item.get("spec") or {}, item.get("status") or {}
    asked = count(spec.get("replicas"), "replicas of what it scales")
    ready = count(status.get("readyReplicas"), "readyReplicas of what it scales")
    template = (spec.get("template") or {}).get("spec") or {}
    return Scaled(True, asked, ready, _selector(spec.get("selector") or {}), requests_of(template))


def _scale(item: Object) -> Scaled:
    spec, status = item.get("spec") or {}, item.get("status") or {}
    selector = status.get("selector")
    return Scaled(
        True,
        count(spec.get("replicas"), "replicas of what it scales"),
        None,
        selector if isinstance(selector, str) else "",
    )


def _selector(selector: Mapping[str, Any]) -> str:
    """As the query of a list takes it; empty where a rule is none that Kubernetes has."""
    rules = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for rule in selector.get("matchExpressions") or []:
        key, operator, values = rule["key"], rule["operator"], ",".join(rule.get("values") or [])
        said = {
            "In": f"{key} in ({values})",
            "NotIn": f"{key} notin ({values})",
            "Exists": key,
            "DoesNotExist": f"!{key}",
        }
        if operator not in said:
            return ""
        rules.append(said[operator])
    return ",".join(rules)
