"""What is dear to make and many ask for: made once, by one of those who ask at once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Made = TypeVar("Made")


class Once(Generic[Made]):
    """By key what was made last, of so many keys at `most`; anew where its version is another. One thing is made after
    the other: whoever looks takes no more than one core from the rounds."""

    def __init__(self, most: int = 1) -> None:
        self._most = most
        self._making = threading.Lock()
        self._made: OrderedDict[str, tuple[object, Made]] = OrderedDict()

    def of(self, key: str, version: object, make: Callable[[], Made]) -> Made:
        """What is there of this version, else what is made. Raises what that raises, and keeps nothing then."""
        with self._making:
            found = self._made.get(key)
            if found is None or found[0] != version:
                found = self._made[key] = version, make()
                self._made.move_to_end(key)
                while len(self._made) > self._most:
                    self._made.popitem(last=False)
            return found[1]
