"""A budget of replicas, shared: a node pool fills no faster because many ask, and no tenant may take it all."""

from __future__ import annotations

from collections.abc import Mapping


def fair(wishes: Mapping[str, int], budget: int) -> dict[str, int]:
    """What each may have so that all together have at most `budget`: no more than it wishes, and nobody less than an
    equal share so that another has more (max-min fairness; Bertsekas and Gallager 1992). Of what cannot be divided the
    first by name has one more.

    A budget of 10 over wishes of 2, 50 and 50 gives 2, 4 and 4.
    """
    out: dict[str, int] = {}
    left = budget
    for rank, (name, wish) in enumerate(sorted(wishes.items(), key=lambda item: (item[1], item[0]))):
        others = len(wishes) - rank
        out[name] = min(wish, -(-left // others))
        left -= out[name]
    return out


def shared(wishes: Mapping[tuple[str, str], int], budget: int) -> dict[str, int]:
    """By name, of wishes by (tenant, name): the tenants share the budget, and what belongs to each its part of it."""
    tenants: dict[str, dict[str, int]] = {}
    for (tenant, name), wish in wishes.items():
        tenants.setdefault(tenant, {})[name] = wish
    parts = fair({tenant: sum(own.values()) for tenant, own in tenants.items()}, budget)
    return {name: count for tenant, own in tenants.items() for name, count in fair(own, parts[tenant]).items()}
