"""The decision journal on disk: JSON lines, appended and flushed round by round."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from ahpa.adapters.telemetry import log
from ahpa.core.decision import Decision
from ahpa.core.journal import entries
from ahpa.core.observation import Observation


class JournalFile:
    """Appends to `file`. A full disk stops the journal, never the service."""

    def __init__(self, file: str) -> None:
        self._file = Path(file)
        self._file.open("a").close()  # an unwritable path is an error at start, not at the first decision

    def __call__(self, observation: Observation, decisions: tuple[Decision, ...]) -> None:
        lines = [json.dumps(entry, separators=(",", ":")) for entry in entries(observation, decisions)]
        try:
            with self._file.open("a", encoding="utf-8") as out:
                out.write("".join(f"{line}\n" for line in lines))
        except OSError as error:
            log("journal.failed", logging.ERROR, file=str(self._file), problem=str(error))
