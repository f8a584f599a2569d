"""Builds the Go programs beside this file, once per change, and runs scripts through them."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.golang import go_command
from testbed.locks import locked

SOURCES = Path(__file__).parent
EPOCH = 946_684_800
"""2000-01-01 in unix seconds: where the clock of the programs begins, and seconds in scripts count from."""


@dataclass(frozen=True)
class Upstream:
    """The program of testbed/proofs/`name`."""

    binary: Path

    @classmethod
    def build(cls, name: str) -> Upstream:
        """Built on first use into ${XDG_CACHE_HOME:-~/.cache}/ahpa/proofs, under a hash of its sources."""
        source = SOURCES / name
        files = sorted(path for path in source.iterdir() if path.suffix in {".go", ".mod", ".sum"})
        recipe = hashlib.sha256(f"{platform.system()} {platform.machine()}".encode())
        for path in files:
            recipe.update(path.name.encode() + b"\0" + path.read_bytes())
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ahpa" / "proofs"
        binary = cache / f"{name}-{recipe.hexdigest()[:16]}"
        with locked(cache / f"{name}.lock", 3600, f"another build of the {name} proof"):
            if not binary.exists():
                _say(f"building the {name} proof (minutes on first use)")
                fresh = binary.with_suffix(".building")
                go = go_command(cache, _say)
                # A test binary, because only those can run in a testing/synctest bubble.
                command = [str(go), "test", "-c", "-trimpath", "-o", str(fresh), "."]
                environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"}
                subprocess.run(command, cwd=source, check=True, timeout=3600, env=environment)
                fresh.rename(binary)
        return cls(binary)

    def answers(self, scripts: Iterable[dict[str, Any]]) -> list[Any]:
        """The answer to each script, in order; AssertionError if the program does not come to its end."""
        lines = [json.dumps(script) for script in scripts]
        command = [str(self.binary), "-test.run=^TestProof$", "-test.timeout=20m"]
        done = subprocess.run(
            command, input="\n".join(lines), capture_output=True, text=True, timeout=1200, check=False
        )
        *answers, verdict = done.stdout.splitlines() or [""]
        if verdict != "PASS" or len(answers) != len(lines):
            raise AssertionError(f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        return [json.loads(answer) for answer in answers]


def _say(message: str) -> None:
    print(f"proofs: {message}", file=sys.stderr, flush=True)
