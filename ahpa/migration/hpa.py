"""The plain HPA (autoscaling/v2) that takes the place of another system's own kind of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ahpa.core.policy.rules import parse_policy
from ahpa.core.policy.values import PREFIX
from ahpa.migration.fields import Fields
from ahpa.migration.migrated import SAME, Migrated, Note, Object, Unmigratable
from ahpa.reactive.hpa.config import HpaConfig, HpaSpecError

NOBODYS = "left out: nobody reads it any more"
MEASURED = ("cpu", "memory")
"""What the resource metrics API knows."""
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_CPU = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}
_NO_METRIC = "none of its metrics is one of an HPA, and without one an HPA would take CPU at 80 %: no HPA is printed"


class Hpa:
    """An HPA in the making: what the translators of all kinds do alike. Each method raises Unmigratable."""

    def __init__(self, item: Object, group: str) -> None:
        self.top = Fields(item)
        self.meta = self.top.part("metadata")
        self.spec = self.top.part("spec")
        self.group = group
        """Of the other system: its annotations do not move along."""
        self.annotations: dict[str, str] = {f"{PREFIX}mode": "observe"}
        self.out: dict[str, object] = {}
        self.metrics: list[object] = []
        self.scales = ""
        """The kind of what is scaled."""
        self.without: str = ""
        """Why no HPA is printed."""

    def ask(self, name: str, value: str) -> str:
        """Sets one of our annotations; what a note says of it."""
        self.annotations[PREFIX + name] = value
        return f"{PREFIX}{name}: {value}"

    def target(self) -> None:
        reference = self.spec.part("scaleTargetRef")
        name, kind = reference.name("name"), reference.text("kind")
        if name is None or kind is None:
            raise Unmigratable("spec.scaleTargetRef: kind and name say what is scaled, and one is missing")
        self.scales = kind
        version = reference.text("apiVersion") or "apps/v1"
        self.out["scaleTargetRef"] = {"apiVersion": version, "kind": kind, "name": name}
        self.spec.note("scaleTargetRef", SAME)

    def bounds(self) -> None:
        """minReplicas, 1 where none is said, and maxReplicas."""
        low, high = self.spec.count("minReplicas"), self.spec.count("maxReplicas")
        if high is None:
            raise Unmigratable("spec.maxReplicas is missing")
        self.out |= {"minReplicas": 1 if low is None else max(1, low), "maxReplicas": high}
        one = "1, as an HPA holds at least one replica (unless its cluster has HPAScaleToZero on)"
        self.spec.note("minReplicas", one if low == 0 else SAME, needs_you=low == 0)
        self.spec.note("maxReplicas", SAME)

    def measured(self, where: Fields, besides: Collection[str] = ()) -> None:
        """The metrics of a part in the shape of an HPA's, but for the fields `besides`; each that an HPA could not read
        is told, and left out."""
        entries = where.parts("metrics")
        for entry in entries:
            metric = {key: value for key, value in entry.node.items() if key not in besides}
            problem = _problem(metric)
            if problem:
                entry.whole(f"left out: {problem}", needs_you=True)
                continue
            if metric not in self.metrics:
                self.metrics.append(metric)
            query = _query_of(metric)
            lost = [key for key in besides if key in entry.node]
            said = f"{SAME}, without {' and '.join(lost)}" if lost else SAME
            entry.whole(f"{said}; {query}" if query else said, needs_you=bool(query))
        if entries:
            self.without = "" if self.metrics else _NO_METRIC

    def _or_cpu(self) -> None:
        """CPU as its metric where nothing else is, as Kubernetes would take it silently: a person has to look at it."""
        if not self.metrics and not self.without:
            self.metrics.append({"type": "Resource", "resource": _CPU})
            words = "CPU at 80 % of its request, as an HPA has to have one: is it what its load shows in?"
            self.top.notes.append(Note("spec.metrics", "", words, needs_you=True))

    def behave(self) -> None:
        """spec.behavior, which several took over from the HPA."""
        if self.spec.value("behavior") is not None:
            behavior = self.spec.part("behavior")
            self.out["behavior"] = dict(behavior.node)
            behavior.whole(SAME)

    def settle(self, fields: Fields, name: str) -> None:
        """A wait before lowering, in seconds."""
        seconds = fields.count(name)
        if seconds is not None:
            self.out["behavior"] = {"scaleDown": {"stabilizationWindowSeconds": seconds}}
            fields.note(name, f"spec.behavior.scaleDown.stabilizationWindowSeconds: {seconds}")

    def done(self, kind: str, plural: str) -> Migrated:
        """With what its metadata say, and with what nobody read of it."""
        namespace, name = self.meta.name("namespace"), self.meta.name("name")
        if name is None:
            raise Unmigratable("metadata.name is missing")
        metadata = moved_metadata(self.meta, self.group, self.annotations)
        self._or_cpu()
        self.spec.rest()
        result: Object | None = None
        if self.without:
            self.top.notes.append(Note("spec", "", self.without, needs_you=True))
        else:
            spec = {**self.out, "metrics": self.metrics}
            _check(spec)
            result = {
                "apiVersion": "autoscaling/v2",
                "kind": "HorizontalPodAutoscaler",
                "metadata": metadata,
                "spec": spec,
            }
        where = f" -n {namespace}" if namespace else ""
        delete = f"kubectl delete {plural}.{self.group} {name}{where}"
        first = ("delete the old one, or two autoscalers fight over one workload:", delete)
        return Migrated(kind, f"{namespace}/{name}" if namespace else name, tuple(self.top.notes), result, first)


def moved_metadata(meta: Fields, group: str | None, ours: Mapping[str, str], told: str = "") -> Object:
    """Name, namespace, labels and annotations, with a note on each that our own reader would refuse; what the cluster
    wrote stays behind, and so do annotations of `group`. `told` is an annotation of which somebody said already what
    became of it. Raises Unmigratable."""
    labels, noted = meta.part("labels"), meta.part("annotations")
    kept = _texts(noted)
    kept.pop(LAST_APPLIED, None)
    for key in [key for key in kept if belongs_to(key, group)]:
        del kept[key]
        if key != told:
            noted.note(key, NOBODYS, needs_you=True)
    if meta.value("ownerReferences"):
        meta.note("ownerReferences", "left out: what made this object would make it again", needs_you=True)
    annotations = {**kept, **ours}
    for problem in parse_policy(annotations).problems:
        meta.notes.append(Note("metadata.annotations", "", f"ahpa refuses {problem}", needs_you=True))
    named = {"name": meta.name("name"), "namespace": meta.name("namespace")}
    return {
        **{key: value for key, value in named.items() if value is not None},
        **({"labels": _texts(labels)} if labels.node else {}),
        "annotations": annotations,
    }


def _texts(fields: Fields) -> dict[str, str]:
    return {key: text for key in fields.node if (text := fields.text(key)) is not None}


def belongs_to(key: str, group: str | None) -> bool:
    """Whether an annotation is of this API group, or of a part of it."""
    prefix = key.partition("/")[0]
    return group is not None and (prefix == group or prefix.endswith("." + group))


def _query_of(metric: Object) -> str:
    """What has to be known of a metric that ahpa cannot measure by itself; empty for cpu and memory of pods."""
    (read,) = HpaConfig.from_spec({"maxReplicas": 1, "metrics": [metric]}).metrics
    if read.source.endswith("Resource"):
        return ""
    return (
        f"ahpa measures it if the operator's list has a query for: {read.source.lower()}/{read.name}; else name one in "
        f"{PREFIX}demand, and in {PREFIX}target-per-replica what one replica serves in its unit"
    )


def _problem(metric: Object) -> str:
    """Why an HPA could not take this entry of spec.metrics; empty if it could."""
    try:
        (read,) = HpaConfig.from_spec({"maxReplicas": 1, "metrics": [metric]}).metrics
    except HpaSpecError as error:
        return str(error)
    except (AttributeError, KeyError, TypeError, ValueError):
        return "it has not the shape of autoscaling/v2"
    if read.source == "Resource" and read.name not in MEASURED:
        return f"Kubernetes measures {' and '.join(MEASURED)} of pods, and no {read.name}"
    return ""


def _check(spec: Object) -> None:
    try:
        HpaConfig.from_spec(spec)
    except HpaSpecError as error:
        raise Unmigratable(f"spec: {error}") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Unmigratable("spec.behavior: it has not the shape of autoscaling/v2") from error
