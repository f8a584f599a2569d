"""What the overlays render to. Needs kubectl and promtool (the testbed's), not a running cluster."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from ahpa.commands.serve import command
from tests.manifests.overlays import CONFIG, OVERLAYS, one, render, rendered

pytestmark = [pytest.mark.testbed, pytest.mark.xdist_group("overlays")]
HERE = Path(__file__).parent
BUILT_IN = {
    ("v1", "Namespace"),
    ("v1", "ServiceAccount"),
    ("v1", "ConfigMap"),
    ("v1", "Service"),
    ("apps/v1", "Deployment"),
    ("policy/v1", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy"),
    ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding"),
}
"""Of what we may need, all that every API server of Kubernetes 1.30 knows by itself."""


def uncommented(tmp_path: Path, overlay: str, *begins: str) -> list[dict[str, Any]]:
    """The overlay once somebody has taken the `# ` from the lines that begin so, as its comments say."""
    shutil.copytree(CONFIG, tmp_path / "config")
    file = tmp_path / "config/overlays" / overlay / "kustomization.yaml"
    lines = file.read_text().splitlines()
    opened = [line.removeprefix("# ") if line.startswith(begins) else line for line in lines]
    assert opened != lines
    file.write_text("\n".join(opened) + "\n")
    return render(overlay, tmp_path / "config")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_applies_to_a_cluster_that_has_nothing_but_kubernetes(overlay: str) -> None:
    """No kind of the Prometheus Operator's or of Knative's, and no namespace of Knative's: `apply -k` ended with 1.
    What is in a namespace is in our own, or in the one that its operator named."""
    objects = render(overlay)
    assert {(each["apiVersion"], each["kind"]) for each in objects} <= BUILT_IN
    ours = {each["metadata"]["name"] for each in objects if each["kind"] == "Namespace"}
    named = one(objects, "ConfigMap", "ahpa-settings")["data"].get("AHPA_SERVE_NAMESPACE")
    assert {each["metadata"].get("namespace") for each in objects} <= {None, named, *ours}


def test_an_uninstallation_deletes_all_that_was_applied_but_the_fence_of_the_leases() -> None:
    applied, deleted = (
        {(each["kind"], each["metadata"]["name"]) for each in found}
        for found in (render("production"), rendered(CONFIG / "uninstall/rest"))
    )
    fence = {(f"ValidatingAdmissionPolicy{each}", "ahpa-leader") for each in ("", "Binding")}
    assert (applied - deleted, deleted - applied) == (fence, set())


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_whoever_has_the_prometheus_operator_opts_in_by_one_line(overlay: str, tmp_path: Path) -> None:
    opened = uncommented(tmp_path, overlay, "# - ../../components/monitoring")
    more = {(each["apiVersion"], each["kind"]) for each in opened} - BUILT_IN
    assert more == {("monitoring.coreos.com/v1", kind) for kind in ("ServiceMonitor", "PrometheusRule")}
    monitor = one(opened, "ServiceMonitor")["spec"]
    service = one(opened, "Service")
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert [each["port"] for each in monitor["endpoints"]] == ["metrics"]
    assert "metrics" in {each["name"] for each in service["spec"]["ports"]}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_whoever_wants_a_copy_of_the_history_opts_in_by_one_line(overlay: str, tmp_path: Path) -> None:
    """It is the one volume that the service may write to and that outlives a container."""
    opened = uncommented(tmp_path, overlay, "# - ../../components/history")
    pod = one(opened, "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (mount,) = [each for each in container["volumeMounts"] if each["name"] == "history"]
    (volume,) = [each for each in pod["volumes"] if each["name"] == "history"]
    settings = one(opened, "ConfigMap", container["envFrom"][0]["configMapRef"]["name"])
    assert settings["data"]["AHPA_SERVE_STATE"] == mount["mountPath"]
    assert volume["emptyDir"]
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_metrics_can_be_scraped_without_the_operator_too(overlay: str) -> None:
    """The trial stage left no metrics at all."""
    template = one(render(overlay), "Deployment")["spec"]["template"]
    noted = template["metadata"]["annotations"]
    (container,) = template["spec"]["containers"]
    ports = {each["name"]: str(each["containerPort"]) for each in container["ports"]}
    assert noted["prometheus.io/scrape"] == "true"
    assert (noted["prometheus.io/port"], noted["prometheus.io/path"]) == (ports["metrics"], "/metrics")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_renders_to_one_deployment_with_its_settings(overlay: str) -> None:
    """The pod takes the very settings and queries that were rendered: kustomize's hashes agree."""
    objects = render(overlay)
    settings = one(objects, "ConfigMap", "ahpa-settings")
    queries = one(objects, "ConfigMap", "ahpa-queries")
    pod = one(objects, "Deployment")["spec"]["template"]["spec"]
    assert pod["containers"][0]["envFrom"] == [{"configMapRef": {"name": settings["metadata"]["name"]}}]
    assert pod["volumes"][0] == {"name": "queries", "configMap": {"name": queries["metadata"]["name"]}}
    assert (
        settings["data"]["AHPA_SERVE_QUERIES"] == f"{pod['containers'][0]['volumeMounts'][0]['mountPath']}/queries.yaml"
    )
    assert list(queries["data"]) == ["queries.yaml"]


@pytest.mark.parametrize(
    ("overlay", "dry_run"), [("observe", True), ("production", False), ("single-namespace", False)]
)
def test_only_observe_forbids_every_write(overlay: str, dry_run: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the way the container reads them: the command line's own parser, from the environment."""
    settings = one(render(overlay), "ConfigMap", "ahpa-settings")["data"]
    for name, value in (settings | {"AHPA_SERVE_QUERIES": str(CONFIG / "base/queries.yaml")}).items():
        monkeypatch.setenv(name, value)
    given = command.make_context("serve", [], auto_envvar_prefix="AHPA_SERVE").params
    assert given["dry_run"] is dry_run
    assert given["prometheus"] == settings["AHPA_SERVE_PROMETHEUS"]
    assert given["namespace"] == settings.get("AHPA_SERVE_NAMESPACE")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everything_of_ours_hangs_on_one_account_in_one_namespace(overlay: str) -> None:
    objects = render(overlay)
    bindings = [each for each in objects if each["kind"] in ("RoleBinding", "ClusterRoleBinding")]
    account = {"kind": "ServiceAccount", "name": "ahpa", "namespace": "ahpa-system"}
    assert [each["subjects"] for each in bindings] == [[account]] * 5
    roles = {(e["kind"], e["metadata"]["name"], e["metadata"].get("namespace")) for e in objects if "rules" in e}
    referred = {(e["roleRef"]["kind"], e["roleRef"]["name"], e["metadata"].get("namespace")) for e in bindings}
    assert referred == roles


def test_single_namespace_watches_where_it_has_rights_and_beyond_it_gets_settings_by_name() -> None:
    objects = render("single-namespace")
    watched = one(objects, "ConfigMap", "ahpa-settings")["data"]["AHPA_SERVE_NAMESPACE"]
    (wide,) = [each for each in objects if each["kind"] == "ClusterRole"]
    assert {verb for rule in wide["rules"] for verb in rule["verbs"]} == {"get"}
    names = sorted(name for rule in wide["rules"] for name in rule["resourceNames"])
    assert names == ["config-autoscaler", "config-defaults", "config-deployment", "controller"]
    granted = {e["metadata"]["name"]: e["metadata"]["namespace"] for e in objects if e["kind"] == "Role"}
    assert granted == {"ahpa": watched, "ahpa-knative": watched, "ahpa-hpa": watched, "ahpa-leases": "ahpa-system"}


def test_where_knative_is_installed_single_namespace_can_do_without_any_cluster_wide_right(tmp_path: Path) -> None:
    objects = uncommented(tmp_path, "single-namespace", "# - target:", "#   ")
    watched = one(objects, "ConfigMap", "ahpa-settings")["data"]["AHPA_SERVE_NAMESPACE"]
    assert not [each for each in objects if each["kind"].startswith("ClusterRole")]
    granted = {e["metadata"]["name"]: e["metadata"]["namespace"] for e in objects if e["kind"] == "Role"}
    assert granted == {
        "ahpa": watched,
        "ahpa-knative": watched,
        "ahpa-hpa": watched,
        "ahpa-knative-settings": "knative-serving",
        "ahpa-leases": "ahpa-system",
    }
