"""What a cluster decides where a Knative Service says nothing, from a file of its two ConfigMaps:
`kubectl -n knative-serving get configmap config-autoscaler config-defaults -o yaml`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ahpa.adapters.files.text import InputError
from ahpa.adapters.files.yaml_documents import documents
from ahpa.reactive.kpa.config import ClusterDefaults, KpaConfigError, container_concurrency_default

AUTOSCALER, DEFAULTS = "config-autoscaler", "config-defaults"


@dataclass(frozen=True)
class KnativeConfig:
    """What holds for a Revision that says nothing itself."""

    autoscaler: ClusterDefaults = ClusterDefaults()
    container_concurrency: int = 0
    """0: no limit."""


def read_knative_config(path: Path) -> KnativeConfig:
    """One of the two may be missing; then Knative's own defaults hold for it. Raises InputError."""
    found = {name: data for item in _items(documents(path)) for name, data in _named(item)}
    if not found:
        raise InputError(f"{path}: neither ConfigMap {AUTOSCALER} nor {DEFAULTS} in it")
    try:
        autoscaler = ClusterDefaults.from_config_map(found.get(AUTOSCALER, {}))
        return KnativeConfig(autoscaler, container_concurrency_default(found.get(DEFAULTS, {})))
    except KpaConfigError as error:
        raise InputError(f"{path}: {error}") from error


def _items(rows: list[object]) -> Iterator[Mapping[object, object]]:
    """Documents, and what is in lists of kubectl."""
    for row in rows:
        if isinstance(row, Mapping):
            inner = row.get("items")
            yield from _items(inner) if isinstance(inner, list) else (row,)


def _named(item: Mapping[object, object]) -> Iterator[tuple[str, dict[str, str]]]:
    meta, data = item.get("metadata"), item.get("data")
    name = meta.get("name") if isinstance(meta, Mapping) else None
    if item.get("kind") == "ConfigMap" and name in (AUTOSCALER, DEFAULTS):
        yield str(name), {str(k): str(v) for k, v in data.items()} if isinstance(data, Mapping) else {}
