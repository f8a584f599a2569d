"""Arrays of a fleet side by side: what is said of n services at once, and goes with them when they come and go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from forecasting.panel import Ints

Change = Callable[[NDArray[np.generic], NDArray[np.generic]], NDArray[np.generic]]


@dataclass(frozen=True, eq=False)
class ByService:
    """Of each field that is an array, or is such a thing itself, the first axis is the service. Others stay as they
    are."""

    def rows(self, rows: Ints) -> Self:
        """Of some services, in this order."""
        return self._each(lambda mine, _: mine[rows], self)

    def beside(self, others: Self) -> Self:
        """Of both."""
        return self._each(lambda mine, theirs: np.concatenate([mine, theirs]), others)

    def put(self, here: NDArray[np.bool_], others: Self, rows: Ints) -> Self:
        """With these `rows` of others where it is `here` [n]."""

        def put(mine: NDArray[np.generic], theirs: NDArray[np.generic]) -> NDArray[np.generic]:
            out = mine.copy()
            out[here] = theirs[rows]
            return out

        return self._each(put, others)

    def _each(self, change: Change, others: Self) -> Self:
        out: dict[str, ByService | NDArray[np.generic]] = {}
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(others, each.name)
            if isinstance(mine, ByService):
                out[each.name] = mine._each(change, theirs)
            elif isinstance(mine, np.ndarray):
                out[each.name] = change(mine, theirs)
        return replace(self, **out)
