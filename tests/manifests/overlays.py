"""Renders overlays with the testbed's own kubectl, so that the versions fit."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

from testbed.build import find_parts

CONFIG = Path(__file__).parents[2] / "config"
OVERLAYS = ("observe", "production", "single-namespace")


def render(overlay: str, config: Path = CONFIG) -> list[dict[str, Any]]:
    """The objects that `kubectl apply -k config/overlays/<overlay>` would apply."""
    return rendered(config / "overlays" / overlay)


def rendered(folder: Path) -> list[dict[str, Any]]:
    """Of any folder with a kustomization."""
    words = [str(find_parts().binaries["kubectl"]), "kustomize", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "Warning" not in done.stderr, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def one(objects: list[dict[str, Any]], kind: str, name: str = "ahpa") -> dict[str, Any]:
    """The object of this kind whose name is `name`, or begins with it where kustomize adds a hash."""
    (found,) = [
        each
        for each in objects
        if each["kind"] == kind
        and (each["metadata"]["name"] == name or each["metadata"]["name"].startswith(f"{name}-"))
    ]
    return found
