"""Which parameter was meant by a name that is none: slips of the hand, and words of other autoscalers."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from ahpa.core.policy.parameters import BY_NAME

ELSEWHERE: Mapping[str, str | None] = {
    "floor": "min",
    "minimum": "min",
    "min-ready-seconds": None,
    "cap": "max",
    "maximum": "max",
    "max-scale-up-rate": None,
    "max-scale-down-rate": "release",
    "max-surge": None,
    "max-unavailable": None,
    "release-rate": "release",
    "confidence": "quantile",
    "confidence-level": "quantile",
    "percentile": "quantile",
    "scale-up-forward": "lead",
    "scale-up-ahead-seconds": "lead",
    "predict-window-seconds": "lead",
    "prediction-window-seconds": "lead",
    "look-ahead": "lead",
    "predict-horizon": "lead",
    "scheduling-buffer-time": "lead",
    "scale-strategy": "mode",
    "dry-run": "mode",
    "average-value": "target-per-replica",
    "target-average-value": "target-per-replica",
    "threshold": "target-per-replica",
    "metric": "demand",
    "metric-name": "demand",
    "query": "demand",
    "promql": "demand",
    "algorithm": "model",
    "algorithm-type": "model",
    "predictor": "model",
    "timezone": "time-zone",
    "tz": "time-zone",
    "instance-bounds": "windows",
    "cron": "windows",
    "crons": "windows",
    "schedule": "windows",
    "schedules": "windows",
}
"""What Knative, the HPA, KEDA, AHPA, PHPA, Crane, Kapacity and the clouds call it -> our name; None: not ours, though
it holds a word of ours. A word that may stand for two (`target`, `late`) is not here."""


def nearest(name: str) -> str | None:
    """The parameter that somebody who wrote `name` meant; None in doubt, for a wrong hint is worse than none.

    `maxReplicas` holds the word max, `quantil` is a slip of the hand, `late` may be two.
    """
    words = re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name[:64]).lower()).strip("-")
    if words in ELSEWHERE:
        meant = ELSEWHERE[words]
        return meant if meant in BY_NAME else None
    within = [each for each in BY_NAME if set(each.split("-")) <= set(words.split("-"))]
    if len(within) == 1:
        return within[0]
    close = difflib.get_close_matches(words, BY_NAME, n=2, cutoff=0.85)
    return close[0] if len(close) == 1 and not within else None
