"""A pod of ours on the testbed, where no container runs: its command runs here, as its account, by its own token."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from testbed import Testbed
from testbed.control_plane import write_kubeconfig
from testbed.kube import Object, condition
from tests.manifests.account import HOME, token_of_ours

ROUND_SECONDS = 240


def ready_pod(bed: Testbed, selector: str = "app.kubernetes.io/name=ahpa", but: Collection[str] = ()) -> Object:
    """One of ours that is not about to end; none of those names."""

    def found() -> Object | None:
        ready = [pod for pod in bed.find("pods", HOME, selector) if condition(pod, "Ready") == "True"]
        new = [pod for pod in ready if pod["metadata"]["name"] not in but]
        return next((pod for pod in new if "deletionTimestamp" not in pod["metadata"]), None)

    return bed.wait_for(found, what=f"a ready pod of {selector}")


def environment_of(bed: Testbed, pod: Object, folder: Path) -> dict[str, str]:
    """What its container would see of ours; the files of its ConfigMaps lie in `folder`."""
    (container,) = pod["spec"]["containers"]
    seen: dict[str, str] = {}
    for source in container.get("envFrom", []):
        seen |= bed.get("configmaps", source["configMapRef"]["name"], HOME)["data"]
    own: dict[str, str] = {}
    for each in container["env"]:
        field = each.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath", "")
        own[each["name"]] = pod["metadata"][field.rpartition(".")[2]] if field else _filled(each["value"], own)
    for mount in container["volumeMounts"]:
        (volume,) = (each for each in pod["spec"]["volumes"] if each["name"] == mount["name"])
        if "configMap" in volume:
            for name, text in bed.get("configmaps", volume["configMap"]["name"], HOME)["data"].items():
                (folder / name).write_text(text)
            seen = {name: value.replace(mount["mountPath"], str(folder)) for name, value in seen.items()}
    return seen | {name: value for name, value in own.items() if name.startswith(("AHPA", "POD"))}


def _filled(text: str, known: Mapping[str, str]) -> str:
    return re.sub(r"\$\((\w+)\)", lambda found: known[found[1]], text)


def run(bed: Testbed, pod: Object, folder: Path, *more: str, **changed: str) -> subprocess.CompletedProcess[str]:
    """The container's own arguments and environment, but for `more` and what is `changed`."""
    config = write_kubeconfig(
        folder / "kubeconfig", bed.api_url, bed.ca_file, "ahpa", token_of_ours(bed, pod["metadata"])
    )
    (container,) = pod["spec"]["containers"]
    words = [sys.executable, "-m", "ahpa", *container["args"], *more, "--kubeconfig", str(config)]
    env = {**os.environ, **environment_of(bed, pod, folder), **changed}
    return subprocess.run(words, env=env, capture_output=True, text=True, timeout=ROUND_SECONDS, check=False)


def told(done: subprocess.CompletedProcess[str], event: str) -> list[dict[str, Any]]:
    """What the log says of this, once it ended well."""
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stderr.splitlines()]
    return [row for row in rows if row["event"] == event]
