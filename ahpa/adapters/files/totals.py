"""What was saved so far, as a file on a volume: read again after a restart, dropped as a whole where it is in doubt.

JSON, one list of figures for each target: anybody can read it, and nothing of it is executed.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np

from ahpa.adapters.files.writing import whole
from ahpa.core.courses import Ledger, Totals

NAME = "savings.json"
FORMAT = "ahpa savings 1"
MOST_BYTES = 64 * 1024**2
FORGOTTEN_SECONDS = 90 * 86_400.0
"""Of a target that was not seen for so long nothing is kept."""
_SHAPES = (2,), (2,), (2,), (2, 4), (2, 4)
"""Of one target's part of each field of a `Ledger`."""
_FIGURES = sum(math.prod(shape) for shape in _SHAPES)


class Doubtful(ValueError):
    """It is not what we wrote; the message says how."""


def save_totals(folder: Path, totals: Totals) -> None:
    """The file appears complete or not at all, and is on the disk when this returns. Raises OSError."""
    ledger = totals.ledger
    fields = ledger.minutes, ledger.requests, ledger.measured, ledger.replica_minutes, ledger.late
    parts = zip(fields, _SHAPES, strict=True)
    figures = np.concatenate([field.reshape(-1, math.prod(shape)) for field, shape in parts], axis=1).tolist()
    columns = totals.since.tolist(), totals.until.tolist(), totals.counted.tolist(), figures
    said = {"format": FORMAT, "targets": dict(zip(totals.keys, zip(*columns, strict=True), strict=True))}
    with whole(folder / NAME, folder / f".{NAME}.part", durable=True) as out:
        out.write(json.dumps(said, allow_nan=False).encode())


def load_totals(folder: Path, now: float) -> Totals | None:
    """What was saved; None where nothing was. Raises OSError where it cannot be read, Doubtful where it is in doubt."""
    try:
        file = os.open(folder / NAME, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    with os.fdopen(file, "rb") as content:
        text = content.read(MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        raise Doubtful("it is too large")
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Doubtful("it is no JSON") from error
    match said:
        case {"format": str(form), "targets": dict(targets)} if form == FORMAT:
            rows = {key: _row(key, row, now) for key, row in targets.items()}
        case _:
            raise Doubtful("it is of another version")
    kept = {key: row for key, row in rows.items() if now - row[1] < FORGOTTEN_SECONDS}
    figures = np.array([row[3] for row in kept.values()]).reshape(len(kept), _FIGURES)
    ends = np.cumsum([math.prod(shape) for shape in _SHAPES])[:-1]
    parts = zip(np.split(figures, ends, axis=1), _SHAPES, strict=True)
    since, until = (np.array([row[at] for row in kept.values()]).reshape(len(kept)) for at in (0, 1))
    counted = np.array([row[2] for row in kept.values()], bool)
    return Totals(tuple(kept), since, until, counted, Ledger(*(part.reshape(-1, *shape) for part, shape in parts)))


def _row(key: str, row: object, now: float) -> tuple[float, float, bool, list[float]]:
    """(since, until, counted, figures) of one target. Raises Doubtful."""
    match row:
        case [int() | float() as since, int() | float() as until, bool(counted), list(figures)]:
            good = [x for x in figures if isinstance(x, int | float) and not isinstance(x, bool) and 0 <= x < 1e18]
            whole = len(good) == len(figures) == _FIGURES
            if whole and key.count("/") == 2 and 0 <= since <= until <= now + 3600:
                return float(since), float(until), counted, [float(x) for x in good]
    raise Doubtful(f"what it says of {key[:100]!r} is not what we write")
