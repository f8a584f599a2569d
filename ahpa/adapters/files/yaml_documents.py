"""Small YAML files, hostile until read: bounded, plain data only, no aliases."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import yaml

from ahpa.adapters.files.text import InputError

MOST_BYTES = 256 * 1024


def documents(path: Path, most_bytes: int = MOST_BYTES) -> list[object]:
    """The documents of the file. Raises InputError with the line."""
    try:
        if not path.exists():
            raise InputError(f"{path}: no such file")
        if not path.is_file() or path.stat().st_size > most_bytes:
            raise InputError(f"{path}: not a file of at most {most_bytes // 1024} KiB")
        with path.open("rb") as stream:
            return documents_of(str(path), stream, most_bytes)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


def documents_of(source: str, stream: IO[bytes], most_bytes: int = MOST_BYTES) -> list[object]:
    """The documents of a stream that errors call `source`. Raises InputError with the line, OSError."""
    data = stream.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise InputError(f"{source}: more than {most_bytes // 1024} KiB")
    try:
        text = data.decode("utf-8")
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if isinstance(token, yaml.AliasToken):
                raise InputError(f"{source}:{token.start_mark.line + 1}: YAML aliases are not read")
        return list(yaml.safe_load_all(text))
    except InputError:
        raise
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise InputError(f"{source}:{line}: not YAML: {getattr(error, 'problem', None) or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{source}:1: not UTF-8 text") from error
    except RecursionError as error:
        raise InputError(f"{source}:1: YAML nested too deep") from error
    except ValueError as error:  # a date that the calendar does not have
        raise InputError(f"{source}:1: not YAML: {error}") from error
