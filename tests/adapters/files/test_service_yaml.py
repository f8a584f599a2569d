"""Claims about what a Knative Service's YAML says, and what is refused in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ahpa.adapters.files.knative_config import read_knative_config
from ahpa.adapters.files.service_yaml import ServiceYaml, read_service
from ahpa.adapters.files.text import InputError
from ahpa.core.policy.values import AHPA_CLASS
from ahpa.reactive.hpa.config import HpaConfig
from ahpa.reactive.kpa.config import KpaConfig
from tests.adapters.files.examples import put

SERVICE = """
apiVersion: serving.knative.dev/v1
kind: Service
metadata:
  name: chat
  annotations: {ahpa.dev/late-target: "1%", ahpa.dev/manage-target: "true"}
spec:
  template:
    metadata:
      annotations:
        autoscaling.knative.dev/target-utilization-percentage: "80"
        autoscaling.knative.dev/min-scale: "2"
    spec:
      containerConcurrency: 8
      containers: [{image: model}]
"""


def kpa_of(told: ServiceYaml) -> KpaConfig:
    assert isinstance(told.scaler, KpaConfig)
    return told.scaler


def test_a_knative_service_says_how_it_scales(tmp_path: Path) -> None:
    told = read_service(put(tmp_path, "svc.yaml", SERVICE), 4)
    kpa = kpa_of(told)
    assert (told.name, told.concurrency, kpa.total_value, kpa.min_scale) == ("chat", 8, 8.0, 2)
    assert kpa.target_value == pytest.approx(6.4)
    assert (told.policy.policy.late_target, told.policy.policy.manage_target) == (0.01, True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kind: Deployment\nspec: {}\n", "no Knative Service"),
        ("a: [1,\n  b\n", ":3: not YAML"),
        ("a: &x [1]\nb: *x\n", ":2: YAML aliases"),
        ("a: 2026-13-45\n", ":1: not YAML: month must be in 1..12"),
        (SERVICE.replace('"80"', '"800"'), "target-utilization-percentage"),
        (SERVICE.replace('"1%"', '"1.5"'), "ahpa.dev/late-target"),
        (SERVICE.replace("Concurrency: 8", "Concurrency: many"), "containerConcurrency"),
        ("!!python/object/apply:os.system ['true']\n", "not YAML"),
        (
            SERVICE.replace("target-utilization-percentage", "class").replace("80", AHPA_CLASS),
            "ahpa migrate .*svc.yaml",
        ),
    ],
    ids=[
        "other kind",
        "broken",
        "alias",
        "no date",
        "bad annotation",
        "bad policy",
        "bad concurrency",
        "python tag",
        "AHPA",
    ],
)
def test_a_service_that_cannot_be_read_is_refused_with_words(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_service(put(tmp_path, "svc.yaml", text), 4)


def test_annotations_on_the_service_itself_are_refused_as_knative_does_and_told_where_they_belong(
    tmp_path: Path,
) -> None:
    """Beside the name min-scale and target are refused by Knative, and were read as nothing by us."""
    text = """
kind: Service
metadata:
  name: cart
  annotations: {autoscaling.knative.dev/minScale: "3", autoscaling.knative.dev/target: "2"}
spec: {template: {spec: {containers: [{image: cart}]}}}
"""
    with pytest.raises(InputError) as caught:
        read_service(put(tmp_path, "svc.yaml", text), 4)
    assert str(caught.value).endswith(
        "invalid key name 'autoscaling.knative.dev/minScale': metadata.annotations: autoscaling annotations must be "
        'put under "spec.template.metadata.annotations" to work, Knative says; '
        "move autoscaling.knative.dev/minScale, autoscaling.knative.dev/target there"
    )


def test_camel_case_is_read_as_its_twin_by_either_class(tmp_path: Path) -> None:
    camel = SERVICE.replace("target-utilization-percentage", "targetUtilizationPercentage")
    told = read_service(put(tmp_path, "camel.yaml", camel.replace("min-scale", "minScale")), 4)
    assert told.scaler == read_service(put(tmp_path, "kebab.yaml", SERVICE), 4).scaler
    by_hpa = SERVICE.replace('target-utilization-percentage: "80"', "class: hpa.autoscaling.knative.dev")
    scaler = read_service(put(tmp_path, "hpa.yaml", by_hpa.replace("min-scale", "minScale")), 4).scaler
    assert isinstance(scaler, HpaConfig)
    assert scaler.min_replicas == 2


CONFIG = """
kind: List
items:
- kind: ConfigMap
  metadata: {name: config-autoscaler}
  data: {container-concurrency-target-default: "10", min-scale: "1"}
- {kind: ConfigMap, metadata: {name: config-defaults}, data: {container-concurrency: "6"}}
- {kind: ConfigMap, metadata: {name: config-network}, data: {a: b}}
"""
BARE = "kind: Service\nmetadata: {name: chat}\nspec: {template: {spec: {containers: []}}}\n"


def test_the_clusters_configuration_decides_where_the_service_says_nothing(tmp_path: Path) -> None:
    config = read_knative_config(put(tmp_path, "config.yaml", CONFIG))
    bare = read_service(put(tmp_path, "bare.yaml", BARE), 4, config)
    assert (bare.concurrency, kpa_of(bare).total_value, kpa_of(bare).min_scale) == (6, 6.0, 1)
    own = read_service(put(tmp_path, "own.yaml", SERVICE), 4, config)
    assert (own.concurrency, kpa_of(own).min_scale) == (8, 2)
    without = read_knative_config(put(tmp_path, "config.yaml", CONFIG.replace('"6"', '"0"')))
    assert kpa_of(read_service(put(tmp_path, "bare.yaml", BARE), 4, without)).target_value == pytest.approx(7)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BARE, "neither ConfigMap config-autoscaler nor config-defaults"),
        (CONFIG.replace('"10"', "many"), "container-concurrency-target-default='many' is not a number"),
        (CONFIG.replace('"6"', '"-1"'), "container-concurrency"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_refused_with_words(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_knative_config(put(tmp_path, "config.yaml", text))
