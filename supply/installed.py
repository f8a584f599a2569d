"""What an installed package says of itself: its licence, and the hashes of the programs that it brings along."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from importlib.metadata import Distribution, PackagePath

EXPRESSION = "License-Expression"
_SHORT = 60
"""Characters; what is longer in the old field `License` is a whole text and no name."""
_BINARY = re.compile(r"/stan_model/(?:.*\.bin$|.*/bin/[^/]+$|.*\.so(?:\.[0-9]+)*$)")
"""Of prophet: the compiled model, CmdStan's programs, and the libraries that they load."""


@dataclass(frozen=True)
class Program:
    """A file that was compiled by others and is run as it is."""

    path: str
    sha256: str


def license_of(package: Distribution) -> str:
    """An SPDX expression (PEP 639) where the package has one, else the name in its classifiers, else what its field
    `License` says in a few words; empty: it says nothing."""
    said = package.metadata
    if EXPRESSION in said:
        return said[EXPRESSION]
    classifiers = [str(each).split(" :: ") for each in said.get_all("Classifier") or []]
    names = [each[-1] for each in classifiers if each[0] == "License" and each[-1] != "OSI Approved"]
    field = " ".join((said.get_all("License") or [""])[0].split())
    return " AND ".join(names) or (field if len(field) <= _SHORT else "")


def programs_of(package: Distribution) -> tuple[Program, ...]:
    """Those of prophet, by the hashes in its RECORD, which pip checked at installation. Raises ValueError for one that
    has none."""
    files = [file for file in package.files or [] if _BINARY.search(f"/{file}")]
    return tuple(Program(str(file), _sha256(file)) for file in sorted(files, key=str))


def _sha256(file: PackagePath) -> str:
    """In hexadecimal. Raises ValueError."""
    if file.hash is None or file.hash.mode != "sha256":
        raise ValueError(f"{file}: RECORD has no sha256 for it")
    text = file.hash.value
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).hex()
