"""A HorizontalPodAutoscaler's YAML, or a KEDA ScaledObject's: how it scales, and what its owner asks of us.

Source of the second: KEDA v2, apis/keda/v1alpha1/scaledobject_types.go and controllers/keda/hpa.go (the HPA that it
makes: at least one replica, up to a hundred where nothing is said, `behavior` as in spec.advanced).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ahpa.adapters.files.service_yaml import ServiceYaml, asked_of_us
from ahpa.adapters.files.text import InputError
from ahpa.adapters.files.yaml_documents import documents
from ahpa.reactive.hpa.config import HpaConfig, HpaSpecError

Part = Mapping[str, object]
KEDA_MAXIMUM = 100
TO_ZERO = "KEDA's way between no replica and one (pollingInterval, cooldownPeriod) is not simulated: one stays"


def read_hpa(path: Path) -> ServiceYaml:
    """The first HorizontalPodAutoscaler or ScaledObject of a YAML file. Raises InputError."""
    for document in documents(path):
        if isinstance(document, Mapping) and document.get("kind") in ("HorizontalPodAutoscaler", "ScaledObject"):
            return _read(path, document)
    raise InputError(f"{path}:1: no HorizontalPodAutoscaler and no ScaledObject in it")


def _read(path: Path, item: Part) -> ServiceYaml:
    kind, meta, spec = str(item["kind"]), _part(item, "metadata"), _part(item, "spec")
    if kind == "HorizontalPodAutoscaler" and item.get("apiVersion") != "autoscaling/v2":
        raise InputError(
            f"{path}: apiVersion {str(item.get('apiVersion'))[:40]!r}: only autoscaling/v2 is read "
            "(`kubectl get hpa.v2.autoscaling NAME -o yaml` shows any HPA so)"
        )
    keda = kind == "ScaledObject"
    try:
        # A minimum of 0 is accepted only where the gate HPAScaleToZero is on.
        config = HpaConfig.from_spec(_of_keda(spec) if keda else spec, scale_to_zero=spec.get("minReplicas") == 0)
    except HpaSpecError as error:
        raise InputError(f"{path}: {error}") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: its spec is not that of a {kind}: {type(error).__name__} {error}") from error
    annotations = {str(key): str(value) for key, value in _part(meta, "annotations").items()}
    remarks = (TO_ZERO,) if keda and not spec.get("minReplicaCount") else ()
    return ServiceYaml(str(meta.get("name", "hpa")), config, None, asked_of_us(path, annotations), remarks)


def _of_keda(spec: Part) -> Part:
    """The spec of the HPA that KEDA makes."""
    triggers = spec.get("triggers")
    advanced = _part(_part(spec, "advanced"), "horizontalPodAutoscalerConfig")
    return {
        "minReplicas": spec.get("minReplicaCount") or 1,
        "maxReplicas": spec.get("maxReplicaCount", KEDA_MAXIMUM),
        "metrics": [_trigger(one) for one in triggers] if isinstance(triggers, list) else [],
        **({"behavior": advanced["behavior"]} if advanced.get("behavior") is not None else {}),
    }


def _trigger(trigger: Part) -> Part:
    """One entry of spec.metrics. What a trigger of a server counts stands in its query, so the name says nothing."""
    kind, metadata = str(trigger["type"]), _part(trigger, "metadata")
    if kind == "cpu" and trigger.get("metricType", metadata.get("type", "Utilization")) == "Utilization":
        share = int(str(metadata["value"]))
        return {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": share}}}
    name = f"of the {kind} trigger"
    return {"type": "External", "external": {"metric": {"name": name}, "target": {"averageValue": "1"}}}


def _part(node: Part, key: str) -> Part:
    found = node.get(key)
    return found if isinstance(found, Mapping) else {}
