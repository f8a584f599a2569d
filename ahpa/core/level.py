"""Which quantile level keeps a promise of lateness: found by trying, whatever "trying" is.

The caller says what share was late at a level: the backtest plays the service's past days at it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from forecasting.levels import LEVELS

DEFAULT_LEVEL = 0.99
"""Where there is too little history to find the level that the late target needs."""
NEARLY = 1.25
"""A late share up to so many times the least is nearly as good."""
AIMED_SHARE = 0.5
"""Of the late target, on past days: three days tell a rate of 0.1 % only roughly. On twenty real services four more
kept the target than when all of it was aimed at, for 1 to 11 % more replica-hours (docs/results.md has how many do)."""
LATE_IN_A_MISS = 0.01
"""Late requests are at least such a share of those in windows that exceed their quantile. So 0.1 % late is not to be
had below the 0.9 quantile, whatever three days without a burst say."""


def find_level(late_ratio: Callable[[float], float], late_target: float) -> float:
    """The least believable level at which `late_ratio(level)` is at most half of the late target.

    If none is, the least that does nearly as well as the highest: when bursts come unannounced the last levels cost a
    multiple and help nobody. `late_ratio` is asked a few times, once per level.
    """
    levels = [level for level in LEVELS if (1 - level) * LATE_IN_A_MISS <= late_target * 1.001] or [LEVELS[-1]]
    return levels[least(lambda index: late_ratio(levels[index]), len(levels), AIMED_SHARE * late_target)]


def least(late: Callable[[int], float], count: int, aim: float) -> int:
    """The least index, of `count`, that is at most `aim` late, by bisection; if none is, the least that is nearly as
    little late as the last."""
    known = cache(late)
    last = count - 1
    if known(last) > aim:
        index = last
        while index > 0 and known(index - 1) <= NEARLY * known(last):
            index -= 1
        return index
    return first_kept(lambda index: known(index) > aim, -1, last)


def first_kept(fails: Callable[[int], bool], low: int, high: int) -> int:
    """The least above `low` that does not fail, by bisection, where `high` does not."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fails(middle) else (low, middle)
    return high
