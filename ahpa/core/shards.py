"""Shards: which lease a target belongs to, and how holders come to equal shares.

A target belongs to a shard by the first hexadecimal digit of its uid: random, never changed, and something that the API
server's fence (CEL, config/base/fence.yaml) can tell of an object too. So there are 16 shards at most.

Leases are taken by whoever is there first, as Knative's controllers take their buckets (knative.dev/pkg,
leaderelection). Knative leaves it at that; here who holds too little asks for one, and its holder hands it over. And
who can read the demand asks for those whose holder cannot.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ahpa.core.election import Terms, View, over
from ahpa.core.sight import Sight

DIGITS = "0123456789abcdef"
MOST_SHARDS = len(DIGITS)
_UNKNOWN = Sight()


def shards(name: str, count: int) -> dict[str, str]:
    """The digits that each of `count` leases covers, by its name."""
    return {
        f"{name}-{at}": "".join(digit for value, digit in enumerate(DIGITS) if value * count // MOST_SHARDS == at)
        for at in range(count)
    }


def lease_of(uid: str, leases: Mapping[str, str]) -> str:
    """The name of the lease that covers a uid; of what does not begin with a digit, the first."""
    digit = uid[:1].lower()
    return next((name for name, digits in leases.items() if digit and digit in digits), next(iter(leases)))


def to_ask_for(views: Mapping[str, View], me: str, now: float, terms: Terms, sight: Sight = _UNKNOWN) -> str | None:
    """The lease that `me` asks its holder for. First one of a holder that is blind, if `me` sees; else one of the
    richest's, while that has two more than `me`. So shares end up equal but for one, and then nobody asks. None while
    one is free, or asked for already; and who is blind asks for nothing, or it would have back what was taken from it.
    """
    if sight.blind or any(over(view, now, terms) or view.record.asked_by == me for view in views.values()):
        return None
    blind = (
        name
        for name, view in views.items()
        if view.record.blind and me != view.record.holder and not view.record.asked_by
    )
    if sight.sees and (name := min(blind, default=None)) is not None:
        return name
    held = Counter(view.record.holder for view in views.values())
    richest, most = max(held.items(), key=lambda item: (item[1], item[0]), default=("", 0))
    if most - held[me] < 2:
        return None
    theirs = (name for name, view in views.items() if view.record.holder == richest and not view.record.asked_by)
    return max(theirs, default=None)
