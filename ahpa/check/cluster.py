"""What a cluster says for itself: its versions, our rights in it, the fences around us."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from itertools import groupby

from ahpa.adapters.kubernetes.bearers import old
from ahpa.adapters.kubernetes.preflight import Preflight, Right, user_of
from ahpa.check.finding import Finding, Outcome
from ahpa.check.rights import INSTALL, Rule, granted, refused, unwanted, wanted
from ahpa.ports import ClusterError

OLDEST = (1, 30)
"""Of Kubernetes: the first whose ValidatingAdmissionPolicies are there by default (docs/decisions/0040-fences.md)."""
GROUPS = {
    "knative": "serving.knative.dev",
    "hpa": "autoscaling",
    "keda": "keda.sh",
    "kserve": "serving.kserve.io",
}
"""By kind: the API group that is there where it is installed."""
OPERATORS = {"keda": ("keda", "keda-operator"), "kserve": ("kserve", "kserve-controller-manager")}
"""By kind: namespace and name of the Deployment that tells its version, as its own manifests have them."""
FENCES = {
    "base": ("ahpa-leader",),
    "knative": ("ahpa-services", "ahpa-revisions"),
    "knative-1.20": ("ahpa-podautoscalers",),
    "hpa": ("ahpa-hpas",),
    "keda": ("ahpa-scaledobjects",),
    "kserve": ("ahpa-inferenceservices",),
}
"""By part of `config/components`."""
_SEE = "look as an administrator: kubectl ahpa check"


def cluster_findings(ask: Preflight, kinds: Collection[str], namespace: str | None, account: str) -> Iterator[Finding]:
    """One line after the other; `account` is whose rights are asked for, as `namespace/name`. Raises nothing:
    what cannot be seen is a line too."""
    try:
        yield _kubernetes(ask.kubernetes())
        groups = ask.groups()
    except ClusterError as error:
        yield _unseen(error, "version", "cluster")
        return
    there = [kind for kind in kinds if GROUPS[kind] in groups]
    for kind in kinds:
        if kind not in there:
            yield Finding(Outcome.OK, "version", kind, "not installed, and nothing is asked of it")
    if not there:
        yield Finding(Outcome.FAILED, "version", "cluster", "no kind of target is installed", "look into --kinds")
    knative = None
    if "knative" in there:
        try:
            knative = ask.version_of("knative-serving", "controller")
            yield _knative(knative)
        except ClusterError as error:
            yield _unseen(error, "version", "knative")
    for kind in there:
        if kind in OPERATORS:
            yield _operator(ask, kind)
    parts = ["base", *there, *(["knative-1.20"] if knative is not None and old(knative) else [])]
    yield from _rights(ask, parts, groups, namespace, account)
    yield from _fences(ask, parts, account)


def _kubernetes(version: str) -> Finding:
    found = re.match(r"v?(\d{1,4})\.(\d{1,4})", version, re.ASCII)
    needed = ".".join(map(str, OLDEST))
    if found is None:
        return Finding(Outcome.WARNING, "version", "kubernetes", f"{version[:40]!r} is no version that we know")
    if (int(found.group(1)), int(found.group(2))) < OLDEST:
        said = f"{version}, and its admission policies need {needed}: nothing fences us"
        return Finding(Outcome.FAILED, "version", "kubernetes", said, f"upgrade to {needed} or newer")
    return Finding(Outcome.OK, "version", "kubernetes", f"{version} ({needed} or newer is needed)")


def _knative(version: str | None) -> Finding:
    if version is None:
        said = "its controller has no label app.kubernetes.io/version, so nothing is written"
        return Finding(Outcome.FAILED, "version", "knative", said, "install Knative by its own manifests or operator")
    if old(version):
        said = f"{version}: before 1.21 floors go to PodAutoscalers"
        do = "take the # from the line components/knative-1.20 in your overlay, if it is still there"
        return Finding(Outcome.WARNING, "version", "knative", said, do)
    return Finding(Outcome.OK, "version", "knative", version)


def _operator(ask: Preflight, kind: str) -> Finding:
    """Nothing depends on it, so the service has no right to look."""
    try:
        version = ask.version_of(*OPERATORS[kind])
    except ClusterError as error:
        if error.status == 0:
            return _unseen(error, "version", kind)
        version = None
    return Finding(Outcome.OK, "version", kind, version or "installed; its version cannot be seen from here")


def _rights(
    ask: Preflight, parts: Iterable[str], groups: Collection[str], namespace: str | None, account: str
) -> Iterator[Finding]:
    parts = list(parts)
    needed = list(wanted(parts, groups))
    forbidden = [rule for rule in dict.fromkeys(unwanted(parts)) if "." not in rule.group or rule.group in groups]
    rules = [*(rule for _, rule in needed), *forbidden]
    try:
        answers = _answers(ask, rules, namespace, account)
    except ClusterError as error:
        if error.status == 403:
            said = "you may not ask for the rights of others"
            yield Finding(Outcome.WARNING, "rights", account, said, f"{_SEE}; or in the pod of the service")
        else:
            yield _unseen(error, "rights", account)
        return
    for part, each in groupby(needed, key=lambda found: found[0]):
        yield from granted(part, account, answers, [rule for _, rule in each], namespace)
    yield from refused(account, answers, forbidden, namespace)


def _answers(ask: Preflight, rules: Iterable[Rule], namespace: str | None, account: str) -> dict[Right, bool]:
    """By right, of the account: by itself where that is who we are. Raises ClusterError."""
    other = None if ask.me() == user_of(account) else account
    rights = {right for rule in rules for right in rule.rights(namespace)}
    return {right: ask.may(right, other) for right in sorted(rights, key=str)}


def _fences(ask: Preflight, parts: Iterable[str], account: str) -> Iterator[Finding]:
    for part in parts:
        for name in FENCES.get(part, ()):
            try:
                wrong = ask.fence(name, account)
            except ClusterError as error:
                if error.status == 403:
                    said = "cannot see admission policies, for which the service has no right and needs none"
                    yield Finding(Outcome.WARNING, "fence", name, said, _SEE)
                else:
                    yield _unseen(error, "fence", name)
                continue
            if wrong:
                said = f"{wrong}: a token of ours could change more than a minimum"
                yield Finding(Outcome.FAILED, "fence", name, said, f"{INSTALL}, with config/components/{part}")
            else:
                yield Finding(Outcome.OK, "fence", name, "stands, is bound, and denies")


def _unseen(error: ClusterError, what: str, where: str) -> Finding:
    if error.status == 0:
        return Finding(Outcome.UNREACHABLE, what, where, str(error), "look into --kubeconfig and --context")
    return Finding(Outcome.WARNING, what, where, f"cannot see it: {error}", _SEE)
