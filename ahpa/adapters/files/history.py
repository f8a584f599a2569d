"""A copy of the kept history on a volume, so that a restart does not read a fortnight anew. In doubt it is dropped.

One file, whole or absent: a line of JSON that says what follows; then piece by piece a line of JSON with the series,
and their arrays as little-endian bytes; at the end the SHA-256 of all that. Nothing of it is executed, and sizes are
bounded. Whoever can write to the volume can still write another past: mount it for nobody else.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ahpa.adapters.files.writing import whole
from ahpa.history.snapshot import Extent, Piece, Snapshot
from forecasting.panel import Scalar

NAME = "history.ahpa"
FORMAT = "ahpa history 2"
MOST_LINE_BYTES = 4 * 1024 * 1024
MOST_BYTES = 8 * 1024**3
MOST_PIECES = 1000
LAST_STEP = 10**11
HOUR_SECONDS = 3600.0
MOST_ROWS = 256
"""Of one piece."""
_DIGEST = hashlib.sha256().digest_size
_CHUNK = 1024 * 1024


class Dropped(ValueError):
    """A copy that is not taken; the message says why. What it had is read again."""


def save(folder: Path, copy: Snapshot, origin: str) -> None:
    """The file appears complete or not at all, and is on the disk when this returns. `origin`: where it was read (an
    address). Raises OSError."""
    digest = hashlib.sha256()
    with whole(folder / NAME, folder / f".{NAME}.part", durable=True) as out:
        for content in _contents(copy, origin):
            out.write(content)
            digest.update(content)
        out.write(digest.digest())


def _contents(copy: Snapshot, origin: str) -> Iterator[bytes]:
    extent = copy.extent
    yield _line([FORMAT, _digest_of(origin), extent.step, extent.first, extent.last, extent.hour])
    for piece in copy.pieces:
        if piece.queries:
            yield _line(list(piece.queries.items()))
            yield np.asarray(piece.values, "<f4").tobytes()
            yield np.asarray(piece.due, "<u4").tobytes()
            yield piece.tries.tobytes()
            yield piece.trust.tobytes()
    yield _line([])


def _digest_of(origin: str) -> str:
    """An address may have a password in it, and the copy is for who reads the volume."""
    return hashlib.sha256(origin.encode()).hexdigest()


def _line(content: object) -> bytes:
    return json.dumps(content).encode() + b"\n"


def load(folder: Path, origin: str, step: float, seconds: float, now: float) -> Snapshot | None:
    """What was saved of this origin, for this step and so many seconds; None where nothing was. It is checked as
    a whole before the first piece is given. Raises Dropped where it is in any doubt."""
    path = folder / NAME
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Dropped(f"it cannot be read: {error.strerror}") from error
    content = os.fdopen(file, "rb")
    try:
        _check(content)
        extent = _extent(_read_line(content), origin, step)
        if extent.last * step > now + step:
            raise Dropped("it is newer than now")
        if now - extent.last * step > seconds / 2:
            raise Dropped("it is too old")
        if not 0 < extent.steps * step <= seconds + 2 * HOUR_SECONDS:
            raise Dropped("it is of another length of history")
    except OSError as error:
        content.close()
        raise Dropped(f"it cannot be read: {error.strerror}") from error
    except Dropped:
        content.close()
        raise
    return Snapshot(extent, _pieces(content, extent))


def _check(content: BinaryIO) -> None:
    """The digest is true. Raises Dropped."""
    left = os.fstat(content.fileno()).st_size - _DIGEST
    if left > MOST_BYTES:
        raise Dropped("it is too large")
    digest = hashlib.sha256()
    while left > 0:
        some = content.read(min(left, _CHUNK))
        if not some:
            break
        digest.update(some)
        left -= len(some)
    if left or content.read(_DIGEST + 1) != digest.digest():
        raise Dropped("it is damaged")
    content.seek(0)


def _read_line(content: BinaryIO) -> list[object]:
    line = content.readline(MOST_LINE_BYTES)
    try:
        found = json.loads(line) if line.endswith(b"\n") else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise Dropped("a line of it is not what it should be")
    return found


def _extent(line: list[object], origin: str, step: float) -> Extent:
    match line:
        case [form, its_origin, float(its_step) | int(its_step), int(first), int(last), int(hour)] if form == FORMAT:
            if its_origin != _digest_of(origin):
                raise Dropped("it is of another Prometheus")
            if its_step != step or hour != max(1, round(HOUR_SECONDS / step)) or first % hour:
                raise Dropped("it is of another step")
            if max(abs(first), abs(last)) > LAST_STEP:
                raise Dropped("it is of no time")
            return Extent(step, first, last, hour)
    raise Dropped("it is of another version")


def _pieces(content: BinaryIO, extent: Extent) -> Iterator[Piece]:
    """One after another. Raises Dropped, though the digest was true, for what no `save` wrote."""
    hours = extent.hours[1] - extent.hours[0]
    with content:
        for _ in range(MOST_PIECES):
            queries = _queries(_read_line(content))
            if not queries:
                return
            values = _array(content, np.float32, len(queries), extent.steps)
            due = _array(content, np.uint32, len(queries), hours)
            tries, trust = (_array(content, np.uint8, len(queries), hours) for _ in range(2))
            yield Piece(queries, values, due, tries, trust)
        raise Dropped("it is too large")


def _queries(line: list[object]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in line:
        match each:
            case [str(key), str(query)]:
                found[key] = query
            case _:
                raise Dropped("a line of it is not what it should be")
    if len(found) != len(line) or len(found) > MOST_ROWS:
        raise Dropped("a line of it is not what it should be")
    return found


def _array(content: BinaryIO, kind: type[Scalar], rows: int, columns: int) -> NDArray[Scalar]:
    wanted = rows * columns * np.dtype(kind).itemsize
    found = content.read(wanted)
    if len(found) != wanted:
        raise Dropped("it ends too early")
    return np.frombuffer(found, np.dtype(kind).newbyteorder("<")).reshape(rows, columns)
