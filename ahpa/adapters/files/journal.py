"""The decision journal on disk: JSON lines, appended and flushed round by round, packed away when they are many.

`journal.jsonl` is written to; `journal.jsonl.1.gz` is what was written before it, `.2.gz` what was before that.
"""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import BinaryIO

from ahpa.core.decision import Decision
from ahpa.core.journal import entries
from ahpa.core.observation import Observation

MIB = 2**20


class JournalFile:
    """An `ahpa.ports.Journal` that appends to `file`. Raises OSError at once where that cannot be written.

    A file that has reached `most_bytes` is packed away before the next round is written, and at most `keep` of those
    stay: the disk that it may need is bounded by one file and what is left of `keep` others, a tenth of them or less.
    """

    def __init__(self, file: str, most_bytes: int = 100 * MIB, keep: int = 10) -> None:
        self._file = Path(file)
        self._most_bytes = most_bytes
        self._keep = keep
        self._file.open("a").close()

    def write(self, observation: Observation, decisions: Sequence[Decision]) -> None:
        """One round, whole or not at all. Raises OSError."""
        lines = [json.dumps(entry, separators=(",", ":")) for entry in entries(observation, tuple(decisions))]
        text = "".join(f"{line}\n" for line in lines).encode()
        if self._file.exists() and self._file.stat().st_size >= self._most_bytes:
            self._pack_away()
        with self._file.open("ab", buffering=0) as out:
            before = out.tell()
            try:
                _write_all(out, text)
            except OSError:
                with suppress(OSError):  # half a line would damage the next one, too
                    out.truncate(before)
                raise

    def _pack_away(self) -> None:
        for number, path in reversed(packed(self._file)):
            if number >= self._keep:
                path.unlink()
            else:
                path.rename(_named(self._file, number + 1, path.suffix))
        if not self._keep:
            self._file.unlink()
            return
        plain = self._file.rename(_named(self._file, 1, ""))
        target = _named(self._file, 1, ".gz")
        half = target.with_name(f"{target.name}.tmp")
        try:
            with plain.open("rb") as source, gzip.open(half, "wb", compresslevel=1) as sink:
                shutil.copyfileobj(source, sink, MIB)
            half.rename(target)
            plain.unlink()
        except OSError:  # no room to pack it: it stays as it is
            half.unlink(missing_ok=True)


def packed(file: Path) -> list[tuple[int, Path]]:
    """What was written before the journal `file`, by number: the largest is the oldest. Raises OSError."""
    pattern = re.compile(re.escape(file.name) + r"\.([1-9][0-9]{0,5})(\.gz)?")
    names = (pattern.fullmatch(path.name) for path in file.parent.iterdir())
    by_number = {int(name.group(1)): file.with_name(name.group()) for name in sorted(filter(None, names), key=_order)}
    return sorted(by_number.items())


def _order(name: re.Match[str]) -> bool:
    """A gzip counts before the plain file of its number, of which it was made: it is whole once it has its name."""
    return name.group(2) is not None


def lines_of(path: Path, most: int) -> Iterator[bytes]:
    """The lines of one file, plain or gzip, cut off after `most` bytes and one more. Raises OSError; EOFError and
    zlib.error where a gzip is damaged."""
    with path.open("rb") as raw:
        is_packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        with gzip.GzipFile(fileobj=raw) if is_packed else nullcontext(raw) as stream:
            while line := stream.readline(most + 1):
                yield line


def _named(file: Path, number: int, suffix: str) -> Path:
    return file.with_name(f"{file.name}.{number}{suffix if suffix == '.gz' else ''}")


def _write_all(out: BinaryIO, text: bytes) -> None:
    """A file without a buffer may take less than it is given."""
    view = memoryview(text)
    while view:
        view = view[out.write(view) :]
