"""Targets that no actuator listed, for the tests of what only looks at them."""

from __future__ import annotations

from ahpa.targets import Target


def hpa(name: str) -> Target:
    """An HPA in `shop` over a Deployment of its own name, whose pods are labelled `app`."""
    return Target(
        kind="hpa",
        namespace="shop",
        name=name,
        annotations={},
        reference={},
        baseline=1,
        floor=1,
        ready=1,
        present=1,
        maximum=9,
        measures=(),
        managed=False,
        selector=f"app={name}",
        names={"workload": name, "workload-kind": "Deployment"},
    )
