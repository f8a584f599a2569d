"""Processes of a measure, and what they cost: CPU and memory as Linux counts them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Of one process with all its threads, children not counted."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mib(pid: int, what: str = "RSS") -> float:
    """Now (`RSS`), or at its largest (`HWM`); 0 of a process that is gone."""
    try:
        found = re.search(rf"Vm{what}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(found.group(1)) / 1024 if found else 0.0


def together_mib(pid: int) -> float:
    """Now, of a process and its children, pages that several have counted once; 0 of what is gone."""
    return sum(_proportional_mib(each) for each in (pid, *children(pid)))


def _proportional_mib(pid: int) -> float:
    try:
        found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    except OSError:
        return 0.0
    return int(found.group(1)) / 1024 if found else 0.0


def children(pid: int) -> list[int]:
    """Of all its threads."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += map(int, task.read_text().split())
    return found


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


@contextmanager
def stand_in(module: str, *words: str) -> Iterator[tuple[str, int]]:
    """A module of this room as a process: its address and its id."""
    command = [sys.executable, "-m", f"benchmarks.fleet.{module}", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip(), process.pid
        finally:
            process.kill()


def kubeconfig(api: str) -> str:
    """For the API server at that address."""
    return (
        "apiVersion: v1\nkind: Config\ncurrent-context: it\n"
        f"clusters: [{{name: it, cluster: {{server: '{api}'}}}}]\n"
        "users: [{name: me, user: {}}]\n"
        "contexts: [{name: it, context: {cluster: it, user: me}}]\n"
    )


def serving(folder: Path, api: str, prometheus: str, words: Sequence[str]) -> subprocess.Popen[bytes]:
    """`ahpa serve` between the two; its log goes to `folder/log`."""
    file = folder / "kubeconfig"
    file.write_text(kubeconfig(api))
    command = [sys.executable, "-m", "ahpa", "serve", "--prometheus", prometheus, "--kubeconfig", str(file)]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen([*command, *words], stderr=log)
