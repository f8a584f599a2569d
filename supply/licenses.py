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


def page(found: Mapping[str, tuple[str, str]]) -> str:
    """docs/licenses.md."""
    rows = "\n".join(f"| {name} | {versions} | {license} |" for name, (versions, license) in sorted(found.items()))
    return f"""{NOTE}
# Licences

ahpa itself is under the Apache License 2.0. An image holds these packages besides (requirements/base.txt), under what
each says of itself; the text of each licence is in its wheel. Two versions: the later is for Python 3.12 and newer.
prophet's wheel brings CmdStan and Stan's mathematics library (BSD-3-Clause) and oneTBB (Apache-2.0) along, compiled;
their hashes are in the bill of materials (`make sbom`). The wheels of numpy and scipy bring OpenBLAS (BSD-3-Clause) and
GCC's runtime libraries (GPL-3.0 with the GCC Runtime Library Exception, which lets anybody ship them).

| package | version | licence |
|---|---|---|
{rows}

`tests/supply` refuses a licence that is not on our list, such as AGPL, and a package that names none.
"""
