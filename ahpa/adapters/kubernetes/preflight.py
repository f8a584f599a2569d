"""What can be asked of an API server before anything runs: versions, rights, fences. It keeps and changes nothing:
the reviews that are created here are questions (authorization.k8s.io/v1, authentication.k8s.io/v1).
"""

from __future__ import annotations

from dataclasses import dataclass

from ahpa.adapters.kubernetes.api import KubeApi, Object, collection, path
from ahpa.ports import ClusterError

ADMISSION = "admissionregistration.k8s.io/v1"


@dataclass(frozen=True)
class Right:
    """One verb on one resource; `deployments/scale` is the subresource of one."""

    verb: str
    group: str
    resource: str
    namespace: str | None = None
    """None: in all."""
    name: str = ""
    """Empty: of whatever name."""


def user_of(account: str) -> str:
    """How the API server calls the service account `namespace/name`."""
    return f"system:serviceaccount:{account.replace('/', ':')}"


@dataclass(frozen=True)
class Preflight:
    """Asks one API server."""

    kube: KubeApi

    def kubernetes(self) -> str:
        """The server's version, as `v1.36.2`. Raises ClusterError."""
        return str(self.kube.get("/version").get("gitVersion"))

    def groups(self) -> frozenset[str]:
        """Of the kinds that the server knows, beside the core's. Raises ClusterError."""
        return frozenset(str(each["name"]) for each in self.kube.get("/apis").get("groups") or [])

    def version_of(self, namespace: str, deployment: str) -> str | None:
        """What the label of a Deployment says; None: nothing. Raises ClusterError."""
        found = self.kube.get(path(*collection("apps/v1", "deployments", namespace), deployment))
        said = (found["metadata"].get("labels") or {}).get("app.kubernetes.io/version")
        return None if said is None else str(said)

    def me(self) -> str:
        """Who we are, as the server sees it. Raises ClusterError."""
        review = self.kube.create(path("apis", "authentication.k8s.io", "v1", "selfsubjectreviews"), _review(
            "authentication.k8s.io/v1", "SelfSubjectReview"))  # fmt: skip
        return str(((review.get("status") or {}).get("userInfo") or {}).get("username", ""))

    def may(self, right: Right, account: str | None = None) -> bool:
        """Whether a service account (`namespace/name`; None: who we are) has this right. Raises ClusterError; 403
        where we may not ask for others."""
        resource, _, subresource = right.resource.partition("/")
        asked = {
            "verb": right.verb,
            "group": right.group,
            "resource": resource,
            "subresource": subresource,
            "namespace": right.namespace or "",
            "name": right.name,
        }
        kind = "SelfSubjectAccessReview" if account is None else "SubjectAccessReview"
        spec: Object = {"resourceAttributes": asked}
        if account is not None:
            spec |= {"user": user_of(account), "groups": _groups_of(account)}
        where = path("apis", "authorization.k8s.io", "v1", f"{kind.lower()}s")
        answer = self.kube.create(where, {**_review("authorization.k8s.io/v1", kind), "spec": spec})
        return (answer.get("status") or {}).get("allowed") is True

    def fence(self, name: str, account: str) -> str:
        """What is wrong with an admission policy around a service account (`namespace/name`); empty: it stands, is
        bound, and denies. Raises ClusterError; 403 where we may not look."""
        try:
            policy = self.kube.get(path(*collection(ADMISSION, "validatingadmissionpolicies", None), name))
        except ClusterError as error:
            if error.status == 404:
                return "it is not there"
            raise
        if (policy.get("spec") or {}).get("failurePolicy") != "Fail":
            return "its failurePolicy is not Fail"
        conditions = [str(each.get("expression")) for each in policy["spec"].get("matchConditions") or []]
        if not any(f"'{user_of(account)}'" in condition for condition in conditions):
            return f"it does not stand around {account}"
        bindings = self.kube.items(path(*collection(ADMISSION, "validatingadmissionpolicybindings", None)))
        bound = [each["spec"] for each in bindings if (each.get("spec") or {}).get("policyName") == name]
        if not bound:
            return "no ValidatingAdmissionPolicyBinding names it"
        whole = [spec for spec in bound if not spec.get("matchResources")]
        if not any("Deny" in (spec.get("validationActions") or []) for spec in whole):
            return "no binding of it denies everywhere"
        return ""


def _review(api_version: str, kind: str) -> Object:
    return {"apiVersion": api_version, "kind": kind}


def _groups_of(account: str) -> list[str]:
    """The groups of whom the API server believes to be this account."""
    namespace = account.partition("/")[0]
    return ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
