"""A Knative Service's YAML: how it scales, by the KPA or by an HPA, and what its owner asks of us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ahpa.adapters.files.knative_config import KnativeConfig
from ahpa.adapters.files.text import InputError
from ahpa.adapters.files.yaml_documents import documents
from ahpa.core.policy.rules import parse_policy
from ahpa.core.policy.values import AHPA_CLASS, Parsed
from ahpa.reactive.hpa.config import HpaConfig, HpaSpecError
from ahpa.reactive.kpa.config import GROUP, ClusterDefaults, KpaConfig, KpaConfigError
from ahpa.reactive.kpa.hpa_class import HPA_CLASS, hpa_spec
from ahpa.reactive.kpa.reader import Reader


@dataclass(frozen=True)
class ServiceYaml:
    """What an object says of its own scaling: a Knative Service here, an HPA or a ScaledObject in hpa_yaml.py."""

    name: str
    scaler: KpaConfig | HpaConfig
    """An HPA with the metrics that the object names."""
    concurrency: int | None
    """containerConcurrency; None where it is not limited, or not said."""
    policy: Parsed
    remarks: tuple[str, ...] = ()
    """What of it cannot be simulated, in words."""


def read_service(path: Path, concurrency: int, config: KnativeConfig | None = None) -> ServiceYaml:
    """The first Knative Service of a YAML file. Where it says nothing `config` decides; without one Knative's own
    defaults do, but a Service without a limit is taken to have `concurrency` for one."""
    for document in documents(path):
        if isinstance(document, Mapping) and document.get("kind") == "Service" and "template" in _at(document, "spec"):
            return _scaling(path, document, concurrency, config)
    raise InputError(f"{path}:1: no Knative Service (kind: Service with spec.template) in it")


def _scaling(path: Path, service: Mapping[str, object], concurrency: int, config: KnativeConfig | None) -> ServiceYaml:
    own = {str(k): str(v) for k, v in _at(service, "metadata", "annotations").items()}
    if misplaced := [key for key in sorted(own) if key.startswith(GROUP)]:
        raise InputError(
            f"{path}: invalid key name {misplaced[0]!r}: metadata.annotations: autoscaling annotations must be put "
            f'under "spec.template.metadata.annotations" to work, Knative says; move {", ".join(misplaced)} there'
        )
    template = _at(service, "spec", "template")
    limit = _at(template, "spec").get("containerConcurrency")
    limit = limit if limit is not None else config.container_concurrency if config is not None else 0
    if type(limit) is not int or not 0 <= limit <= 1000:
        raise InputError(f"{path}: containerConcurrency {str(limit)[:40]!r} is not a whole number up to 1000")
    annotations = {str(k): str(v) for k, v in _at(template, "metadata", "annotations").items()}
    defaults = None if config is None else config.autoscaler
    try:
        scaler: KpaConfig | HpaConfig
        named = Reader(annotations, GROUP).text("class", (defaults or ClusterDefaults()).autoscaler_class)
        if named == AHPA_CLASS:
            raise InputError(f"{path}: class {AHPA_CLASS}: no scaler of Knative; `ahpa migrate {path}` rewrites it")
        if named == HPA_CLASS:
            scaler = HpaConfig.from_spec(hpa_spec(annotations, defaults or ClusterDefaults()))
        else:
            scaler = KpaConfig.from_annotations(annotations, defaults, limit or (0 if config else concurrency))
    except (KpaConfigError, HpaSpecError) as error:
        raise InputError(f"{path}: {error}") from error
    name = str(_at(service, "metadata").get("name", "service"))
    return ServiceYaml(name, scaler, limit or None, asked_of_us(path, own))


def asked_of_us(path: Path, annotations: Mapping[str, str]) -> Parsed:
    """What an owner's annotations ask of us. Raises InputError."""
    policy = parse_policy(annotations)
    if policy.problems:
        raise InputError(f"{path}: {'; '.join(policy.problems)}")
    return policy


def _at(node: Mapping[str, object], *keys: str) -> Mapping[str, object]:
    for key in keys:
        found = node.get(key)
        node = found if isinstance(found, Mapping) else {}
    return node
