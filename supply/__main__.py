"""`make sbom` and `make licenses`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ahpa import __version__
from supply.licenses import licenses, page
from supply.lock import BASE, FULL, pins
from supply.sbom import bill

PAGE = Path(__file__).parents[1] / "docs/licenses.md"


def main(words: list[str]) -> None:
    """Write what is asked for."""
    match words:
        case ["sbom", file, *lock] if len(lock) <= 1:
            locked = list(pins(Path(lock[0] if lock else BASE).read_text(encoding="utf-8")))
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            Path(file).write_text(json.dumps(bill(locked, __version__), indent=1) + "\n", encoding="utf-8")
            print(f"written: {file}")
        case ["licenses"]:
            core, full = (licenses(pins(lock.read_text(encoding="utf-8"))) for lock in (BASE, FULL))
            PAGE.write_text(page(core, full), encoding="utf-8")
        case _:
            sys.exit("usage: python -m supply sbom FILE [LOCK] | licenses")


if __name__ == "__main__":
    main(sys.argv[1:])
