"""Argo's Rollout controller, PLAYED: as much of it as an HPA needs to scale a Rollout.

From Argo Rollouts' documentation and source (rollout/sync.go, utils/replicaset): a Rollout owns ReplicaSets, one per
pod template, told apart by the label rollouts-pod-template-hash; there is no Deployment. Its /scale reads spec.replicas
and status.HPAReplicas, and status.selector names its pods.

Played differently: a new template gets all replicas at once, and the old ReplicaSets lose theirs when those are ready;
steps, traffic routing, analysis and `workloadRef` are left out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from testbed.kube import KubeApi, Object
from testbed.played import Part, Player, Wanted, is_ready, play
from testbed.processes import Processes

HASH = "rollouts-pod-template-hash"


def play_rollouts(api: KubeApi, processes: Processes) -> Player:
    """Install the CRD and play the controller until the player is closed; it closes `api` too."""
    return play(_PART, "rollout.yaml", api, processes)


def wants(rollout: Object, found: Sequence[Object]) -> Wanted:
    """The ReplicaSet of the current template, the older ones until it is ready, and what the HPA reads."""
    spec, metadata = rollout["spec"], rollout["metadata"]
    current = _hash(spec["template"])
    replicas = spec.get("replicas", 1)
    new = next((each for each in found if each["metadata"]["labels"][HASH] == current), None)
    done = new is not None and is_ready(new)
    older = [each for each in found if each["metadata"]["labels"][HASH] != current]
    kept = [_copy(each, 0 if done else each["spec"]["replicas"]) for each in older]
    selector: dict[str, str] = spec["selector"]["matchLabels"]
    counts = {key: sum(each.get("status", {}).get(key, 0) for each in found) for key in ("replicas", "readyReplicas")}
    status = {
        **counts,
        "availableReplicas": counts["readyReplicas"],
        "HPAReplicas": counts["replicas"],
        "selector": ",".join(f"{key}={value}" for key, value in sorted(selector.items())),
        "currentPodHash": current,
        "observedGeneration": str(metadata["generation"]),  # a string in Argo's API
        "phase": "Healthy" if done else "Progressing",
    }
    return Wanted([_replica_set(rollout, current, replicas), *kept], status)


_PART = Part("rollouts", "rollouts.argoproj.io", ("replicasets",), HASH, wants)


def _replica_set(rollout: Object, pod_hash: str, replicas: int) -> Object:
    spec, metadata = rollout["spec"], rollout["metadata"]
    labels = {**spec["template"]["metadata"]["labels"], HASH: pod_hash}
    template = {**spec["template"], "metadata": {**spec["template"]["metadata"], "labels": labels}}
    selector = {"matchLabels": {**spec["selector"]["matchLabels"], HASH: pod_hash}}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{metadata['name']}-{pod_hash}",
            "namespace": metadata["namespace"],
            "labels": labels,
        },
        "spec": {"replicas": replicas, "selector": selector, "template": template},
    }


def _copy(replica_set: Object, replicas: int) -> Object:
    metadata, spec = replica_set["metadata"], replica_set["spec"]
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {key: metadata[key] for key in ("name", "namespace", "labels")},
        "spec": {"replicas": replicas, "selector": spec["selector"], "template": spec["template"]},
    }


def _hash(template: Object) -> str:
    return hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]
