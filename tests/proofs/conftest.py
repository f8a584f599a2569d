"""The upstream programs, built once per change of their sources."""

import pytest

from testbed.proofs.upstream import Upstream


@pytest.fixture(scope="session")
def knative() -> Upstream:
    """The autoscaler packages of knative.dev/serving v0.50.0."""
    return Upstream.build("kpa")


@pytest.fixture(scope="session")
def kubernetes() -> Upstream:
    """The HorizontalPodAutoscaler controller of k8s.io/kubernetes v1.36.2."""
    return Upstream.build("hpa")
