"""Whose turn it is where a round has no time for all: tenant by tenant, so that nobody's neighbours cost him his turn.

A tenant is a namespace, as in a key of `kind/namespace/name`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import chain, zip_longest


def in_turn(keys: Iterable[str], left_out: Sequence[str]) -> list[str]:
    """One of each tenant, then a second one of each, and so on; of a tenant first those that the last round left out,
    in the order in which it would have come to them, then all others in theirs. The tenants come in the order in which
    theirs were left out.

    If what a round leaves out is handed to the next one in this order, nobody waits for ever, however few a round comes
    to: by a mere set of names the first of the list would come before the last of them every time. And a tenant of
    three thousand costs another one no more than a tenant of three.
    """
    rank = {key: place for place, key in enumerate(left_out)}
    tenants = _by_tenant(sorted(keys, key=lambda key: rank.get(key, len(rank))))
    return [key for key in chain.from_iterable(zip_longest(*tenants)) if key is not None]


def admitted(keys: Iterable[str], before: Collection[str], most: int) -> frozenset[str]:
    """At most so many of each tenant. Those that were in `before` come first, so that a newcomer, whatever its name,
    puts nobody out; the others by their names."""
    tenants = _by_tenant(sorted(keys, key=lambda key: (key not in before, key)))
    return frozenset(key for mine in tenants for key in mine[:most])


def _by_tenant(keys: Iterable[str]) -> Collection[list[str]]:
    """Each one's, in their order; the tenants in that in which they come."""
    found: dict[str, list[str]] = {}
    for key in keys:
        found.setdefault(tenant_of(key), []).append(key)
    return found.values()


def tenant_of(key: str) -> str:
    """Its namespace; empty for a key that has none."""
    parts = key.split("/", 2)
    return parts[1] if len(parts) == 3 else ""
