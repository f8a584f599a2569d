"""How files are written: nothing outside the output directory, no symlink followed, a file whole or absent. A series
may be called `../../etc/passwd`; its file is not.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ahpa.adapters.files.text import InputError


def safe_name(name: str) -> str:
    """`name` as a file name: letters, digits, dot, dash, underscore; never hidden, never a path, never an option."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name, flags=re.ASCII)
    return plain.lstrip("._-").rstrip("._")[:100] or "series"


def file_names(names: Iterable[str]) -> dict[str, str]:
    """A file name for each series, different ones for different series also where case does not count."""
    out: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        wanted = candidate = safe_name(name)
        count = 1
        while candidate.lower() in taken:
            count += 1
            candidate = f"{wanted}-{count}"
        taken.add(candidate.lower())
        out[name] = candidate
    return out


def directory(out: Path, *parts: str) -> Path:
    """`out/parts`, made if need be. Raises InputError where it is a symlink, a file or not to be written."""
    for part in (out, out.joinpath(*parts)):
        if part.exists() and not part.is_dir():
            raise InputError(f"{part} is a file, not a folder")
    try:
        out.mkdir(parents=True, exist_ok=True)
        inner = out.joinpath(*parts)
        if parts:
            if inner.is_symlink():
                raise InputError(f"{inner} is a symlink; nothing is written through it")
            inner.mkdir(exist_ok=True)
        if not os.access(inner, os.W_OK):
            raise InputError(f"{inner} cannot be written to")
    except OSError as error:
        raise InputError(f"{out}: {error.strerror}") from error
    return inner


def write_whole(path: Path, content: bytes) -> None:
    """The file appears complete or not at all; an old one, or a symlink in its place, is replaced."""
    try:
        with whole(path, path.with_name(f".{path.name}.{os.getpid()}")) as out:
            out.write(content)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


@contextmanager
def whole(path: Path, part: Path, durable: bool = False) -> Iterator[BinaryIO]:
    """What is written to `part` appears at `path` when all went well, and is gone where not; `durable`: it is on the
    disk then. Raises OSError."""
    part.unlink(missing_ok=True)
    try:
        with part.open("xb") as out:
            yield out
            if durable:
                out.flush()
                os.fsync(out.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
