"""The Helm chart is the kustomize source and values: what both render is the same, whatever is switched on. Needs helm
and kubectl (the testbed's), not a running cluster.
"""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path
from typing import Any

import click
import pytest

from ahpa.adapters.kubernetes.kinds import KINDS
from tests.manifests.chart import CHART, Refused, Wish, by_name, charted, generated, helm, parted
from tests.manifests.overlays import CONFIG, one, rendered

pytestmark = [pytest.mark.testbed, pytest.mark.helm, pytest.mark.xdist_group("chart")]
NEVER_DRY = {"serve.dryRun": None}
PRODUCTION = Wish(overlay="production", values={**NEVER_DRY, "serve.cap": 50})
NAMED = Wish(overlay="single-namespace", values={**NEVER_DRY, "serve.namespace": "inference"})
EVERY = tuple(KINDS)
OLDER = {"knative.before121": True}
DASK: dict[str, Any] = {"dask.enabled": True}
MONITORED = {"serviceMonitor.enabled": True, "prometheusRule.enabled": True}
SWITCHES = {
    "knative-1.20": Wish(EVERY, ("knative-1.20",), values=OLDER),
    "network-policy": Wish(components=("network-policy",), values={"networkPolicy.enabled": True}),
    "monitoring": Wish(components=("monitoring",), values=MONITORED),
    "dashboards": Wish(components=("dashboards",), values={"dashboards.enabled": True}),
    "history": Wish(components=("history",), values={"history.enabled": True}),
    "dask": Wish(("hpa",), ("history", "dask"), values={**DASK, "history.enabled": True}),
    "dask-cert-manager": Wish(EVERY, ("dask", "dask-cert-manager"), values={**DASK, "dask.certManager": True}),
}
"""By the component that is no kind."""


def sample(option: click.Option) -> tuple[object, str]:
    """A value of an option, and as the command reads it."""
    if option.name == "kinds":
        return ["hpa", "keda"], "hpa,keda"
    if option.name in generated().ONLY:
        most = generated().ONLY[option.name][-1]
        return most, str(most)
    if option.is_flag:
        return True, "true"
    if isinstance(option.type, click.FloatRange):
        return 2.5, "2.5"
    if isinstance(option.type, click.IntRange):
        most = option.type.max or 1_000_000
        return most, str(most)
    return f"a-{option.name}", f"a-{option.name}"


def wishes() -> Iterator[Wish]:
    """Every combination of kinds; the overlays; everything else that can be switched on."""
    for count in range(1, len(EVERY) + 1):
        yield from (Wish(kinds) for kinds in combinations(EVERY, count))
    yield PRODUCTION
    yield NAMED
    yield Wish(EVERY, ("knative-1.20",), "single-namespace", values={**NAMED.values, **OLDER})
    for component in sorted(each.name for each in (CONFIG / "components").iterdir()):
        if component not in EVERY:
            yield SWITCHES[component]  # KeyError: no value for a component
    said = {"AHPA_SERVE_MAX_TARGETS_PER_NAMESPACE": "1000000", "AHPA_SERVE_LAG_P50": "5m"}
    yield Wish(settings=said, values={"serve.maxTargetsPerNamespace": 1_000_000, "serve.lagP50": "5m"})


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of config/, for overlays that are not ours."""
    return Path(shutil.copytree(CONFIG, tmp_path_factory.mktemp("charted") / "config", symlinks=True))


def test_the_chart_renders_what_kustomize_renders(config: Path) -> None:
    """Object by object, for every combination of kinds, every overlay and every component."""

    def both(numbered: tuple[int, Wish]) -> None:
        number, wish = numbered
        installed, _ = parted(wish.of_chart())
        ours, theirs = by_name(installed), by_name(wish.of_overlay(config / f"overlays/wish-{number}"))
        assert set(ours) == set(theirs), wish
        for key, each in ours.items():
            assert each == theirs[key], (wish, key)

    with ThreadPoolExecutor(2) as pool:
        assert len(list(pool.map(both, enumerate(wishes())))) > 2 ** len(EVERY)


def test_helm_restores_before_it_deletes_by_the_job_of_config(tmp_path: Path) -> None:
    """A pre-delete hook; as `kubectl apply -k config/uninstall`, for the kinds that are on and the namespace if it is
    one. `uninstall.restore: false` leaves it out."""
    _, hooks = parted(charted({"serve.kinds": ["hpa", "keda"], "serve.namespace": "inference"}))
    expected = by_name(rendered(CONFIG / "uninstall"))
    (job,) = (each for each in expected.values() if each["kind"] == "Job")
    said = {each["name"]: each for each in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    said["AHPA_RESTORE_KINDS"]["value"] = "hpa,keda"
    added = {"name": "AHPA_RESTORE_NAMESPACE", "value": "inference"}
    job["spec"]["template"]["spec"]["containers"][0]["env"].append(added)
    found = by_name(hooks)
    for each in found.values():
        assert each["metadata"].pop("labels") == {"app.kubernetes.io/name": "ahpa", "app.kubernetes.io/part-of": "ahpa"}
    assert found == expected
    assert parted(charted({"uninstall.restore": False}))[1] == []


def test_what_is_said_of_pods_reaches_each_of_them() -> None:
    """The image by its digest, its registry's Secret, and where pods may run: of the service, the workers, the Job."""
    digest = f"sha256:{'0' * 64}"
    taint = [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    asked = {"dask.enabled": True, "image.repository": "registry.example.com/ahpa", "image.digest": digest}
    asked |= {f"{part}tolerations": taint for part in ("", "dask.scheduler.", "dask.worker.")}
    asked |= {"imagePullSecrets": [{"name": "registry"}], "dask.worker.replicas": 7, "replicas": 4, "serve.shards": 4}
    asked |= {"affinity": {"nodeAffinity": {}}, "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}]}
    asked |= {"extraVolumes": [{"name": "token", "secret": {"secretName": "prometheus"}}]}
    asked |= {"extraVolumeMounts": [{"name": "token", "mountPath": "/token"}], "resources.limits.memory": "4Gi"}
    asked |= {"podLabels": {"app.kubernetes.io/name": "mine", "team": "ml"}}
    found = [each for each in charted(asked) if each["kind"] in ("Deployment", "Job")]
    assert len(found) == 4
    for each in found:
        pod = each["spec"]["template"]["spec"]
        assert {container["image"] for container in pod["containers"]} == {f"registry.example.com/ahpa@{digest}"}
        assert (pod["imagePullSecrets"], pod["tolerations"]) == ([{"name": "registry"}], taint)
    counts = {each["metadata"]["name"]: each["spec"].get("replicas") for each in found}
    assert counts == {"ahpa": 4, "ahpa-dask-scheduler": 1, "ahpa-dask-worker": 7, "ahpa-uninstall": None}
    template = next(each for each in found if each["metadata"]["name"] == "ahpa")["spec"]["template"]
    assert template["metadata"]["labels"] == {
        "app.kubernetes.io/name": "ahpa",  # ours, by which it is selected
        "app.kubernetes.io/part-of": "ahpa",
        "team": "ml",
    }
    (container,) = template["spec"]["containers"]
    assert template["spec"]["affinity"] == {"nodeAffinity": {}}
    assert container["env"][-1]["name"] == "HTTPS_PROXY"
    assert container["volumeMounts"][-2:][0]["name"] == template["spec"]["volumes"][-2:][0]["name"] == "token"
    assert container["resources"] == {"requests": {"cpu": "100m", "memory": "320Mi"}, "limits": {"memory": "4Gi"}}


def test_each_option_of_the_command_is_a_value_that_reaches_it() -> None:
    """By its variable; a number of seven digits as well."""
    samples = {option: sample(option) for option in generated().options()}
    asked = {f"serve.{generated().value_name(option)}": value for option, (value, _) in samples.items()}
    settings = one(parted(charted(asked))[0], "ConfigMap", "ahpa-settings")["data"]
    assert settings == {f"AHPA_SERVE_{option.name}".upper(): text for option, (_, text) in samples.items()}


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"serve.dryRum": True}, "dryRum"),
        ({"replicaCount": 2}, "replicaCount"),
        ({"serve.cap": "50"}, "cap"),
        ({"serve.shards": 17}, "shards"),
        ({"serve.pagePort": 9000}, "pagePort"),
        ({"serve.kinds": ["knativ"]}, "kinds"),
        ({"serve.kinds": []}, "kinds"),
        ({"serve.kinds": None}, "kinds"),
        ({"image.digest": "latest"}, "digest"),
        ({"dask.workers": 3}, "workers"),
        ({"serve.identity": "x"}, "identity"),
        ({"serve.leaderElect": False}, "replicas: 1"),
        ({"serve.kinds": ["hpa"], "knative.before121": True}, "knative"),
        ({"dask.certManager": True}, "dask.enabled"),
        ({"serve.kinds": ["hpa"], "knative.settingsNamespace": "knative-serving"}, "knative"),
        ({"serve.queries": "/mine/queries.yaml", "queries": {"mine": "sum(x)"}}, "only one"),
    ],
)
def test_a_value_that_would_do_nothing_or_harm_is_refused(values: dict[str, Any], named: str) -> None:
    with pytest.raises(Refused, match=named):
        charted(values)


def test_dashboards_lie_where_grafanas_sidecar_looks() -> None:
    """Its own chart looks in its own namespace alone."""
    asked = {"dashboards.enabled": True, "dashboards.namespace": "monitoring"}
    found = [each for each in charted(asked) if each["metadata"]["name"].startswith("ahpa-dashboard-")]
    assert [each["metadata"]["namespace"] for each in found] == ["monitoring"] * 2


def test_another_namespace_is_refused_as_the_fences_name_ours() -> None:
    with pytest.raises(Refused, match="-n ahpa-system"):
        charted({}, namespace="default")


def test_a_packed_chart_needs_no_links(tmp_path: Path) -> None:
    """What is published holds the source itself, and nothing that is not read."""
    helm("package", str(CHART), "-d", str(tmp_path))
    (packed,) = tmp_path.glob("ahpa-*.tgz")
    assert by_name(charted({}, chart=packed)) == by_name(charted({}))
    with tarfile.open(packed) as archive:
        assert all(each.isfile() for each in archive)
    assert packed.stat().st_size < 200_000, "Helm keeps the chart in each release, of 1 MiB at most"
