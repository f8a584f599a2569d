"""Controllers that are played: few lines in place of a program that the Go module proxy does not serve."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests
import yaml

from testbed.kube import KubeApi, KubeError, Object, condition
from testbed.processes import Processes, wait_until

ROUND_SECONDS = 0.3
_CRDS = Path(__file__).with_name("crds")


@dataclass(frozen=True)
class Wanted:
    """What an object's controller wants of the cluster."""

    children: Sequence[Object]
    status: Object


@dataclass(frozen=True)
class Part:
    """A controller to play: `wants(object, its children)` for each object of `resource`, children found by `label`."""

    name: str  # of the field manager, and of the log
    resource: str
    children: Sequence[str]  # resources of which it makes objects
    label: str  # that every child bears
    wants: Callable[[Object, Sequence[Object]], Wanted]


class Player:
    """Plays one controller from a thread of its own, until closed.

    A child that is not as wanted is applied anew, so a foreign edit of what the controller sets is reverted within a
    round; what somebody added beside it stays. A child that is wanted no more is deleted. Errors are logged, and tried
    again in the next round, as controllers do.
    """

    def __init__(self, part: Part, api: KubeApi, log: Path) -> None:
        self._part = part
        self._api = api
        self._log = log
        self._settled: dict[str, tuple[Object, str]] = {}  # path -> (as wanted, resourceVersion)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._play, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join()
        self._api.close()

    def _play(self) -> None:
        with self._log.open("a") as log:
            while not self._closed.wait(ROUND_SECONDS):
                try:
                    for error in self._round():
                        print(error, file=log, flush=True)
                except (KubeError, requests.RequestException) as error:
                    print(error, file=log, flush=True)

    def _round(self) -> Iterator[KubeError]:
        children = [
            {**child, "kind": self._api.resource(resource).kind}  # lists leave it out
            for resource in self._part.children
            for child in self._api.find(resource, None, self._part.label)
        ]
        for owner in self._api.find(self._part.resource, None):
            own = [child for child in children if _controller(child) == owner["metadata"]["uid"]]
            try:
                self._reconcile(owner, own)
            except KubeError as error:
                yield error

    def _reconcile(self, owner: Object, found: Sequence[Object]) -> None:
        if "deletionTimestamp" in owner["metadata"]:
            return
        wanted = self._part.wants(owner, found)
        versions = {_key(child): child["metadata"]["resourceVersion"] for child in found}
        for child in wanted.children:
            self._settle(_owned(child, owner), versions.pop(_key(child), ""))
        for kind, namespace, name in versions:
            self._api.delete(self._resource(kind), name, namespace)
        if any(owner.get("status", {}).get(key) != value for key, value in wanted.status.items()):
            metadata = owner["metadata"]
            name, namespace = metadata["name"], metadata["namespace"]
            self._api.patch(self._part.resource, name, {"status": wanted.status}, namespace, "status")

    def _settle(self, child: Object, version: str) -> None:
        """Apply `child` unless it was found as the last apply left it."""
        key = "/".join(_key(child))
        if self._settled.get(key) != (child, version):
            applied = self._api.apply(child, self._part.name)
            self._settled[key] = (child, applied["metadata"]["resourceVersion"])

    def _resource(self, kind: str) -> str:
        return next(each for each in self._part.children if self._api.resource(each).kind == kind)


def play(part: Part, crd: str, api: KubeApi, processes: Processes) -> Player:
    """Install the CRD crds/`crd`, and play."""
    definition = yaml.safe_load((_CRDS / crd).read_text())
    api.apply(definition)
    name = definition["metadata"]["name"]
    wait_until(
        lambda: condition(api.get("customresourcedefinitions", name), "Established") == "True",
        f"the API server serves {name}",
        check=processes.check,
    )
    return Player(part, api, processes.logs / f"{part.name}.log")


def is_ready(child: Object) -> bool:
    """A Deployment or ReplicaSet has every replica ready that it was last asked for."""
    status = child.get("status", {})
    current = status.get("observedGeneration") == child["metadata"]["generation"]
    return bool(current and status.get("readyReplicas", 0) >= child["spec"].get("replicas", 1))


def _key(child: Object) -> tuple[str, str, str]:
    return child["kind"], child["metadata"]["namespace"], child["metadata"]["name"]


def _controller(child: Object) -> str:
    owners = child["metadata"].get("ownerReferences", [])
    return next((str(each["uid"]) for each in owners if each.get("controller")), "")


def _owned(child: Object, owner: Object) -> Object:
    metadata = owner["metadata"]
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {**child, "metadata": {**child["metadata"], "ownerReferences": [reference]}}
