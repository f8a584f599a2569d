"""What is known of one annotated object, as an adapter read it at one moment; nothing here does anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from ahpa.core.capacity import Part
from ahpa.core.served import KPA, Reaction
from ahpa.core.setting import FIXED, Lever
from ahpa.core.units import Capacity

NO_NAMES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Measure:
    """One thing that a target is scaled by, as its object says it."""

    metric: str
    """What is measured, by the name that a query of the operator's list is `for`: `knative/rps`, `resource/cpu`,
    `pods/http_requests`; empty: no query can be."""
    capacities: tuple[Capacity, ...]
    """What one replica serves of it at target: one, or one for each part."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What its query is filled with besides: `container`, `topic`, ..."""
    promql: str = ""
    """Its owner's own query, where the object carries one."""


@dataclass(frozen=True, eq=False)
class Target:
    """One annotated object and the facts around it, as listed at one moment."""

    kind: str
    """The name of its kind: `knative`, `hpa`, ..."""
    namespace: str
    name: str
    annotations: Mapping[str, str]
    reference: Mapping[str, str]
    """apiVersion, kind, name, namespace, uid: what an Event regards."""
    baseline: int
    floor: int
    ready: int
    present: int
    maximum: int | None
    measures: tuple[Measure, ...]
    """What it is scaled by, as far as the object says: whatever needs most replicas decides."""
    managed: bool
    selector: str
    """Label selector of its pods; empty if unknown."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What its queries are filled with besides its namespace and name: `workload`, and `workload-kind`, whose pods are
    its own."""
    no_demand: str = ""
    """Why nothing is measured by itself, in words."""
    parts: tuple[Part, ...] = ()
    """The Revisions that have traffic or are about to: each one's share, capacity and bounds. Their `per_replica` is
    what they say (1 where nothing is said) until the service has brought it into the demand's unit."""
    assumed: tuple[str, ...] = ()
    """What could not be read and was taken for granted, in words."""
    reaction: Reaction = KPA
    """How the scaler above the floor follows the load."""
    lever: Lever = FIXED
    """Its utilisation target, and whether it can be raised."""
    refusal: str | None = None
    in_git: str = ""
    """Which tool keeps its minimum as Git has it, and would revert ours; empty: none."""
    doubt: str | None = None
    """Why nothing should be released now, as far as its own scaler says."""
    inertia: str = ""
    """Why its autoscaler would not follow a floor above what it asks for now, as far as is known."""
    maker: str = ""
    """The key of the target that made this one and speaks for it; empty: nobody that we know."""
    title: str = "object"
    """How people call its kind: `HPA`."""
    bearer: str = ""
    """The uid of the object that is written to, where that is not its own."""
    handle: object = None
    """The adapter's own: the listed objects that it will write to."""

    @cached_property
    def key(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"

    @property
    def uid(self) -> str:
        """By it a target belongs to a shard, and so does what is written to for it."""
        return self.bearer or self.reference.get("uid", "")
