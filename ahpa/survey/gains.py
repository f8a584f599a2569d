"""What each candidate would gain, ranked; and what its owner can do about it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ahpa.backtest.results import SeriesResult
from ahpa.backtest.worth import LEAST_SAVING
from ahpa.core.setting import score
from ahpa.core.words import count, percent, quantity
from ahpa.simulation.outcome import Outcome
from ahpa.survey.candidates import MODE, Candidate
from ahpa.survey.worlds import World


@dataclass(frozen=True, eq=False)
class Gain:
    """One candidate: what it has now, and what it would have."""

    candidate: Candidate
    world: World
    result: SeriesResult
    """Its contenders are ours and its own scaler."""
    now: Outcome
    ours: Outcome

    @property
    def key(self) -> str:
        """That of its target."""
        return self.candidate.target.key

    @property
    def saved(self) -> float:
        """Replica-hours of the tested days; negative: ours costs more."""
        return self.now.replica_hours - self.ours.replica_hours

    @property
    def spared(self) -> float:
        """Requests that would not have been late; negative: more would have."""
        return self.now.late_ratio * self.now.requests - self.ours.late_ratio * self.ours.requests

    @property
    def gain(self) -> float:
        """Both together in replica-hours, at the price by which settings are chosen (`core/setting.py`). Who keeps the
        late target is in time, by however much."""
        target = self.world.question.late_target
        ours, now = (score(max(o.late_ratio, target), o.replica_hours, target) for o in (self.ours, self.now))
        apart = ours - now
        return self.now.replica_hours * (1 - math.exp(min(apart, 1.0)))

    @property
    def worth(self) -> bool:
        """Whether the gain is more than luck."""
        return self.now.replica_hours > 0 and self.gain >= LEAST_SAVING * self.now.replica_hours

    @property
    def verdict(self) -> str:
        """In a sentence."""
        if not self.worth:
            return self._not_worth()
        late = f"{percent(self.ours.late_ratio)} late instead of {percent(self.now.late_ratio)}"
        hours = f"{quantity(abs(self.saved))} replica-hours ({percent(abs(self.saved) / self.now.replica_hours)})"
        return f"{late}, for {hours} {'less' if self.saved >= 0 else 'more'}{self._lowered()}"

    def _not_worth(self) -> str:
        target = self.world.question.late_target
        if self.now.late_ratio <= target:
            return f"in time already: {percent(self.now.late_ratio)} late, and hardly anything to save"
        return (
            f"{percent(self.now.late_ratio)} late now, {percent(self.ours.late_ratio)} with ahpa: no gain for what it "
            "costs; a start may be too quick, or the load without rhythm"
        )

    def _lowered(self) -> str:
        if not self.world.lowered:
            return ""
        was, would = self.world.now.scaling.bounds[0], self.world.ours.scaling.bounds[0]
        return f", with its own minimum lowered from {was} to {would} once ahpa acts"

    @property
    def command(self) -> str:
        """What to type to try it; empty where it is not worth it, or acts already."""
        if not self.annotations:
            return ""
        target = self.candidate.target
        asked = " ".join(f"{key}={value}" for key, value in self.annotations.items())
        group = target.reference.get("apiVersion", "").partition("/")[0]
        kind = target.reference.get("kind", "").lower() + (f".{group}" if group else "")
        again = " --overwrite" if self.candidate.mode else ""
        return f"kubectl annotate -n {target.namespace} {kind}/{target.name} {asked}{again}"

    @property
    def annotations(self) -> Mapping[str, str]:
        """What to add to the object: to begin with ahpa watches, which writes nothing; where it does already it may
        act. Empty where it is not worth it, or acts already."""
        if not self.worth or self.candidate.mode == "apply":
            return {}
        return {MODE: "apply" if self.candidate.mode == "observe" else "observe"}

    @property
    def spared_in_words(self) -> str:
        """How many requests; `–` where the demand counts something else."""
        return count(self.spared) if self.world.counted else "–"


def ranked(gains: Iterable[Gain]) -> list[Gain]:
    """Those for whom it is worth it first, the largest gain before others."""
    return sorted(gains, key=lambda gain: (not gain.worth, -gain.gain, gain.key))
