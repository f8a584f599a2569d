"""What `mutmut run` found, module by module: `python -m tests.mutants`, the last step of `make mutants`.

It ends with 1 if a module has less than `LEAST` of its mutants killed. One that runs into the time limit is killed: it
goes round in a circle. `mutmut results` names those that live, `mutmut show NAME` has the changed line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection
from pathlib import Path

LEAST = 0.9
_LIVE = (0, 5, 33)
"""Exit codes under which a mutant lives: all tests pass, or none runs it."""


def score(codes: Collection[int | None]) -> tuple[int, int]:
    """(killed, all) of the mutants of a module, by the exit codes of their tests; None: not tried, so not killed."""
    return sum(code is not None and code not in _LIVE for code in codes), len(codes)


def main(found: Path = Path("mutants")) -> int:
    rows: dict[str, tuple[int, int]] = {}
    for path in sorted(found.rglob("*.py.meta")):
        codes = json.loads(path.read_text())["exit_code_by_key"].values()
        if codes:
            rows[str(path.relative_to(found).with_suffix(""))] = score(codes)
    rows["all"] = sum(killed for killed, _ in rows.values()), sum(count for _, count in rows.values())
    for name, (killed, count) in rows.items():
        print(f"{name:<36}{killed:>6} of {count:>5}{killed / max(1, count):>9.1%}")
    return int(any(killed < LEAST * count for killed, count in rows.values()) or rows["all"][1] == 0)


if __name__ == "__main__":
    sys.exit(main())
