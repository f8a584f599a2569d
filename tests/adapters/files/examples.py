"""Files for the tests of what reads them."""

from __future__ import annotations

import gzip
from pathlib import Path

T0 = 1_700_000_040


def put(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    data = text.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path
