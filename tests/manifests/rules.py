"""The alerting rules as they ship."""

from __future__ import annotations

from typing import Any

import yaml

from tests.manifests.overlays import CONFIG

FILE = CONFIG / "components/monitoring/prometheusrule.yaml"


def spec() -> dict[str, Any]:
    """What Prometheus itself would read: the groups."""
    found: dict[str, Any] = yaml.safe_load(FILE.read_text())["spec"]
    return found


def alerts() -> dict[str, dict[str, Any]]:
    """By name."""
    return {rule["alert"]: rule for group in spec()["groups"] for rule in group["rules"]}
