"""A Knative Service's YAML: how it scales, and what its owner asks of us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ahpa.adapters.files.knative_config import KnativeConfig
from ahpa.adapters.files.text import InputError
from ahpa.adapters.files.yaml_documents import documents
from ahpa.core.policy.rules import parse_policy
from ahpa.core.policy.values import Parsed
from ahpa.reactive.kpa.config import GROUP, KpaConfig, KpaConfigError


@dataclass(frozen=True)
class ServiceYaml:
    """What a Knative Service says of its own scaling."""

    name: str
    kpa: KpaConfig
    concurrency: int | None
    """containerConcurrency; None where it is not limited."""
    policy: Parsed


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
    try:
        kpa = (
            KpaConfig.from_annotations(annotations, None, limit or concurrency)
            if config is None
            else KpaConfig.from_annotations(annotations, config.autoscaler, limit)
        )
    except KpaConfigError as error:
        raise InputError(f"{path}: {error}") from error
    policy = parse_policy(own)
    if policy.problems:
        raise InputError(f"{path}: {'; '.join(policy.problems)}")
    return ServiceYaml(str(_at(service, "metadata").get("name", "service")), kpa, limit or None, policy)


def _at(node: Mapping[str, object], *keys: str) -> Mapping[str, object]:
    for key in keys:
        found = node.get(key)
        node = found if isinstance(found, Mapping) else {}
    return node
