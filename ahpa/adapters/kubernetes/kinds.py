"""Every kind of target that there is. To add one: write its file with a `Kind`, list it here, give it a stage in
tests/contracts/test_actuators.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ahpa.adapters.kubernetes.hpa import HPA
from ahpa.adapters.kubernetes.keda import KEDA
from ahpa.adapters.kubernetes.kind import Kind
from ahpa.adapters.kubernetes.knative import KNATIVE
from ahpa.adapters.kubernetes.kserve import KSERVE

KINDS: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind in (KNATIVE, HPA, KEDA, KSERVE)})
"""By name."""
