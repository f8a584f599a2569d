"""How files are written: nothing outside the output directory, no symlink followed, a file whole or absent. A series
may be called `../../etc/passwd`; its file is not.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

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
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    try:
        with part.open("xb") as out:
            out.write(content)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InputError(f"{path}: {error.strerror}") from error
