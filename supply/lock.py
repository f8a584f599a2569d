"""A lock in pip's format, as `make lock` writes it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker

BASE = Path(__file__).parents[1] / "requirements/base.txt"
"""All that an image holds, unless it is told to hold more."""
FULL = BASE.with_name("full.txt")
"""That, and all extras."""
LINUX: Mapping[str, str] = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}


@dataclass(frozen=True)
class Pin:
    """One package at one version."""

    name: str
    version: str
    marker: str
    """Where it is installed, as PEP 508 has it; empty: everywhere."""
    hashes: tuple[str, ...]
    """SHA-256 of each file of that version which may be installed."""

    def here(self, environment: Mapping[str, str]) -> bool:
        """Whether it is installed in this environment; what that does not say is as on this machine."""
        return not self.marker or Marker(self.marker).evaluate(dict(environment))


def pins(text: str) -> Iterator[Pin]:
    """Raises ValueError for a line that no lock of ours has: what is not understood must not be left out."""
    for block in re.split(r"\n(?=\S)", text):
        lines = [line for line in block.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        if not lines:
            continue
        words = " ".join(line.strip().removesuffix("\\") for line in lines)
        found = re.fullmatch(r"([\w.-]+)==(\S+)\s*(?:;\s*(.*?))?((?:\s+--hash=sha256:[0-9a-f]{64})+)\s*", words)
        if found is None:
            raise ValueError(f"this is no pin with hashes: {words[:100]}")
        name, version, marker, hashes = found.groups()
        yield Pin(name, version, marker or "", tuple(re.findall(r"sha256:(\w+)", hashes)))
