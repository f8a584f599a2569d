"""Write the example request logs of this directory: `python data/generate.py`. See README.md."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np

from ahpa.simulation.workloads import DAY_MINUTES, EXAMPLES, fleet

SEED = 20260302
DAYS = 15
HERE = Path(__file__).parent


def texts() -> dict[str, str]:
    """The CSV text of every file, by file name without `.gz`."""
    panel = fleet(EXAMPLES, DAYS * DAY_MINUTES, np.random.default_rng(SEED))
    stamps = [f"{t:.0f}" for t in panel.times()]
    return {
        f"{key}.csv": "timestamp,value\n" + "".join(f"{t},{v:.0f}\n" for t, v in zip(stamps, row, strict=True))
        for key, row in zip(panel.keys, panel.values, strict=True)
    }


def packed(text: str) -> bytes:
    """gzip without a time or a name inside, so that the same text gives the same bytes (with the same zlib)."""
    out = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=out, mode="wb", compresslevel=9, mtime=0) as file:
        file.write(text.encode())
    return out.getvalue()


if __name__ == "__main__":
    for name, text in texts().items():
        path = HERE / (name + ".gz")
        path.write_bytes(packed(text))
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
