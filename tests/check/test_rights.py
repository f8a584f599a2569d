"""What is asked for is what the manifests grant, no more and no less; one finding for each rule that is not so."""

from __future__ import annotations

import pytest
import yaml

from ahpa.adapters.kubernetes.preflight import Right
from ahpa.check.finding import Outcome
from ahpa.check.rights import RULES, granted, refused, unwanted, wanted
from tests.manifests.test_config_files import CONFIG

ACCOUNT = "ahpa-system/ahpa"


def of_the_manifests(part: str) -> set[tuple[str, str, str, str | None]]:
    """(group, resource, verb, name of the only object or None)."""
    file = CONFIG / ("base" if part == "base" else f"components/{part}") / "rbac.yaml"
    return {
        (group, resource, verb, name)
        for each in yaml.safe_load_all(file.read_text())
        for rule in (each or {}).get("rules", [])
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", [None])
    }


def test_there_is_a_part_for_each_that_grants_rights() -> None:
    granting = {file.parent.name for file in CONFIG.rglob("rbac.yaml") if "uninstall" not in file.parts}
    assert set(RULES) == granting


@pytest.mark.parametrize("part", RULES)
def test_what_is_asked_for_is_what_the_manifests_grant(part: str) -> None:
    asked = {(r.group, r.resource, r.verb, r.name or None) for rule in RULES[part] for r in rule.rights(None)}
    assert asked == of_the_manifests(part)


def test_nothing_that_we_need_is_among_what_we_must_not_have() -> None:
    needed = {(r.verb, r.group, r.resource) for rules in RULES.values() for rule in rules for r in rule.rights(None)}
    forbidden = {(r.verb, r.group, r.resource) for rule in unwanted(RULES) for r in rule.rights(None)}
    assert needed & forbidden == set()
    assert {("delete", "autoscaling", "horizontalpodautoscalers"), ("get", "", "secrets")} <= forbidden


def test_a_kind_that_the_cluster_does_not_have_needs_no_right() -> None:
    """Without Argo Rollouts there is no `rollouts/scale` to read."""
    without = {rule.resource for _, rule in wanted(["hpa"], {"autoscaling", "apps"})}
    assert without == {"horizontalpodautoscalers", "deployments", "statefulsets"}
    assert "rollouts/scale" in {rule.resource for _, rule in wanted(["hpa"], {"argoproj.io"})}


def test_a_right_that_is_missing_says_what_it_costs_and_what_to_do() -> None:
    rules = RULES["knative"]
    answers = {right: right.verb != "patch" for rule in rules for right in rule.rights("shop")}
    found = list(granted("knative", ACCOUNT, answers, rules, "shop"))
    assert [(each.outcome, each.said) for each in found] == [
        (Outcome.FAILED, "may not patch services.serving.knative.dev in shop: its targets cannot be found or changed"),
        (Outcome.FAILED, "may not patch revisions.serving.knative.dev in shop: its targets cannot be found or changed"),
    ]
    assert all("config/components/knative" in each.do for each in found)


def test_a_right_too_many_is_a_failure() -> None:
    rules = list(unwanted(["hpa"]))
    answers = {right: right.verb == "delete" for rule in rules for right in rule.rights(None)}
    (found,) = refused(ACCOUNT, answers, rules, None)
    assert found.outcome is Outcome.FAILED
    assert found.said.startswith("may delete horizontalpodautoscalers.autoscaling: ")


def test_a_namespace_of_its_own_stays_when_only_one_is_watched() -> None:
    """Knative's settings are in Knative's namespace, whatever is watched."""
    spaces = {right.namespace for rule in RULES["knative"] for right in rule.rights("shop")}
    assert spaces == {"shop", "knative-serving"}
    assert next(iter(RULES["base"][0].rights("shop"))) == Right("list", "", "pods", "shop")
