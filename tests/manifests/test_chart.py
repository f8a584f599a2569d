"""The Helm chart is the kustomize source and values: what both render is the same, whatever is switched on. Needs helm
and kubectl (the testbed's), not a running cluster.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from ahpa.adapters.kubernetes.kinds import KINDS
from ahpa.commands.serve import command
from tests.manifests.chart import CHART, HELMS, Refused, Wish, by_name, charted, helm, parted
from tests.manifests.overlays import CONFIG, one, rendered

pytestmark = pytest.mark.testbed
NEVER_DRY = {"serve.dryRun": None}
PRODUCTION = Wish(overlay="production", values={**NEVER_DRY, "serve.cap": 50})
NAMED = Wish(overlay="single-namespace", values={**NEVER_DRY, "serve.namespace": "inference"})
EVERY = tuple(KINDS)
OLDER = {"knative.before121": True}


def wishes() -> Iterator[Wish]:
    """Every combination of kinds; the overlays; everything else that can be switched on."""
    for count in range(1, len(EVERY) + 1):
        yield from (Wish(kinds) for kinds in combinations(EVERY, count))
    yield PRODUCTION
    yield NAMED
    yield Wish(EVERY, ("knative-1.20",), values=OLDER)
    yield Wish(EVERY, ("knative-1.20",), "single-namespace", values={**NAMED.values, **OLDER})
    yield Wish(components=("network-policy",), values={"networkPolicy.enabled": True})
    yield Wish(components=("monitoring",), values={"serviceMonitor.enabled": True, "prometheusRule.enabled": True})
    yield Wish(components=("history",), values={"history.enabled": True})
    yield Wish(components=("dask",), values={"dask.enabled": True})
    both = {"dask.enabled": True, "dask.certManager": True}
    yield Wish(EVERY, ("history", "dask", "dask-cert-manager"), values={"history.enabled": True, **both})
    said = {"AHPA_SERVE_MAX_TARGETS_PER_NAMESPACE": "1000000", "AHPA_SERVE_LAG_P50": "5m"}
    yield Wish(settings=said, values={"serve.maxTargetsPerNamespace": 1_000_000, "serve.lagP50": "5m"})


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of config/, for overlays that are not ours."""
    return Path(shutil.copytree(CONFIG, tmp_path_factory.mktemp("charted") / "config", symlinks=True))


def test_the_chart_renders_what_kustomize_renders(config: Path) -> None:
    """Object by object, for every combination of kinds, every overlay and every component."""

    def both(numbered: tuple[int, Wish]) -> None:
        number, wish = numbered
        installed, _ = parted(wish.of_chart())
        ours, theirs = by_name(installed), by_name(wish.of_overlay(config / f"overlays/wish-{number}"))
        assert set(ours) == set(theirs), wish
        for key, each in ours.items():
            assert each == theirs[key], (wish, key)

    with ThreadPoolExecutor(2) as pool:
        assert len(list(pool.map(both, enumerate(wishes())))) > 2 ** len(EVERY)
