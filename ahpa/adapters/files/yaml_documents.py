"""Small YAML files, hostile until read: bounded, plain data only, no aliases."""

from __future__ import annotations

from pathlib import Path

import yaml

from ahpa.adapters.files.text import InputError

MOST_BYTES = 256 * 1024


def documents(path: Path) -> list[object]:
    """The documents of the file. Raises InputError with the line."""
    try:
        if not path.exists():
            raise InputError(f"{path}: no such file")
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path}: not a file of at most {MOST_BYTES // 1024} KiB")
        text = path.read_bytes().decode("utf-8")
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if isinstance(token, yaml.AliasToken):
                raise InputError(f"{path}:{token.start_mark.line + 1}: YAML aliases are not read")
        return list(yaml.safe_load_all(text))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise InputError(f"{path}:{line}: not YAML: {getattr(error, 'problem', None) or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}:1: not UTF-8 text") from error
    except RecursionError as error:
        raise InputError(f"{path}:1: YAML nested too deep") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
