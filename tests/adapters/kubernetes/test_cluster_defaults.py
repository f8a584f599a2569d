"""How long what the cluster said last is believed."""

from __future__ import annotations

from dataclasses import dataclass

from ahpa.adapters.kubernetes.cluster_defaults import KEPT_SECONDS, ClusterConfig
from ahpa.ports import ClusterError
from tests.fakes.kube import FakeKube

WHERE = "/api/v1/namespaces/knative-serving/configmaps/config-defaults"


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def cluster() -> tuple[FakeKube, Clock, ClusterConfig]:
    """One that allows ten requests at once in each container."""
    kube, clock = FakeKube(), Clock()
    meta = {"namespace": "knative-serving", "name": "config-defaults"}
    kube.put(WHERE, {"metadata": meta, "data": {"container-concurrency": "10"}})
    return kube, clock, ClusterConfig("knative-serving", clock)


def test_a_config_map_that_stays_gone_is_gone_in_the_end() -> None:
    kube, clock, config = cluster()
    assert config.read(kube).container_concurrency == 10
    kube.objects.pop(WHERE)
    clock.now = KEPT_SECONDS
    found = config.read(kube)
    assert (found.container_concurrency, len(found.assumed)) == (10, 1)
    clock.now += 1
    found = config.read(kube)
    assert (found.container_concurrency, found.assumed) == (0, ())


def test_one_that_never_was_there_is_knatives_own_and_nothing_is_assumed() -> None:
    _, _, config = cluster()
    found = config.read(FakeKube())
    assert (found.container_concurrency, found.assumed) == (0, ())


def test_one_that_comes_back_unchanged_is_no_longer_assumed() -> None:
    kube, _, config = cluster()
    config.read(kube)
    kept = kube.objects.pop(WHERE)
    assert config.read(kube).assumed
    kube.objects[WHERE] = kept
    found = config.read(kube)
    assert (found.container_concurrency, found.assumed) == (10, ())


def test_the_version_that_was_read_last_holds_for_a_while_and_not_for_ever() -> None:
    """Under an older Knative an edit would restart the pods, and a cluster can be set back to one."""
    kube, clock, config = cluster()
    assert config.version(kube) == "1.23.0"
    kube.fail = lambda method, where: ClusterError(0, "timeout")
    clock.now = KEPT_SECONDS
    assert config.version(kube) == "1.23.0"
    clock.now += 1
    assert config.version(kube) is None


def test_a_version_that_is_no_longer_said_is_not_remembered() -> None:
    kube, _, config = cluster()
    config.version(kube)
    kube.objects["/apis/apps/v1/namespaces/knative-serving/deployments/controller"]["metadata"]["labels"] = {}
    assert config.version(kube) is None
