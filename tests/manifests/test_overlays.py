"""What the overlays render to. Needs kubectl and promtool (the testbed's), not a running cluster."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from ahpa.commands.serve import command
from testbed.build import find_parts
from tests.manifests.overlays import CONFIG, OVERLAYS, one, render

pytestmark = pytest.mark.testbed
HERE = Path(__file__).parent


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
    assert [each["subjects"] for each in bindings] == [[account]] * 4
    roles = {(e["kind"], e["metadata"]["name"], e["metadata"].get("namespace")) for e in objects if "rules" in e}
    referred = {(e["roleRef"]["kind"], e["roleRef"]["name"], e["metadata"].get("namespace")) for e in bindings}
    assert referred == roles


def test_single_namespace_has_no_cluster_wide_rights_and_watches_where_it_has_rights() -> None:
    objects = render("single-namespace")
    watched = one(objects, "ConfigMap", "ahpa-settings")["data"]["AHPA_SERVE_NAMESPACE"]
    assert not [each for each in objects if each["kind"].startswith("ClusterRole")]
    granted = {e["metadata"]["name"]: e["metadata"]["namespace"] for e in objects if e["kind"] == "Role"}
    assert granted == {
        "ahpa": watched,
        "ahpa-knative": watched,
        "ahpa-hpa": watched,
        "ahpa-knative-settings": "knative-serving",
    }


def test_alerts_ring_when_they_should_and_not_before(tmp_path: Path) -> None:
    """The scenarios are in alerts_test.yaml, run by Prometheus' own evaluator."""
    rule = yaml.safe_load((CONFIG / "components/monitoring/prometheusrule.yaml").read_text())
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rule["spec"]))
    shutil.copy(HERE / "alerts_test.yaml", tmp_path)
    words = [str(find_parts().binaries["promtool"]), "test", "rules", str(tmp_path / "alerts_test.yaml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
