"""Whose turn it is where a round has no time for all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def in_turn(keys: Iterable[str], left_out: Sequence[str]) -> list[str]:
    """First those that the last round left out, in the order in which it would have come to them; then all others in
    theirs. If what a round leaves out is handed to the next one in this order, nobody waits for ever, however few a
    round comes to: by a mere set of names the first of the list would come before the last of them every time."""
    rank = {key: place for place, key in enumerate(left_out)}
    return sorted(keys, key=lambda key: rank.get(key, len(rank)))
