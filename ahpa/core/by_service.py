"""Arrays of a fleet side by side: what is said of n services at once, and goes with them when they come and go."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from forecasting.panel import Ints

Part = NDArray[np.generic]


def places(keys: Iterable[str], among: Iterable[str], but: Collection[str] = ()) -> Ints:
    """Where each of the keys stands `among` others; -1 where it does not, or is not to be looked for."""
    row_of = {key: row for row, key in enumerate(among) if key not in but}
    return np.array([row_of.get(key, -1) for key in keys], int)


@dataclass(frozen=True, eq=False)
class ByService:
    """Of each field that is an array, or is such a thing itself, the first axis is the service; so it is of the tuples
    that are `NAMED`. Others stay as they are."""

    NAMED: ClassVar[tuple[str, ...]] = ()
    """Fields that are tuples with an element for each service, as names are."""

    def rows(self, rows: Ints) -> Self:
        """Of some services, in this order."""
        at = rows.tolist()
        return replace(
            self,
            **{name: part.rows(rows) if isinstance(part, ByService) else part[rows] for name, part in self._parts()},
            **{name: tuple(getattr(self, name)[row] for row in at) for name in self.NAMED},
        )

    def where(self, here: Sequence[bool]) -> Self | None:
        """Of those services that are `here` [n]; None where none is."""
        if all(here):
            return self
        rows = np.flatnonzero(here)
        return self.rows(rows) if len(rows) else None

    def beside(self, others: Self) -> Self:
        """Of both, which have no service in common."""
        pairs = ((name, part, getattr(others, name)) for name, part in self._parts())
        return replace(
            self,
            **{
                name: mine.beside(theirs) if isinstance(mine, ByService) else np.concatenate([mine, theirs])
                for name, mine, theirs in pairs
            },
            **{name: (*getattr(self, name), *getattr(others, name)) for name in self.NAMED},
        )

    def put(self, here: NDArray[np.bool_], others: Self, rows: Ints) -> Self:
        """With these `rows` of others where it is `here` [n]; the names stay."""
        pairs = ((name, part, getattr(others, name)) for name, part in self._parts())
        return replace(
            self,
            **{
                name: mine.put(here, theirs, rows) if isinstance(mine, ByService) else _put(mine, here, theirs[rows])
                for name, mine, theirs in pairs
            },
        )

    def _parts(self) -> Iterator[tuple[str, ByService | Part]]:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, ByService | np.ndarray):
                yield each.name, value


def _put(mine: Part, here: NDArray[np.bool_], theirs: Part) -> Part:
    out = mine.copy()
    out[here] = theirs
    return out
