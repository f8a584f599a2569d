"""What a run of a reliability test reached, kept for the table of docs/reliability.md.

A test that is on the list calls the fixture `reached` when all its assertions held; `make soak` runs the long ones, and
`python -m tests.reliability` writes the table from what was kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

KEPT = Path(os.environ.get("AHPA_REACHED", "out/reached"))
"""One file for each test, so that runs on several workers, and of some tests only, add up."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    test: str
    """Its number on the list: `T6`."""
    size: str
    """How much was tried: `225 trials`; of a test of several cases, in each."""
    figure: str
    """What came out, in words with numbers and units. Of cases that say the same but for the numbers, the largest of
    each is shown: so a number is a worst one."""
    command: str
    """What runs it."""


class Reached(Protocol):
    """The fixture."""

    def __call__(self, test: str, size: str, figure: str) -> None:
        """A row for the test that runs; called again, the newest counts. `test` is T1 to T22."""
        ...


def keep(row: Row, name: str, folder: Path = KEPT) -> None:
    """Under the name of a test, or of one of its cases; a run of the same replaces it."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(row), indent=2, ensure_ascii=False)
    short, own = re.sub(r"[^\w-]", "_", name)[:80], hashlib.sha256(name.encode()).hexdigest()[:8]
    (folder / f"{row.test}-{short}-{own}.json").write_text(text + "\n", encoding="utf-8")


def kept(folder: Path = KEPT) -> Iterator[Row]:
    """All rows, by the number of their test: one for each case."""
    files = sorted(folder.glob("T*.json"), key=lambda file: (int(file.name[1:].partition("-")[0]), file.name))
    for file in files:
        yield Row(**json.loads(file.read_text(encoding="utf-8")))
