"""Text from hostile files: regular files of bounded size, plain or gzip, as blocks of whole lines of bounded length."""

from __future__ import annotations

import contextlib
import gzip
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Protocol

MOST_BYTES = 256 * 2**20
MOST_ROWS = 2_000_000
MOST_SAMPLES = 600_000
"""Of one series in JSON: over a year of minutes."""
MOST_LINE = 2**20
MOST_DOCUMENT = 64 * 2**20
MOST_RATIO = 200
"""A text that is so many times larger than its gzip is a bomb, not metrics (minute counts reach 20)."""
_BLOCK_BYTES = 2**18
BOM = b"\xef\xbb\xbf"

Remark = Callable[[str], None]
"""Told what a file says of itself: that it may be incomplete, say."""
NOT_ENOUGH = 4
"""The exit code where the input is well-formed, but too little."""


class InputError(ValueError):
    """What is wrong, with file and line, and the exit code that says so."""

    def __init__(self, message: str, exit_code: int = 2) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Block:
    """Some whole lines; only the file's last may have no end."""

    first: int
    """The number of its first line, from 1."""
    data: bytes


def blocks(path: Path) -> Iterator[Block]:
    """The file from its beginning to its end. Raises InputError; nothing is read beyond the bounds."""
    try:
        info = path.stat()
    except (OSError, ValueError) as error:
        raise InputError(f"{str(path)[:200]}: {getattr(error, 'strerror', None) or error}") from error
    if not stat.S_ISREG(info.st_mode):
        raise InputError(f"{path}: not a regular file")
    if info.st_size > MOST_BYTES:
        raise InputError(f"{path}: {info.st_size / 2**20:.0f} MiB; at most {MOST_BYTES // 2**20} can be read")
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            with contextlib.nullcontext(raw) if not packed else gzip.open(raw) as stream:
                _measure(path, stream, MOST_RATIO * info.st_size if packed else MOST_BYTES)
                stream.seek(0)
                yield from _whole_lines(path, stream)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: the gzip is damaged: {error}") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


def _measure(path: Path, stream: _Stream, most_bytes: int) -> None:
    """Bytes and rows are counted before any row is parsed; a gzip's own word on its length is not trusted."""
    total = rows = 0
    while block := stream.read(2**20):
        total += len(block)
        rows += block.count(b"\n")
        if rows > MOST_ROWS + 1:
            raise InputError(f"{path}:{MOST_ROWS + 2}: more than {MOST_ROWS:,} rows")
        if total > MOST_BYTES or total > max(most_bytes, 16 * 2**20):
            raise InputError(f"{path}:{rows + 1}: unpacks to far more than a file of metrics holds")


def _whole_lines(path: Path, stream: _Stream) -> Iterator[Block]:
    number, rest, length, most = 1, [b""], 0, MOST_LINE
    while data := stream.read(_BLOCK_BYTES):
        if number == 1 and not length and is_json(data):
            most = MOST_DOCUMENT  # Prometheus writes its answers without any line end
        whole, newline, tail = data.rpartition(b"\n")
        if newline:
            block = b"".join([*rest, whole, newline])
            yield Block(number, block)
            number += block.count(b"\n")
            rest, length = [], 0
        rest.append(tail)
        length += len(tail)
        _bounded(str(path), number, length, most)
    if length:
        yield Block(number, b"".join(rest))


def is_json(data: bytes) -> bool:
    """Whether a text that begins so is a JSON document."""
    return data.removeprefix(BOM).lstrip()[:1] in (b"{", b"[")


def document(source: str, text: Iterable[Block]) -> str:
    """The whole of a text, which may have lines of any length. Raises InputError."""
    parts, total = [], 0
    for block in text:
        parts.append(block.data)
        total += len(block.data)
        if total > MOST_DOCUMENT:
            most = MOST_DOCUMENT // 2**20
            raise InputError(f"{source}: JSON of more than {most} MiB; ask for fewer series at a time")
    data = b"".join(parts).removeprefix(BOM)
    del parts, block
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{source}:{line}: not UTF-8 text (byte {error.start + 1} of the file)") from error


def _bounded(source: str, number: int, length: int, most: int = MOST_LINE) -> None:
    if length > most:
        raise InputError(f"{source}:{number}: a line of more than {most:,} bytes")


def lines(source: str, text: Iterable[Block]) -> Iterator[str]:
    """The decoded lines of some blocks, without their ends. Raises InputError."""
    for block in text:
        for number, line in enumerate(block.data.removesuffix(b"\n").split(b"\n"), start=block.first):
            _bounded(source, number, len(line))
            if b"\0" in line:
                raise InputError(f"{source}:{number}: a NUL byte; is this UTF-16? UTF-8 text is needed")
            try:
                yield line.decode("utf-8").rstrip("\r")
            except UnicodeDecodeError as error:
                raise InputError(f"{source}:{number}: not UTF-8 text (byte {error.start + 1} of the line)") from error


def headed(source: str, text: Iterator[Block]) -> tuple[str, Iterator[Block]]:
    """(the first line, the blocks after it) of a text that is not empty."""
    block = next(text)
    first, _, rest = block.data.removeprefix(BOM).partition(b"\n")
    (header,) = lines(source, [Block(block.first, first)])
    return header, chain([Block(block.first + 1, rest)] if rest else [], text)
