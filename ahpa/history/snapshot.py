"""What is held, in pieces that can be written and read one after another: there is never a second copy of it all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.panel import Array


@dataclass(frozen=True)
class Extent:
    """Which steps and hours a copy has, by their numbers; see `Matrix` and `Ledger`."""

    step: float
    """Seconds."""
    first: int
    last: int
    """The steps [first, last)."""
    hour: int
    """Steps of an hour; `first` begins one."""

    @property
    def steps(self) -> int:
        return self.last - self.first

    @property
    def end(self) -> float:
        """Unix seconds at which the newest step ends."""
        return self.last * self.step

    @property
    def hours(self) -> tuple[int, int]:
        """From the first to behind the last."""
        return self.first // self.hour, -(-self.last // self.hour)


@dataclass(frozen=True, eq=False)
class Piece:
    """Some series."""

    queries: Mapping[str, str]
    """By key, [n]."""
    values: Array
    """[n, steps]."""
    due: NDArray[np.uint32]
    """[n, hours], as this and the next."""
    tries: NDArray[np.uint8]
    trust: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A copy, or the way to it: its pieces are made one after another."""

    extent: Extent
    pieces: Iterator[Piece]
