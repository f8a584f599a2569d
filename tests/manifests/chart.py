"""Renders the Helm chart, and an overlay of the same wishes beside it."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from testbed.build import HELM, find_parts
from tests.manifests.account import HOME
from tests.manifests.overlays import CONFIG, rendered

CHART = CONFIG / "chart"
HOOK = "helm.sh/hook"
HELMS = ("helm.sh/chart", "app.kubernetes.io/managed-by", "app.kubernetes.io/instance")
"""Labels that only an installation by Helm has."""


class Refused(Exception):
    """Helm did not render; its words."""


def helm(*words: str, env: Mapping[str, str] | None = None) -> str:
    """What it prints. Raises `Refused`."""
    command = [str(find_parts([HELM]).binaries["helm"]), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        raise Refused(done.stderr)
    return done.stdout


def charted(values: Mapping[str, Any], namespace: str = HOME, chart: Path = CHART) -> list[dict[str, Any]]:
    """The objects of the chart with these values, hooks among them. Raises `Refused`."""
    told = [f"--set-json={name}={json.dumps(value)}" for name, value in values.items()]
    return [each for each in yaml.safe_load_all(helm("template", "ahpa", str(chart), "-n", namespace, *told)) if each]


@dataclass(frozen=True)
class Wish:
    """What is to be installed, in the words of both."""

    kinds: tuple[str, ...] = ("knative", "hpa")
    components: tuple[str, ...] = ()
    """Beside those of the kinds."""
    overlay: str = "observe"
    settings: Mapping[str, str] = field(default_factory=dict)
    """Beside those of the overlay and of the components."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Beside `serve.kinds`."""

    def of_chart(self) -> list[dict[str, Any]]:
        return charted({"createNamespace": True, "serve.kinds": self.kinds, **self.values})

    def of_overlay(self, scratch: Path) -> list[dict[str, Any]]:
        """That overlay of ours with these components and settings instead of its own; written to `scratch`, a folder
        beside config/'s own."""
        ours = yaml.safe_load((CONFIG / "overlays" / self.overlay / "kustomization.yaml").read_text())
        ours["components"] = [f"../../components/{each}" for each in (*self.kinds, *self.components)]
        settings = {"AHPA_SERVE_KINDS": ",".join(self.kinds), **self.settings}
        (generator,) = ours["configMapGenerator"]
        generator["literals"] += [f"{name}={value}" for name, value in settings.items()]
        scratch.mkdir(exist_ok=True)
        (scratch / "kustomization.yaml").write_text(yaml.safe_dump(ours))
        return rendered(scratch)


def by_name(objects: Iterable[dict[str, Any]]) -> dict[tuple[str, ...], dict[str, Any]]:
    """Kind, namespace and name -> the object without what tells Helm from kustomize: labels that say Helm, and how a
    pod hears of new settings (a hash in their names, or in an annotation)."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for each in objects:
        text = re.sub(r'"(ahpa-settings|ahpa-queries)-[a-z0-9]{10}"', r'"\1"', json.dumps(each))
        plain = json.loads(text)
        for label in HELMS:
            plain["metadata"].get("labels", {}).pop(label, None)
        _template_of(plain).get("annotations", {}).pop("checksum/settings", None)
        meta = plain["metadata"]
        key = (plain["kind"], meta.get("namespace", ""), meta["name"])
        assert key not in found, f"twice: {key}"
        found[key] = plain
    return found


def _template_of(plain: dict[str, Any]) -> dict[str, Any]:
    template: dict[str, Any] = plain.get("spec", {}).get("template", {}).get("metadata", {})
    return template


def parted(objects: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(what is installed, the hooks)."""
    hooks = [each for each in objects if HOOK in each["metadata"].get("annotations", {})]
    return [each for each in objects if each not in hooks], hooks


def generated() -> ModuleType:
    """docs/generate_chart.py, which is no package's."""
    spec = importlib.util.spec_from_file_location("generate_chart", CONFIG.parent / "docs/generate_chart.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
