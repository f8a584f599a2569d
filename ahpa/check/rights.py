"""Which rights the service needs, as the manifests in `config/` grant them, and which it must not have.

tests/check compares this list with the manifests, both ways.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ahpa.adapters.kubernetes.preflight import Right, user_of
from ahpa.check.finding import Finding, Outcome

HOME = "ahpa-system"
"""Our own namespace."""
_SETTINGS = "knative-serving"
INSTALL = "kubectl apply -k config/overlays/production (docs/install.md)"


@dataclass(frozen=True)
class Rule:
    """Some verbs on one resource."""

    verbs: str
    """With spaces between."""
    group: str
    resource: str
    without: str
    """What happens where they are missing."""
    vital: bool = False
    """Without them the service would not do what it is for."""
    home: str | None = None
    """The one namespace in which they are needed; None: wherever targets are."""
    names: tuple[str, ...] = ()
    """The only objects that they are needed for; empty: all."""

    def rights(self, namespace: str | None) -> Iterator[Right]:
        """Each by itself, for targets in this namespace or in all."""
        for verb in self.verbs.split():
            for name in self.names or ("",):
                yield Right(verb, self.group, self.resource, self.home or namespace, name)


_UNFOUND = "its targets cannot be found or changed"
_LEADERLESS = "no copy may lead, so nothing is written"
_LAG = "how long new replicas take is assumed"
_SCALED = (
    Rule("get list watch", "apps", "deployments", _LAG),
    Rule("get list watch", "apps", "statefulsets", _LAG),
    Rule("get", "argoproj.io", "rollouts/scale", _LAG),
)
RULES: Mapping[str, Sequence[Rule]] = {
    "base": (
        Rule("list watch", "", "pods", _LAG),
        Rule("create", "events.k8s.io", "events", "decisions are not told as Events"),
        Rule("create list", "coordination.k8s.io", "leases", _LEADERLESS, vital=True, home=HOME),
        Rule("patch", "coordination.k8s.io", "leases", _LEADERLESS, vital=True, home=HOME,
             names=tuple(f"ahpa-{i}" for i in range(16))),
    ),
    "knative": (
        Rule("list watch patch", "serving.knative.dev", "services", _UNFOUND, vital=True),
        Rule("list watch patch", "serving.knative.dev", "revisions", _UNFOUND, vital=True),
        Rule("get", "apps", "deployments", "Knative's version is unknown, so nothing is written", vital=True,
             home=_SETTINGS, names=("controller",)),
        Rule("get", "", "configmaps", "Knative's settings are unknown, so nothing is lowered", vital=True,
             home=_SETTINGS, names=("config-autoscaler", "config-defaults", "config-deployment")),
    ),
    "knative-1.20": (
        Rule("list watch patch", "autoscaling.internal.knative.dev", "podautoscalers", _UNFOUND, vital=True),
    ),
    "hpa": (Rule("list watch patch", "autoscaling", "horizontalpodautoscalers", _UNFOUND, vital=True), *_SCALED),
    "keda": (Rule("list watch patch", "keda.sh", "scaledobjects", _UNFOUND, vital=True), *_SCALED),
    "kserve": (
        Rule("list watch patch", "serving.kserve.io", "inferenceservices", _UNFOUND, vital=True),
        Rule("get list watch", "apps", "deployments", _LAG),
        Rule("get list watch", "autoscaling", "horizontalpodautoscalers", "what a raw InferenceService has is unknown"),
        Rule("get list watch", "keda.sh", "scaledobjects", "what a raw InferenceService has is unknown"),
        Rule("get patch", "", "configmaps", "nothing is written: there is no place for what owners had", vital=True,
             home=HOME, names=("ahpa-records",)),
    ),
}  # fmt: skip
"""By the part of `config/` that grants them: `base`, or a component."""

_OF_TARGETS = "create delete deletecollection"
_FOREIGN: Sequence[Rule] = (
    Rule("get list", "", "secrets", "a stolen token of ours would read them"),
    Rule("create", "", "pods", "a stolen token of ours would run anything"),
    Rule("patch", "apps", "deployments", "a stolen token of ours would change what runs"),
)


def wanted(slices: Iterable[str], groups: Collection[str]) -> Iterator[tuple[str, Rule]]:
    """The rules of these parts, each said once, but for kinds that the cluster does not have."""
    seen: set[Rule] = set()
    for part in slices:
        for rule in RULES[part]:
            builtin = "." not in rule.group or rule.group.endswith(".k8s.io")
            if rule not in seen and (builtin or rule.group in groups):
                seen.add(rule)
                yield part, rule


def unwanted(slices: Iterable[str]) -> Iterator[Rule]:
    """What must be refused: making and deleting what is patched, and what would make a stolen token worth having."""
    yield from _FOREIGN
    for part in slices:
        for rule in RULES[part]:
            if "patch" in rule.verbs and rule.home is None:
                yield Rule(_OF_TARGETS, rule.group, rule.resource, "a stolen token of ours would destroy targets")


def granted(part: str, account: str, answers: Mapping[Right, bool], rules: Sequence[Rule], namespace: str | None) -> (
    Iterator[Finding]
):  # fmt: skip
    """A line for each rule of one part that is not wholly granted, or one for all."""
    lacking = [
        (rule, missing)
        for rule in rules
        if (missing := [right for right in rule.rights(namespace) if not answers[right]])
    ]
    for rule, missing in lacking:
        outcome = Outcome.FAILED if rule.vital else Outcome.WARNING
        remedy = INSTALL if part == "base" else f"{INSTALL}, with config/components/{part}"
        yield Finding(outcome, "rights", account, f"may not {_told(missing)}: {rule.without}", remedy)
    if not lacking:
        count = sum(len(list(rule.rights(namespace))) for rule in rules)
        yield Finding(Outcome.OK, "rights", account, f"all {count} that {part} needs")


def refused(account: str, answers: Mapping[Right, bool], rules: Iterable[Rule], namespace: str | None) -> (
    Iterator[Finding]
):  # fmt: skip
    """A line for each rule of which anything is granted, or one for all."""
    count, excess = 0, False
    for rule in rules:
        rights = list(rule.rights(namespace))
        count += len(rights)
        if held := [right for right in rights if answers[right]]:
            excess = True
            remedy = f"kubectl auth can-i --list --as={user_of(account)}, and take away the role that grants it"
            yield Finding(Outcome.FAILED, "rights", account, f"may {_told(held)}: {rule.without}", remedy)
    if not excess:
        yield Finding(Outcome.OK, "rights", account, f"none of {count} that it must not have")


def _told(rights: Sequence[Right]) -> str:
    """Some rights on one resource, in words."""
    first = rights[0]
    verbs = " or ".join(dict.fromkeys(right.verb for right in rights))
    names = ", ".join(dict.fromkeys(right.name for right in rights if right.name))
    resource = f"{first.resource}.{first.group}" if first.group else first.resource
    return f"{verbs} {resource}" + f" {names}" * bool(names) + f" in {first.namespace}" * bool(first.namespace)
