"""docs/results.md, from what `benchmarks.results` measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import geometric_mean, median
from typing import Any

import numpy as np

LAGS_SECONDS = (60.0, 180.0, 600.0)
LATE_TARGET = 0.001
ROWS = (
    ("clairvoyant floor, 90 % KPA", "clairvoyant@90"),
    ("clairvoyant floor, 70 % KPA", "clairvoyant"),
    ("**ahpa** --manage-target, best setting", "ahpa@90"),
    ("**ahpa**, best setting", "ahpa"),
    ("yesterday's rule × margin", "seasonal"),
    ("KPA, best utilisation", "kpa"),
    ("HPA, best utilisation", "hpa"),
    ("KPA + cheapest constant floor", "static"),
    ("smallest fixed fleet", "fixed-max"),
)


def page(found: dict[str, Any]) -> str:
    """docs/results.md."""
    lags = [f"{lag:g}" for lag in LAGS_SECONDS]
    by_lag = [[service[lag] for service in found.values()] for lag in lags]
    lines = [
        "# Results: replica-hours at equal lateness, on real traces",
        "",
        "Written by `python -m benchmarks.results`; do not edit.",
        "",
        f"{len(found)} services ({', '.join(sorted({n.split('/')[0] for n in found}))}), one sample a minute, each",
        "scaled so that the 99.9 % quantile of its demand needs 30 replicas at 70 %. The last three days are tested;",
        "up to three days before them serve to find settings. The model learns on all services together (ends laid on",
        "one another), before those days and every second day after. Service time 2 s, 4 slots, lag log-normal with",
        "p95 / p50 = 1.5, late = waited more than 1 s, Knative's own KPA at 2-second ticks. Every policy is swept over",
        "its knob, halved where 0.1 % late lies; its cheapest setting with at most so many counts. Networks that are",
        "trained on another kind of processor differ in their last bits: figures of ours then move by a few percent.",
        "",
        "Median over the services of replica-hours relative to the clairvoyant's lower bound (no policy with so few",
        "late requests costs less: ahpa/backtest/oracle.py), and in how many services 0.1 % was reached at all.",
        "",
        *_table(
            "policy",
            [f"{lag} s lag" for lag in lags],
            {
                **{words: [_cell(rows, key) for rows in by_lag] for words, key in ROWS},
                "best of these five per service, chosen afterwards": [
                    _cell([_best(row) for row in rows], "best") for rows in by_lag
                ],
            },
        ),
    ]
    lines += [
        "",
        "`90 % KPA`, `--manage-target`: the KPA fills replicas to 90 % instead of 70 % while the forecast is trusted;",
        "without looking at the tested days each service has the fill that did best: 70, 80, 90 or 100 %.",
        "",
        "## What a user gets without looking at the tested days",
        "",
        "Ours chooses its setting each day by what lay before it. Services that kept 0.1 % (and 0.5 %), and the median",
        "replica-hours relative to the bound over all of them.",
        "",
        *_table(
            "policy",
            [f"{lag} s lag" for lag in lags],
            {
                words: [_own(rows, key) for rows in by_lag]
                for words, key in (
                    ("**ahpa**", "ahpa"),
                    ("**ahpa** --manage-target", "ahpa@90"),
                    ("yesterday's rule × 1", "seasonal"),
                    ("KPA at 70 %", "kpa"),
                    ("HPA at 70 %", "hpa"),
                    ("fixed fleet by the largest minute before", "fixed-max"),
                )
            },
        ),
    ]
    lines += [
        "",
        "The same relative to the clairvoyant floor beside the same scaler (what better forecasts and choices could",
        "still save): services that kept 0.1 %, median and geometric mean over all of them.",
        "",
        *_table(
            "policy",
            [f"{lag} s lag" for lag in lags],
            {
                words: [_beside(rows, key, base) for rows in by_lag]
                for words, key, base in (
                    ("**ahpa**", "ahpa", "clairvoyant"),
                    ("**ahpa** --manage-target", "ahpa@90", "clairvoyant@90"),
                    ("yesterday's rule × 1", "seasonal", "clairvoyant"),
                    ("KPA at 70 %", "kpa", "clairvoyant"),
                )
            },
        ),
        "",
        "## Service by service (180 s)",
        "",
        "Replica-hours at 0.1 % late; – where it was not reached.",
        "",
    ]
    keys = ("oracle", "ahpa@90", "ahpa", "seasonal", "kpa", "hpa", "static", "fixed-max")
    services = {name.split("/")[-1]: service["180"] for name, service in found.items()}
    hours = {name: [f"{row[k]:.0f}" if row[k] is not None else "–" for k in keys] for name, row in services.items()}
    lines += [*_table("service", keys, hours), "", "## Coverage of the predicted peak (180 s)", ""]
    levels = ("0.9", "0.95", "0.99")
    held = {name: [f"{row['coverage'][level]:.3f}" for level in levels] for name, row in services.items()}
    lines += _table("service", levels, held)
    return "\n".join(lines) + "\n"


def _table(first: str, heads: Sequence[str], rows: Mapping[str, Sequence[str]]) -> list[str]:
    """In Markdown; `rows` by what stands in the first column."""
    every = {first: heads, **rows}
    out = [f"| {name} | " + " | ".join(cells) + " |" for name, cells in every.items()]
    return [out[0], "|---|" + "---|" * len(heads), *out[1:]]


def _best(row: dict[str, Any]) -> dict[str, Any]:
    reached = [row[k] for k in ("kpa", "hpa", "static", "fixed-max", "seasonal") if row[k] is not None]
    return {"oracle": row["oracle"], "best": min(reached, default=None)}


def _cell(rows: list[dict[str, Any]], key: str) -> str:
    ratios = [row[key] / row["oracle"] for row in rows if row[key] is not None]
    if not ratios:
        return "not reached"
    # The median over all services, those that did not reach it being the worst.
    ordered = sorted(ratios) + [float("inf")] * (len(rows) - len(ratios))
    middle = median(ordered)
    return f"{middle:.2f} ({len(ratios)})" if np.isfinite(middle) else f"not reached by half ({len(ratios)})"


def _own(rows: list[dict[str, Any]], key: str) -> str:
    kept = [row[key + " own"][1] <= LATE_TARGET for row in rows]
    nearly = [row[key + " own"][1] <= 5 * LATE_TARGET for row in rows]
    cost = median(row[key + " own"][0] / row["oracle"] for row in rows)
    return f"{sum(kept)} ({sum(nearly)}) of {len(rows)}, {cost:.2f} ×"


def _beside(rows: list[dict[str, Any]], key: str, base: str) -> str:
    """Of the services for which the clairvoyant floor kept the target at all."""
    known = [row for row in rows if row[base] is not None]
    ratios = [row[key + " own"][0] / row[base] for row in known]
    kept = sum(row[key + " own"][1] <= LATE_TARGET for row in known)
    return f"{kept} of {len(known)}, {median(ratios):.2f}, {geometric_mean(ratios):.2f}"
