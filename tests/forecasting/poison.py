"""Strategies that misbehave on rows that begin with -1, as libraries do."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass

from forecasting.panel import Floats
from forecasting.strategies import LastValue


@dataclass(frozen=True)
class Poison(LastValue):
    """Behaves as `LastValue` but for marked rows."""

    deed: str = "spin"
    name: str = "poison"

    def fit(self, values: Floats, step: float) -> LastValue:
        if values[0] == -1:
            if self.deed == "spin":
                while True:
                    time.sleep(0.01)
            if self.deed == "deaf":
                signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
                time.sleep(60)
            if self.deed == "bomb":
                bytearray(8 * 2**30)
            os.kill(os.getpid(), signal.SIGKILL)
        return LastValue()
