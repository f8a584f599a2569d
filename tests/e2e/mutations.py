"""Break the main job on purpose and see the end-to-end test fail: `python -m tests.e2e.mutations [NAME ...]`.

Each mutation is a textual change in a copy of the committed tree. Takes about five minutes each. Exits with 1 if
a mutation survived.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.trace import traces_directory

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Mutation:
    """Replace every `old` by `new` in `file`."""

    what: str
    file: str
    old: str
    new: str


MUTATIONS = {
    "sign": Mutation(
        "the floor moves away from the plan",
        "ahpa/core/controller.py",
        "    floor = min(wanted, at.reach(workload))\n",
        "    floor = max(0, 2 * workload.floor - wanted)\n",
    ),
    "template": Mutation(
        "the floor is written to the Service's template instead of the Revision",
        "ahpa/adapters/kubernetes/knative.py",
        "        patch_listed(self._kube, revision, bearers.group_version, bearers.resource, "
        "annotations=annotations)\n",
        '        where = path(*collection(SERVING, "services", revision["metadata"]["namespace"]),\n'
        '                     revision["metadata"]["labels"]["serving.knative.dev/service"])\n'
        '        meta = {"annotations": annotations}\n'
        '        self._kube.merge_patch(where, {"metadata": {}, "spec": {"template": {"metadata": meta}}})\n',
    ),
    "restore": Mutation(
        "what the owner had is not given back",
        "ahpa/service/act.py",
        "            actuator.restore(target)\n",
        "            pass\n",
    ),
    "zero": Mutation(
        "what Prometheus did not observe is read as 0",
        "ahpa/adapters/prometheus/source.py",
        "np.full(round((end - start) / step), np.nan)",
        "np.zeros(round((end - start) / step))",
    ),
}


def survives(name: str) -> list[str]:
    """Run the end-to-end test on the mutated tree; the tests that saw it (none: it survived)."""
    mutation = MUTATIONS[name]
    with tempfile.TemporaryDirectory(prefix="ahpa-mutation-") as folder:
        tree = Path(folder)
        archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x"], cwd=tree, input=archive, check=True)
        file = tree / mutation.file
        text = file.read_text()
        if mutation.old not in text:
            raise SystemExit(f"{name}: {mutation.file} no longer holds the text to change")
        file.write_text(text.replace(mutation.old, mutation.new))
        environment = {**os.environ, "AHPA_TRACES": str(traces_directory().resolve())}
        words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/e2e"]
        run = subprocess.run(words, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    seen = re.findall(r"^(?:FAILED|ERROR) \S+::(\S+)", run.stdout, re.MULTILINE)
    if not seen and run.returncode != 0:
        raise SystemExit(run.stdout[-3000:])
    return seen


def main() -> int:
    survivors = 0
    for name in sys.argv[1:] or MUTATIONS:
        seen = survives(name)
        survivors += not seen
        verdict = f"seen by {', '.join(seen)}" if seen else "SURVIVED"
        print(f"{name}: {MUTATIONS[name].what}: {verdict}", flush=True)
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
