"""What `config/` promises, read from its files: no cluster needed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ahpa.adapters.kubernetes.fenced import POLICY
from ahpa.adapters.kubernetes.leases import DIGITS, SHARD_LABEL
from ahpa.adapters.prometheus.queries import load_queries
from ahpa.commands.leading import LEASE
from ahpa.commands.serve import command
from ahpa.core.policy.rules import parse_policy
from ahpa.core.shards import MOST_SHARDS, shards

CONFIG = Path(__file__).parents[2] / "config"
FILES = sorted(each for each in CONFIG.rglob("*.yaml") if "templates" not in each.parts)  # which are no YAML yet
RIGHTS = {
    "base": {
        ("", "pods", "list"),
        ("", "pods", "watch"),
        ("events.k8s.io", "events", "create"),
        ("coordination.k8s.io", "leases", "create"),
        ("coordination.k8s.io", "leases", "list"),
        ("coordination.k8s.io", "leases", "patch"),
    },
    "knative": {
        ("serving.knative.dev", "services", "list"),
        ("serving.knative.dev", "services", "watch"),
        ("serving.knative.dev", "services", "patch"),
        ("serving.knative.dev", "revisions", "list"),
        ("serving.knative.dev", "revisions", "watch"),
        ("serving.knative.dev", "revisions", "patch"),
        ("apps", "deployments", "get"),
        ("", "configmaps", "get"),
    },
    "hpa": {
        ("autoscaling", "horizontalpodautoscalers", "list"),
        ("autoscaling", "horizontalpodautoscalers", "watch"),
        ("autoscaling", "horizontalpodautoscalers", "patch"),
        ("apps", "deployments", "get"),
        ("apps", "deployments", "list"),
        ("apps", "deployments", "watch"),
        ("apps", "statefulsets", "get"),
        ("apps", "statefulsets", "list"),
        ("apps", "statefulsets", "watch"),
        ("argoproj.io", "rollouts/scale", "get"),
    },
    "knative-1.20": {
        ("autoscaling.internal.knative.dev", "podautoscalers", "list"),
        ("autoscaling.internal.knative.dev", "podautoscalers", "watch"),
        ("autoscaling.internal.knative.dev", "podautoscalers", "patch"),
    },
    "keda": {
        ("keda.sh", "scaledobjects", "list"),
        ("keda.sh", "scaledobjects", "watch"),
        ("keda.sh", "scaledobjects", "patch"),
        ("apps", "deployments", "get"),
        ("apps", "deployments", "list"),
        ("apps", "deployments", "watch"),
        ("apps", "statefulsets", "get"),
        ("apps", "statefulsets", "list"),
        ("apps", "statefulsets", "watch"),
        ("argoproj.io", "rollouts/scale", "get"),
    },
    "uninstall": {("apps", "deployments/scale", "patch"), ("", "pods", "list")},
    "kserve": {
        ("serving.kserve.io", "inferenceservices", "list"),
        ("serving.kserve.io", "inferenceservices", "watch"),
        ("serving.kserve.io", "inferenceservices", "patch"),
        ("autoscaling", "horizontalpodautoscalers", "get"),
        ("autoscaling", "horizontalpodautoscalers", "list"),
        ("autoscaling", "horizontalpodautoscalers", "watch"),
        ("keda.sh", "scaledobjects", "get"),
        ("keda.sh", "scaledobjects", "list"),
        ("keda.sh", "scaledobjects", "watch"),
        ("apps", "deployments", "get"),
        ("apps", "deployments", "list"),
        ("apps", "deployments", "watch"),
        ("", "configmaps", "get"),
        ("", "configmaps", "patch"),
    },
}
USUAL = ("base", "knative", "hpa")
"""What the overlays hold as they are."""


def objects(file: Path) -> Iterator[dict[str, Any]]:
    return (each for each in yaml.safe_load_all(file.read_text()) if each)


def rights(file: Path) -> set[tuple[str, str, str]]:
    rules = [rule for each in objects(file) for rule in each.get("rules", [])]
    return {(g, r, v) for rule in rules for g in rule["apiGroups"] for r in rule["resources"] for v in rule["verbs"]}


def rbac(slice_name: str) -> Path:
    apart = slice_name in ("base", "uninstall")
    return CONFIG / (slice_name if apart else f"components/{slice_name}") / "rbac.yaml"


@pytest.mark.parametrize("slice_name", RIGHTS)
def test_each_slice_grants_exactly_what_the_code_uses(slice_name: str) -> None:
    """So no wildcard, no secret, no create or delete on a target. test_admission.py shows that each is used."""
    assert rights(rbac(slice_name)) == RIGHTS[slice_name]


@pytest.mark.parametrize("slice_name", RIGHTS)
def test_each_rule_says_why(slice_name: str) -> None:
    lines = rbac(slice_name).read_text().splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("- apiGroups")]
    assert starts
    assert [lines[n] for n in starts if not lines[n - 1].startswith("# ")] == []


def test_rights_stand_in_no_other_file() -> None:
    granting = {file for file in FILES for each in objects(file) if each.get("kind") in ("Role", "ClusterRole")}
    assert granting == {rbac(slice_name) for slice_name in RIGHTS}


def test_the_pod_is_as_restricted_as_the_standard_wants_and_more() -> None:
    """Pod Security "restricted", a read-only root, and no writable place but memory."""
    (deployment,) = objects(CONFIG / "base/deployment.yaml")
    spec = deployment["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    writable = [v for v in spec["volumes"] if "emptyDir" in v]
    assert [v["emptyDir"]["medium"] for v in writable] == ["Memory"]


def test_two_replicas_elect_a_leader_that_the_fence_knows_by_its_pod() -> None:
    """Its name and uid come from the pod itself, and are what the policy takes from the token of a request."""
    (deployment,) = objects(CONFIG / "base/deployment.yaml")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    said = {each["name"]: each for each in container["env"]}
    fields = {name: said[name]["valueFrom"]["fieldRef"]["fieldPath"] for name in ("POD_NAME", "POD_UID")}
    assert fields == {"POD_NAME": "metadata.name", "POD_UID": "metadata.uid"}
    assert said["AHPA_SERVE_IDENTITY"]["value"] == "$(POD_NAME)_$(POD_UID)"
    assert list(said).index("AHPA_SERVE_IDENTITY") > list(said).index("POD_UID"), "only what stands before is filled in"
    assert "AHPA_SERVE_LEADER_ELECT=true" in (CONFIG / "base/settings.env").read_text().splitlines()
    assert deployment["spec"]["replicas"] == 2
    (budget,) = objects(CONFIG / "base/poddisruptionbudget.yaml")
    assert budget["spec"]["selector"] == deployment["spec"]["selector"]


def test_each_lease_that_there_can_be_may_be_written_and_no_other() -> None:
    (role,) = [each for each in objects(CONFIG / "base/rbac.yaml") if each["kind"] == "Role"]
    (named,) = [rule for rule in role["rules"] if "resourceNames" in rule]
    assert named["resourceNames"] == list(shards(LEASE, MOST_SHARDS))
    assert (role["metadata"]["namespace"], named["verbs"]) == ("ahpa-system", ["patch"])


def test_the_leaders_fence_stands_for_all_that_is_written_and_by_the_leases_that_are_made() -> None:
    """Every resource that a role of ours may patch in a target's place, and the label under which leases are made."""
    policy, binding = objects(CONFIG / "base/fence.yaml")
    rules = policy["spec"]["matchConstraints"]["resourceRules"]
    fenced = {(group, resource) for rule in rules for group in rule["apiGroups"] for resource in rule["resources"]}
    patched = {(group, what) for rights in RIGHTS.values() for group, what, verb in rights if verb == "patch"}
    assert fenced == patched - {("coordination.k8s.io", "leases"), ("apps", "deployments/scale")}, "its own"
    chosen = binding["spec"]["paramRef"]
    assert chosen["selector"] == {"matchLabels": {SHARD_LABEL: "shard"}}
    assert chosen["parameterNotFoundAction"] == "Allow"
    assert (policy["metadata"]["name"], DIGITS in str(policy["spec"]["variables"])) == (POLICY, True)


def test_every_setting_is_an_option_of_serve() -> None:
    """A mistyped AHPA_SERVE_... would be ignored in silence."""
    known = {f"AHPA_SERVE_{str(parameter.name).upper()}" for parameter in command.params}
    texts = [(CONFIG / "base/settings.env").read_text(), *(file.read_text() for file in FILES)]
    used = {name for text in texts for name in re.findall(r"\bAHPA_SERVE_[A-Z_]+", text)}
    assert used >= {"AHPA_SERVE_PROMETHEUS", "AHPA_SERVE_DRY_RUN"}
    assert used - known == set()


def test_the_queries_that_ship_can_be_loaded() -> None:
    added = set(load_queries(str(CONFIG / "base/queries.yaml"))) - set(load_queries())
    assert added == {"spring-rps"}


def test_fences_stand_for_our_account_and_deny() -> None:
    """A fence for another account, or one that only warns, would protect nothing."""
    found = [each for file in CONFIG.rglob("fence.yaml") for each in objects(file)]
    policies = {each["metadata"]["name"]: each["spec"] for each in found if each["kind"].endswith("Policy")}
    bindings = {each["spec"]["policyName"]: each["spec"] for each in found if each["kind"].endswith("Binding")}
    assert (
        set(policies)
        == set(bindings)
        == {
            f"ahpa-{each}"
            for each in (
                *("hpas", "revisions", "services", "podautoscalers", "scaledobjects", "inferenceservices"),
                "leader",
            )
        }
    )
    for name, spec in policies.items():
        assert spec["failurePolicy"] == "Fail"
        ours = "request.userInfo.username == 'system:serviceaccount:ahpa-system:ahpa'"
        in_a_pod = "'authentication.kubernetes.io/pod-name' in request.userInfo.extra"
        expected = [ours, in_a_pod] if name == "ahpa-leader" else [ours]
        assert [each["expression"] for each in spec["matchConditions"]] == expected
    assert all(spec["validationActions"] == ["Deny"] for spec in bindings.values())


def test_the_fence_of_the_leases_outlives_an_uninstallation() -> None:
    """By Helm, by Argo CD and by kubectl: an API server whose last policy with Leases went follows them no more."""
    fence = [(each["kind"], each["metadata"]["name"]) for each in objects(CONFIG / "base/fence.yaml")]
    for each in objects(CONFIG / "base/fence.yaml"):
        noted = each["metadata"]["annotations"]
        assert noted["helm.sh/resource-policy"] == "keep"
        assert "Delete=false" in noted["argocd.argoproj.io/sync-options"].split(",")
    (rest,) = objects(CONFIG / "uninstall/rest/kustomization.yaml")
    spared = [yaml.safe_load(each["patch"]) for each in rest["patches"]]
    assert {each["$patch"] for each in spared} == {"delete"}
    assert [(each["kind"], each["metadata"]["name"]) for each in spared] == fence


@pytest.mark.parametrize("file", sorted((CONFIG / "samples").glob("*.yaml")), ids=lambda file: file.stem)
def test_samples_carry_annotations_that_parse_without_a_warning(file: Path) -> None:
    annotated = [each for each in objects(file) if each["metadata"].get("annotations")]
    assert len(annotated) == 1
    parsed = parse_policy(annotated[0]["metadata"]["annotations"])
    reads = file.stem.endswith("reads-the-floor")  # nothing is written for those
    assert (parsed.problems, parsed.warnings, parsed.policy.mode) == ((), (), "observe" if reads else "apply")
    assert parsed.policy.demand in {"auto", *load_queries()}
