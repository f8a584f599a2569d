"""What `config/components/dask` promises: workers without rights, TLS alone, started by words that Dask understands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from distributed.cli import dask_scheduler, dask_worker

from ahpa.adapters.dask.scheduler import Scheduler
from tests.manifests.overlays import CONFIG, one
from tests.manifests.test_overlays import uncommented

DASK = CONFIG / "components/dask"
TLS = {"--tls-ca-file": "ca.crt", "--tls-cert": "tls.crt", "--tls-key": "tls.key"}


def objects(kind: str, folder: Path = DASK) -> Iterator[dict[str, Any]]:
    for file in sorted(folder.glob("*.yaml")):
        yield from (each for each in yaml.safe_load_all(file.read_text()) if each["kind"] == kind)


def deployments() -> dict[str, dict[str, Any]]:
    return {each["spec"]["template"]["spec"]["containers"][0]["name"]: each for each in objects("Deployment")}


def container(name: str) -> dict[str, Any]:
    found: dict[str, Any] = deployments()[name]["spec"]["template"]["spec"]["containers"][0]
    return found


@pytest.mark.parametrize("name", ["scheduler", "worker"])
def test_its_pods_hold_no_token_and_are_as_restricted_as_ours(name: str) -> None:
    (ours,) = yaml.safe_load_all((CONFIG / "base/deployment.yaml").read_text())
    ours, theirs = (each["spec"]["template"]["spec"] for each in (ours, deployments()[name]))
    assert theirs["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in theirs
    assert theirs["securityContext"] == {**ours["securityContext"], "fsGroup": 65532}
    assert container(name)["securityContext"] == ours["containers"][0]["securityContext"]
    assert container(name)["image"] == ours["containers"][0]["image"]
    assert [each["emptyDir"]["medium"] for each in theirs["volumes"] if "emptyDir" in each] == ["Memory"]
    assert {"requests", "limits"} == container(name)["resources"].keys()


@pytest.mark.parametrize(("name", "command"), [("scheduler", dask_scheduler.main), ("worker", dask_worker.main)])
def test_what_it_is_started_with_dask_understands_and_is_tls(name: str, command: Any) -> None:
    """By the parser of the Dask that is locked, which the image has."""
    words = dict(word.partition("=")[::2] for word in container(name)["args"])
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= known
    assert container(name)["command"] == ["dask", name]
    for option, file in TLS.items():
        assert words[option] == f"/etc/ahpa-dask/{file}"
    told = {each["name"]: each["value"] for each in container(name)["env"]}
    assert told["DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION"] == "True"
    assert told["OPENBLAS_NUM_THREADS"] == "1"


def test_the_controller_is_told_where_it_is_and_shows_a_certificate() -> None:
    (component,) = objects("Component")
    (settings,) = component["configMapGenerator"]
    said = dict(each.removeprefix("AHPA_SERVE_EXECUTOR").split("=") for each in settings["literals"])
    (service,) = objects("Service")
    scheduler = Scheduler.at(said[""], said["_CA"], said["_CERT"], said["_KEY"])
    assert scheduler.address == f"tls://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
    assert f"tls://{service['metadata']['name']}:8786" in container("worker")["args"]


def test_only_its_own_and_the_controller_reach_it() -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in objects("NetworkPolicy")}
    callers = {
        peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"]
        for spec in policies.values()
        for rule in spec["ingress"]
        for peer in rule["from"]
    }
    assert callers == {"ahpa-dask", "ahpa"}
    for deployment in deployments().values():
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert policies["ahpa-dask"]["podSelector"]["matchLabels"].items() <= labels.items()
        assert labels["app.kubernetes.io/name"] != "ahpa"  # whom our own Service and NetworkPolicy select


def test_the_certificates_are_those_that_are_mounted() -> None:
    made = {each["spec"]["secretName"] for each in objects("Certificate", CONFIG / "components/dask-cert-manager")}
    assert made == {"ahpa-dask-ca", "ahpa-dask-pool", "ahpa-dask-client"}


@pytest.mark.testbed
def test_an_overlay_takes_it_in_by_one_line(tmp_path: Path) -> None:
    opened = uncommented(tmp_path, "production", "# - ../../components/dask ")
    controller = next(each for each in opened if each["kind"] == "Deployment" and each["metadata"]["name"] == "ahpa")
    volumes = {each["name"]: each for each in controller["spec"]["template"]["spec"]["volumes"]}
    assert volumes["dask-tls"]["secret"]["secretName"] == "ahpa-dask-client"
    assert "AHPA_SERVE_EXECUTOR" in one(opened, "ConfigMap", "ahpa-settings")["data"]
    images = {
        each["spec"]["template"]["spec"]["containers"][0]["image"] for each in opened if each["kind"] == "Deployment"
    }
    assert images == {"ahpa:0.1.0"}
