"""Whether a process can read any demand, counted by its rounds.

A leader whose own way to Prometheus is broken renews its Lease as well as ever. It says there that it is blind, and who
sees asks for the Lease (`ahpa.core.shards.to_ask_for`). Nobody is given what they did not ask for: where Prometheus is
down for all, all are blind, nobody asks, and the leader stays.
"""

from __future__ import annotations

from dataclasses import dataclass

BLIND_ROUNDS = 3
"""After so many rounds, one after the other, in which every query failed. A single one is a restart of Prometheus."""


@dataclass(frozen=True)
class Sight:
    """What the rounds up to now say of it; the default is that of who has asked for nothing yet."""

    failed: int = 0
    """Rounds, one after the other, in which all that was asked for failed."""
    sees: bool = False
    """Something was answered in the last round. Who has nothing to ask for knows neither that nor the contrary."""

    @property
    def blind(self) -> bool:
        return self.failed >= BLIND_ROUNDS

    def after(self, asked: int, failed: int) -> Sight:
        """One more round, of whose `asked` queries so many `failed`."""
        if failed < asked:
            return Sight(sees=True)
        return Sight(self.failed + 1) if asked else Sight()
