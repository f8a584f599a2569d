"""The decision journal on disk: JSON lines, appended and flushed round by round."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ahpa.core.decision import Decision
from ahpa.core.journal import entries
from ahpa.core.observation import Observation


class JournalFile:
    """An `ahpa.ports.Journal` that appends to `file`. Raises OSError at once where that cannot be written."""

    def __init__(self, file: str) -> None:
        self._file = Path(file)
        self._file.open("a").close()

    def write(self, observation: Observation, decisions: Sequence[Decision]) -> None:
        """One round. Raises OSError."""
        lines = [json.dumps(entry, separators=(",", ":")) for entry in entries(observation, tuple(decisions))]
        with self._file.open("a", encoding="utf-8") as out:
            out.write("".join(f"{line}\n" for line in lines))
