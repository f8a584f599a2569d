"""The page of licences, and which of them we may ship."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.metadata import distribution

from supply.installed import license_of
from supply.lock import LINUX, Pin

ALLOWED = frozenset({
    "0BSD", "Apache-2.0", "Apache 2.0", "Apache Software License", "BSD License", "BSD-2-Clause", "BSD-3-Clause",
    "CC0-1.0", "CNRI-Python", "ISC", "MIT", "MIT License", "MIT-CMU", "PSF-2.0", "Python Software Foundation License",
    "Zlib",
    "BSD",  # of partd, whose text has the three clauses
    "MPL-2.0", "Mozilla Public License 2.0 (MPL 2.0)",  # of its own files only, which we ship as they are
})  # fmt: skip
"""They ask us to keep their notices, which the wheels carry, and for nothing else. Neither GPL nor AGPL, nor what
forbids anybody's use of it."""
NOTE = "<!-- Written by `make licenses`; what is installed says it. -->"


def refused(license: str) -> tuple[str, ...]:
    """Parts of an SPDX expression, or a name, that we may not ship; one choice of an OR is enough."""
    if license in ALLOWED:
        return ()
    choices = [re.split(r"\s+AND\s+", choice.strip(" ()")) for choice in re.split(r"\s+OR\s+", license)]
    wrong = [tuple(part.strip(" ()") for part in parts if part.strip(" ()") not in ALLOWED) for parts in choices]
    return () if () in wrong else wrong[0]


def licenses(pins: Iterable[Pin]) -> dict[str, tuple[str, str]]:
    """By name: the versions that an image on Linux may hold, and the licence. Raises PackageNotFoundError for one that
    is not installed here."""
    versions: dict[str, list[str]] = {}
    for pin in pins:
        if any(pin.here({**LINUX, "python_full_version": f"3.{minor}.0"}) for minor in (11, 12, 13)):
            versions.setdefault(pin.name, []).append(pin.version)
    return {name: (", ".join(each), license_of(distribution(name))) for name, each in versions.items()}


def page(core: Mapping[str, tuple[str, str]], full: Mapping[str, tuple[str, str]]) -> str:
    """docs/licenses.md, of what is always there and of that with all extras."""
    return f"""{NOTE}
# Licences

ahpa itself is under the Apache License 2.0. An image holds these packages besides (requirements/base.txt), under what
each says of itself; the text of each licence is in its wheel. Two versions: the later is for Python 3.12 and newer. The
wheel of numpy brings OpenBLAS (BSD-3-Clause) and GCC's runtime libraries (GPL-3.0 with the GCC Runtime Library
Exception, which lets anybody ship them).

{_table(core)}

## With the extras

What `ahpa[full]`, or an image of requirements/full.txt, holds besides. prophet's wheel brings CmdStan and Stan's
mathematics library (BSD-3-Clause) and oneTBB (Apache-2.0) along, compiled; their hashes are in the bill of materials
(`python -m supply sbom FILE requirements/full.txt`). scipy's wheel brings what numpy's does.

{_table({name: found for name, found in full.items() if name not in core})}

`tests/supply` refuses a licence that is not on our list, such as AGPL, and a package that names none.
"""


def _table(found: Mapping[str, tuple[str, str]]) -> str:
    rows = (f"| {name} | {versions} | {license} |" for name, (versions, license) in sorted(found.items()))
    return "\n".join(("| package | version | licence |", "|---|---|---|", *rows))
