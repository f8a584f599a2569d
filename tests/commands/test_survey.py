"""`ahpa survey`: a cluster that nobody has annotated is ranked by what ahpa would bring, and not touched."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from ahpa.commands.survey import surveyed, told
from ahpa.ports import ClusterError
from ahpa.service.settings import Settings
from ahpa.survey import survey as surveying
from ahpa.survey.survey import Surveyed
from forecasting.executor import Executor, Serial
from tests.backtest.examples import Spread
from tests.commands.bazaar import DAY, NOW, flat, hpa, knative, office, pod, ports_of
from tests.commands.looks import typed
from tests.fakes.kube import FakeKube

SETTINGS = Settings(history_seconds=4 * DAY)


@contextlib.contextmanager
def here() -> Iterator[Executor]:
    yield Serial()


def bazaar() -> tuple[FakeKube, Surveyed]:
    """A service that rises each morning, one that does so above a minimum held for it, one that is flat, an HPA on cpu;
    and all that cannot be judged."""
    kube = FakeKube()
    demands = {"chat": office(80), "held": office(80), "flat": flat(30), "api": office(3), "idle": lambda at: 0.0}
    knative(kube, "shop", "chat")
    knative(kube, "shop", "held", least=14)
    knative(kube, "shop", "flat")
    hpa(kube, "shop", "api")
    hpa(kube, "shop", "made", owner={"kind": "ScaledObject", "name": "orders"})
    hpa(kube, "shop", "queue", metric="queue_depth_total")
    knative(kube, "ops", "idle")
    knative(kube, "ops", "silent")
    for i in range(25):
        pod(kube, "shop", f"p{i}", 90.0 + 3 * i)
    return kube, surveyed(ports_of(kube, demands, {"fleet": Spread()}), SETTINGS, NOW, 1.0, here)


@pytest.fixture(scope="module")
def found() -> tuple[FakeKube, Surveyed]:
    return bazaar()


def shown(found: Surveyed, out: Path, output: str = "table") -> Result:
    return typed(lambda: told(found, out, output))


TABLE = """\
"""


def test_it_ranks_those_that_can_be_judged(found: tuple[FakeKube, Surveyed], tmp_path: Path) -> None:
    """And says what to type for each that pays."""
    done = shown(found[1], tmp_path)
    assert done.exit_code == 0
    assert done.stdout == TABLE


def test_it_writes_nothing_to_the_cluster(found: tuple[FakeKube, Surveyed]) -> None:
    kube, _ = found
    assert kube.writes == kube.created == []
