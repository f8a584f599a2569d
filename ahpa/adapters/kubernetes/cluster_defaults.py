"""What the cluster decides where a Revision says nothing: the ConfigMaps config-autoscaler, config-defaults and
config-deployment. And which Knative it has.

Read at each listing; parsed anew only when they changed. Where one cannot be read, what was read last goes on; where
none ever was, Knative's own defaults are assumed, and said to be. One that is gone after it was read is believed to be
gone after a while: until then it may be made anew, or the 404 be another's.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from ahpa.adapters.kubernetes.api import KubeApi, collection, path
from ahpa.ports import ClusterError
from ahpa.reactive.kpa.config import (
    DEADLINE_SECONDS,
    ClusterDefaults,
    KpaConfigError,
    container_concurrency_default,
    progress_deadline_default,
)

AUTOSCALER, DEFAULTS, DEPLOYMENT = "config-autoscaler", "config-defaults", "config-deployment"
KEPT_SECONDS = 3600.0
"""So long after it was read what is gone since then, or a version that cannot be read, goes on."""
Value = TypeVar("Value")


@dataclass(frozen=True)
class KnativeDefaults:
    """What holds for a Revision that says nothing itself."""

    autoscaler: ClusterDefaults = ClusterDefaults()
    container_concurrency: int = 0
    """0: no limit."""
    progress_deadline: float = DEADLINE_SECONDS
    """Seconds that a new Revision has to become ready."""
    assumed: tuple[str, ...] = ()
    """What could not be read, in words. Nothing may be lowered on it."""


@dataclass(frozen=True)
class _Read(Generic[Value]):
    """What a ConfigMap said."""

    version: str
    value: Value
    assumed: str = ""
    at: float = -math.inf
    """When it was last read, by the clock; minus infinity: it was not there."""


@dataclass
class ClusterConfig:
    """Reads all; remembers what they said last. Two threads may ask: what is remembered is swapped whole."""

    namespace: str
    clock: Callable[[], float] = time.monotonic
    _autoscaler: _Read[ClusterDefaults] | None = field(default=None, init=False)
    _concurrency: _Read[int] | None = field(default=None, init=False)
    _deadline: _Read[float] | None = field(default=None, init=False)
    _version: _Read[str | None] = field(default=_Read("", None), init=False)

    def read(self, kube: KubeApi) -> KnativeDefaults:
        """Three GETs. Raises nothing: what cannot be read is said, but for the deadline, on which no floor hangs."""
        self._autoscaler = autoscaler = self._one(
            kube, AUTOSCALER, ClusterDefaults.from_config_map, self._autoscaler, ClusterDefaults()
        )
        self._concurrency = concurrency = self._one(kube, DEFAULTS, container_concurrency_default, self._concurrency, 0)
        self._deadline = deadline = self._one(
            kube, DEPLOYMENT, progress_deadline_default, self._deadline, DEADLINE_SECONDS
        )
        assumed = tuple(read.assumed for read in (autoscaler, concurrency) if read.assumed)
        return KnativeDefaults(autoscaler.value, concurrency.value, deadline.value, assumed)

    def version(self, kube: KubeApi) -> str | None:
        """Of Knative, from the label of its controller; None: unknown. One GET; raises nothing."""
        try:
            found = kube.get(path(*collection("apps/v1", "deployments", self.namespace), "controller"))
            said = found["metadata"]["labels"]["app.kubernetes.io/version"]
        except ClusterError:
            last = self._version
            return last.value if self.clock() - last.at <= KEPT_SECONDS else None
        except (LookupError, TypeError):
            said = None
        self._version = read = _Read("", said if isinstance(said, str) else None, at=self.clock())
        return read.value

    def _one(
        self,
        kube: KubeApi,
        name: str,
        parse: Callable[[Mapping[str, str]], Value],
        last: _Read[Value] | None,
        own: Value,
    ) -> _Read[Value]:
        try:
            found = kube.get(path(*collection("v1", "configmaps", self.namespace), name))
            data = found.get("data") or {}
            version = str(found["metadata"].get("resourceVersion"))
            if last is not None and last.version == version:
                return replace(last, assumed="", at=self.clock())
            said = parse({str(key): str(value) for key, value in data.items()})
            return _Read(version, said, at=self.clock())
        except ClusterError as error:
            if error.status == 404:
                if last is None or self.clock() - last.at > KEPT_SECONDS:
                    return _Read("none", own)
                return replace(last, assumed=f"what {name} said last, for it is gone")
            problem = str(error)
        except (KpaConfigError, AttributeError, KeyError, TypeError) as error:  # Knative keeps the last good one too
            problem = str(error)
        if last is not None:
            return last
        return _Read("", own, f"Knative's own defaults, for {name} cannot be read: {problem[:160]}")
