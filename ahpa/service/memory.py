"""What the service remembers from round to round and nobody else keeps: all that a restart loses stands here.

The objects hold what their owners had and the floors in force, Prometheus holds the demand; both are read again after a
restart. What is in `Memory` is not. Only the tick touches it.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field

from ahpa.core.courses import NO_TOTALS, Totals
from ahpa.core.foreseen import Foreseen
from ahpa.core.quality import Quality
from ahpa.core.setting import Setting
from ahpa.core.sight import Sight
from ahpa.core.starts import StartLog
from ahpa.service.choose import Tried
from ahpa.service.listing import NOBODY, Listing
from ahpa.service.saving import Saved


@dataclass(frozen=True)
class Backoff:
    """What failed and is not tried again at once: a write that the API refused, a history that could not be read."""

    until: float
    """Unix seconds before which nothing is tried again."""
    pause: float
    """Seconds; the next one is twice as long."""


_ROUNDS = 3
"""A pause of more than so many rounds is an absence."""


@dataclass
class Memory:
    """By target's key, but where it says otherwise. Behind each: what its loss in a restart costs."""

    sight: Sight = field(default_factory=Sight)
    """Whether any demand could be read lately; not by target. Lost: the next rounds show it."""
    listed: Listing = NOBODY
    """What the last round listed. Lost: what all owners ask is read anew; of a namespace that asks for too many, those
    who hold a floor of ours stay in, the others by name; and a kind that cannot be listed is told of once more."""
    starts: dict[str, StartLog] = field(default_factory=dict)
    """How long replicas took to become ready. Lost: the operator's assumption counts again. Those that are there teach
    anew at once, as their API objects still say when they were asked for; those of the days before do not."""
    not_looked_at: tuple[str, ...] = ()
    """Targets whose pods the last round had no time to look at. Lost: they take their turn."""
    observed_until: dict[str, float] = field(default_factory=dict)
    """By series: the newest moment of which data were seen, or when we began to look. Lost: the patience with a target
    of which there are no data begins anew."""
    doubted_since: dict[str, float] = field(default_factory=dict)
    """By series: the first round, of all since, in which there was nothing to go by. Lost: a hold begins anew."""
    foreseen: dict[str, Foreseen | None] = field(default_factory=dict)
    """By series, of those whose data are lost: what was foreseen of the next hours while there were some; None: nothing
    was. Lost: it is held and decays, as where nothing was foreseen."""
    foresaw_at: float = -math.inf
    """Unix seconds of the last round that put any of it down. Lost: the next one does at once."""
    quality: dict[str, Quality] = field(default_factory=dict)
    """By series: how its forecasts did lately. Lost: they have their say for some hours, until enough was judged."""
    trusted: set[str] = field(default_factory=set)
    """Series whose data were once good enough to lower on. Lost: those whose floor stands above their owner's still
    count as trusted, the others when their data are good again; until then fewer can freeze the fleet."""
    looked_at: float = -math.inf
    """Unix seconds of the last round. Lost: a start is an absence anyway."""
    seen: set[str] = field(default_factory=set)
    """Series of which any data were seen. Lost: known again from the history, as soon as one was read."""
    unread: frozenset[str] = frozenset()
    """Series whose demand the last round could not read. Lost: an outage is told of once more."""
    unmeasured: frozenset[str] = frozenset()
    """Series whose late requests the last round could not read. Lost: it is told of once more."""
    would_be: dict[str, int] = field(default_factory=dict)
    """Floors that nobody wrote (observe, dry run). Lost: they count from the owner's own minimum again."""
    unfollowed: dict[str, float] = field(default_factory=dict)
    """Since when fewer replicas are asked for than our floor. Lost: it is told of a little later."""
    logged: dict[str, str] = field(default_factory=dict)
    """The reason of the last decision. Lost: each decision is logged once more."""
    introduced: dict[str, str] = field(default_factory=dict)
    """What their owners were told of how they are measured. Lost: they are told once more."""
    backoff: dict[str, Backoff] = field(default_factory=dict)
    """Lost: a refused write is tried once more, an hour early at most."""
    fixed: dict[str, Backoff] = field(default_factory=dict)
    """Whose raised target the API refused. Lost: as `backoff`."""
    unanswered: set[str] = field(default_factory=set)
    """Targets whose last write got no answer, or an error that may pass. Lost: for one round they take their turn."""
    left_out: tuple[str, ...] = ()
    """Targets that the last round had no time to write to. Lost: they take their turn."""
    untold: tuple[str, ...] = ()
    """Targets of which the last round may not have told all that is new. Lost: they take their turn."""

    tried: Tried | None = None
    """What each setting would have done lately. Lost: the second refit tries them on the days before; where there are
    too many targets for that, nothing is chosen for a day."""
    saved: Saved | None = None
    """What each target had, and would have had. Lost: the totals begin anew, but where there is a volume (`--state`);
    either way some minutes are not counted, until models have settled."""
    totals: Totals = NO_TOTALS
    """What was counted before the start; it is looked at when a target is met the first time."""
    settings: dict[str, Setting] = field(default_factory=dict)
    """By series: what its floor follows. Lost: the default, until then."""
    rehearsed: set[str] = field(default_factory=set)
    """Series for whose sake a refit was wished, that their settings be tried on their past. Lost: as those are."""
    unlearned: dict[str, Backoff] = field(default_factory=dict)
    """By series: those whose history no refit could read, though the hour of each round could be. Lost: the first refit
    tries them anyway."""

    def forget_all_but(self, here: Collection[str], unlisted: Collection[str]) -> None:
        """Targets and series that are gone; those of a kind that did not answer (`unlisted`) are not gone."""

        def gone(key: str) -> bool:
            return key not in here and key.partition("/")[0] not in unlisted

        for memory in (
            self.starts,
            self.observed_until,
            self.doubted_since,
            self.foreseen,
            self.quality,
            self.would_be,
            self.logged,
            self.introduced,
            self.unfollowed,
            self.backoff,
            self.fixed,
            self.unlearned,
            self.settings,
        ):
            for key in [k for k in memory if gone(k)]:
                del memory[key]
        self.tried = self.tried and self.tried.without(gone)
        self.saved = self.saved and self.saved.without(gone)
        self.trusted = {key for key in self.trusted if not gone(key)}
        self.unanswered = {key for key in self.unanswered if not gone(key)}
        self.seen = {key for key in self.seen if not gone(key)}
        self.rehearsed = {key for key in self.rehearsed if not gone(key)}

    def look_ahead_anew(self) -> None:
        """Something was learned: of whom nothing was foreseen, something may be."""
        self.foreseen = {series: plan for series, plan in self.foreseen.items() if plan is not None}

    def untried(self, past: Collection[str]) -> set[str]:
        """Series with a past on which their settings should be tried, of which that was not wished yet."""
        return set() if self.tried is None else set(self.tried.young().values()) & set(past) - self.rehearsed

    def not_learned(self, asked: Collection[str], known: Collection[str], now: float, pause: float) -> None:
        """A refit at `now` asked for these series and left out what is not `known`: no new one is wished for their sake
        for `pause` seconds, then for twice as long. Those that the last round could not read either do not count: there
        is an outage, and once it is over they are learned at once."""
        for series in self.unlearned.keys() & known:
            del self.unlearned[series]
        for series in set(asked) - set(known) - self.unread:
            before = self.unlearned.get(series)
            longer = pause if before is None else 2 * before.pause
            self.unlearned[series] = Backoff(now + longer, longer)

    def may_learn(self, series: str, now: float) -> bool:
        """Whether a refit may be wished for the sake of this series."""
        before = self.unlearned.get(series)
        return before is None or now >= before.until

    def looked(self, now: float, usual_seconds: float) -> None:
        """A round looks at the world. Time in which none did, or that only our clock made, is no part of a hold."""
        gap = now - self.looked_at
        unseen = gap - usual_seconds if math.isfinite(gap) and not 0 <= gap <= _ROUNDS * usual_seconds else 0.0
        for series in self.doubted_since if unseen else ():
            self.doubted_since[series] += unseen
        self.looked_at = now

    def doubted(self, series: str, nothing_to_go_by: bool, now: float) -> float | None:
        """Take note of whether there was anything to go by in this round; returns since when there was not."""
        if not nothing_to_go_by:
            self.doubted_since.pop(series, None)
            return None
        return self.doubted_since.setdefault(series, now)

    def observed(self, key: str, until: float, now: float) -> float:
        """Take note of how far data were observed (-inf: not at all); returns what is known now.

        A server that does not answer shows nothing, also not that there was nothing: what was seen stays seen, and a
        target that we never saw data of has the same patience from the moment we began to look.
        """
        if math.isfinite(until):
            self.seen.add(key)
        known = max(self.observed_until.get(key, -math.inf), until)
        self.observed_until[key] = known if math.isfinite(known) else now
        return self.observed_until[key]
