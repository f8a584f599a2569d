"""The Job that puts everything back is as fenced in as the service, and cannot be taken for it."""

from __future__ import annotations

from typing import Any

import click
import yaml

from ahpa.cli import main
from ahpa.commands.environment import variables
from tests.manifests.test_config_files import CONFIG, objects

HOOKS = {"helm.sh/hook": "pre-delete", "argocd.argoproj.io/hook": "PreDelete"}
(JOB,) = objects(CONFIG / "uninstall/job.yaml")
(DEPLOYMENT,) = objects(CONFIG / "base/deployment.yaml")


def pod(owner: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = owner["spec"]["template"]["spec"]
    return spec


def _restore() -> click.Command:
    command = main.get_command(click.Context(main), "restore")
    assert command is not None
    return command


def test_it_runs_as_the_service_does() -> None:
    """The same account, so that its fences hold; the same image, user, root and capabilities."""
    job, service = pod(JOB), pod(DEPLOYMENT)
    for field in ("serviceAccountName", "securityContext"):
        assert job[field] == service[field], field
    (container,), (other,) = job["containers"], service["containers"]
    assert container["image"] == other["image"]
    assert container["securityContext"] == other["securityContext"]
    files = [CONFIG / part / "kustomization.yaml" for part in ("base", "uninstall")]
    named = [yaml.safe_load(file.read_text())["images"][0] for file in files]
    assert [each["name"] for each in named] == ["ahpa", "ahpa"]
    assert named[0] == named[1]


def test_the_selector_of_the_service_does_not_find_it() -> None:
    """Else it would wait for itself to end."""
    labels = JOB["spec"]["template"]["metadata"]["labels"]
    assert not DEPLOYMENT["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_its_command_is_one_that_ahpa_understands() -> None:
    (container,) = pod(JOB)["containers"]
    name, *words = container["args"]
    given = _restore().make_context(name, list(words)).params
    meta = DEPLOYMENT["metadata"]
    assert (given["all"], given["yes"], given["stop"]) == (True, True, (meta["namespace"], meta["name"]))


def test_it_puts_back_the_kinds_that_the_overlays_have() -> None:
    """It may list no others, and must not be content where it may not look."""
    (container,) = pod(JOB)["containers"]
    said = {each["name"]: each.get("value", "") for each in container["env"]}
    assert {name for name in said if name.startswith("AHPA_")} <= set(variables(_restore()))
    overlay = yaml.safe_load((CONFIG / "overlays/production/kustomization.yaml").read_text())
    assert {f"../../components/{kind}" for kind in said["AHPA_RESTORE_KINDS"].split(",")} == set(overlay["components"])


def test_helm_and_argo_run_the_rights_before_the_job_and_all_before_they_delete() -> None:
    everything = [JOB, *objects(CONFIG / "uninstall/rbac.yaml")]
    assert len(everything) == 3
    for each in everything:
        noted = each["metadata"]["annotations"]
        assert HOOKS.items() <= noted.items()
        first = each is not JOB
        assert int(noted["helm.sh/hook-weight"]) == int(noted["argocd.argoproj.io/sync-wave"]) == (-1 if first else 0)


def test_no_overlay_holds_it() -> None:
    """`kubectl apply -k` of an installation would uninstall it."""
    for file in [CONFIG / "base/kustomization.yaml", *(CONFIG / "overlays").rglob("kustomization.yaml")]:
        assert "uninstall" not in file.read_text()
