"""Shares: how many targets of one namespace are served, so that none takes what all pay for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace

from ahpa.core.turns import admitted, tenant_of
from ahpa.service.listing import Asked, Listing


def within_shares(listing: Listing, before: Collection[str], most: int) -> Listing:
    """The listing in which at most so many of each namespace are planned for. All others are refused with a sentence;
    they cost neither queries nor a forecast. Who was in `before`, or holds a floor of ours, stays in: also one of a
    kind that did not answer in this round."""
    wanting = {asked.target.key: asked for asked in listing.asked if asked.query is not None}
    away = {key for key in before if key.partition("/")[0] in listing.unlisted}
    held = {key for key, asked in wanting.items() if asked.target.managed}
    within = admitted({*wanting, *away}, {*before, *held}, most)
    sizes = Counter(map(tenant_of, wanting))

    def within_or_refused(asked: Asked) -> Asked:
        if asked.query is None or asked.target.key in within:
            return asked
        return asked.refused(
            f"namespace {asked.target.namespace} asks for {sizes[asked.target.namespace]} targets, of which the {most} "
            "that came first are served (--max-targets-per-namespace)"
        )

    return replace(listing, asked=tuple(map(within_or_refused, listing.asked)), admitted=within)
