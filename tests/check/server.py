"""An API server that knows versions, rights and fences, beside its objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

from ahpa.adapters.kubernetes.api import Object
from ahpa.adapters.kubernetes.preflight import ADMISSION
from tests.fakes.kube import FakeKube
from tests.manifests.test_config_files import CONFIG

ACCOUNT = "ahpa-system/ahpa"
OURS = "system:serviceaccount:ahpa-system:ahpa"
GROUPS = ("apps", "autoscaling", "autoscaling.internal.knative.dev", "serving.knative.dev")


class AskedKube(FakeKube):
    """`granted` says which questions (resourceAttributes of a review) are answered with yes."""

    def __init__(self, granted: Callable[[dict[str, str]], bool]) -> None:
        super().__init__()
        self.granted, self.me = granted, OURS
        self.skew = 0.0
        self.asked: list[tuple[str, Object]] = []
        """Of whom, and what."""
        self.stand("/version", {"gitVersion": "v1.36.2"})
        self.stand("/apis", {"groups": [{"name": group} for group in GROUPS]})

    def stand(self, where: str, item: Object) -> None:
        """What is no object, but answers."""
        self.objects[where] = item

    def fence(self, part: str) -> None:
        """As `kubectl apply` of the fence of `base`, or of a component."""
        folder = CONFIG if part == "base" else CONFIG / "components"
        for each in yaml.safe_load_all((folder / part / "fence.yaml").read_text()):
            plural = each["kind"].lower().replace("policy", "policies") if each["kind"].endswith("Policy") else None
            resource = plural or f"{each['kind'].lower()}s"
            self.put(f"/apis/{ADMISSION}/{resource}/{each['metadata']['name']}", each)

    def create(self, where: str, body: Object) -> Object:
        self._maybe_fail("POST", where)
        if where.endswith("/selfsubjectreviews"):
            return {**body, "status": {"userInfo": {"username": self.me}}}
        spec: dict[str, Any] = body["spec"]
        self.asked.append((spec.get("user", self.me), spec["resourceAttributes"]))
        return {**body, "status": {"allowed": self.granted(spec["resourceAttributes"])}}


def as_manifests(*parts: str) -> Callable[[dict[str, str]], bool]:
    """Rights as `config/` grants them: of the base and of these components."""
    files = [CONFIG / "base/rbac.yaml", *(CONFIG / f"components/{part}/rbac.yaml" for part in parts)]
    rules = [
        rule
        for file in files
        for each in yaml.safe_load_all(file.read_text())
        if each
        for rule in each.get("rules", [])
    ]

    def granted(asked: dict[str, str]) -> bool:
        resource = "/".join(filter(None, (asked["resource"], asked["subresource"])))
        return any(
            asked["group"] in rule["apiGroups"]
            and resource in rule["resources"]
            and asked["verb"] in rule["verbs"]
            and asked["name"] in rule.get("resourceNames", [asked["name"]])
            for rule in rules
        )

    return granted
