"""Shares: how many targets of one namespace are served, and how many of them by a model that is fitted one series at a
time, so that none takes what all pay for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace

from ahpa.core.policy.values import PREFIX, Policy
from ahpa.core.turns import admitted, tenant_of
from ahpa.service.listing import Asked, Listing
from ahpa.service.settings import Settings
from ahpa.targets import Target

_LEARNED_TOGETHER = Policy().model


def crowded(targets: Iterable[Target], settings: Settings) -> frozenset[str]:
    """Namespaces that may ask for more targets than are served of one, whoever plans them: a shard that counted only
    its own would serve as many again, and refuse them when it takes over another's."""
    sizes = Counter(target.namespace for target in targets)
    return frozenset(namespace for namespace, size in sizes.items() if size > settings.most_targets)


def within_shares(listing: Listing, before: Collection[str], settings: Settings) -> Listing:
    """The listing in which at most so many of each namespace are planned for. All others are refused with a sentence;
    they cost neither queries nor a forecast. Who was in `before`, or holds a floor of ours, stays in: also one of a
    kind that did not answer in this round."""
    wanting = {asked.target.key: asked for asked in listing.asked if asked.query is not None}
    away = {key for key in before if key.partition("/")[0] in listing.unlisted}
    held = {key for key, asked in wanting.items() if asked.target.managed}
    most, most_fits = settings.most_targets, settings.most_library_fits
    within = admitted({*wanting, *away}, {*before, *held}, most)
    sizes = Counter(map(tenant_of, wanting))
    slow = {key for key in within & wanting.keys() if wanting[key].parsed.policy.model != _LEARNED_TOGETHER}
    fitted = admitted(slow, (), most_fits)

    def within_or_refused(asked: Asked) -> Asked:
        key = asked.target.key
        if asked.query is None or key in within:
            return asked if key not in slow or key in fitted else _with_the_others(asked, most_fits)
        return asked.refused(
            f"namespace {asked.target.namespace} asks for {sizes[asked.target.namespace]} targets, of which the {most} "
            "that came first are served (--max-targets-per-namespace)"
        )

    return replace(listing, asked=tuple(map(within_or_refused, listing.asked)), admitted=within)


def _with_the_others(asked: Asked, most: int) -> Asked:
    """The same, learned by the model that learns all together, and told so."""
    policy = asked.parsed.policy
    said = (
        f"{PREFIX}model: {policy.model} is fitted for {most} targets of a namespace "
        f"(--max-library-fits-per-namespace); this one goes by {_LEARNED_TOGETHER}"
    )
    parsed = replace(asked.parsed, policy=replace(policy, model=_LEARNED_TOGETHER), inert=(*asked.parsed.inert, said))
    return replace(asked, parsed=parsed)
