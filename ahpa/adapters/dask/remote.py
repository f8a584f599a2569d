"""What a worker runs for us: our work, if it would come to the same numbers there.

All travels as bytes that we packed ourselves. So what comes out is what another process of this machine would have
given (arrays of its own, that may be written to), the scheduler looks into nothing, and what cannot be packed is an
error of that piece alone.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from ahpa import __version__

_PACKAGES = ("numpy", "scipy", "statsmodels", "prophet", "distributed")
_SETTINGS = ("OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE")
"""With other threads, or another processor's routines, sums are added up in another order."""


class Differs(Exception):
    """A worker would come to other numbers, or cannot do what we can. Its words are for people."""


@cache
def terms() -> Mapping[str, str]:
    """By name, what must be the same here and on a worker."""
    return {
        "Python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "ahpa": __version__,
        **{name: _version(name) for name in _PACKAGES},
        **{name: os.environ.get(name, "not set") for name in _SETTINGS},
        "processes of its own": "no (dask worker: --no-nanny)" if multiprocessing.current_process().daemon else "yes",
    }


def _version(package: str) -> str:
    """As extras are, some may be in neither place."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def packed(what: object) -> bytes:
    """As it travels. Raises what pickle raises."""
    return pickle.dumps(what, pickle.HIGHEST_PROTOCOL)


def carried(theirs: Mapping[str, str], *parts: bytes) -> bytes:
    """On a worker: the work, which is the first of `parts`, on the others. Raises what it raises; Differs where our
    terms are not `theirs`."""
    _agree(theirs)
    work, *args = (pickle.loads(part) for part in parts)
    try:
        return packed(work(*args))
    except SystemExit as error:
        raise RuntimeError(f"it would have ended its worker: SystemExit: {error}") from error


def kept(part: bytes) -> bytes:
    """On a worker: a part that many pieces of work need. As a task's result it is made anew if its worker dies."""
    return part


def _agree(theirs: Mapping[str, str]) -> None:
    ours = terms()
    differing = [
        f"{name} {theirs.get(name, 'none')} here and {ours.get(name, 'none')} there"
        for name in sorted({*ours, *theirs})
        if ours.get(name) != theirs.get(name)
    ]
    if differing:
        raise Differs(f"{', '.join(differing)}; run one image, with one environment, everywhere")
