"""From scores to docs/results-forecasting.md and its pictures. Shows our own figures only, never a trace."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

import numpy as np

from benchmarks.forecasting.score import Scores
from benchmarks.forecasting.shift import Shift
from benchmarks.forecasting.traces import TEST_DAYS, Group
from forecasting.panel import Floats

OURS = "fleet"


class Scale(TypedDict):
    """What `scale.py` writes."""

    sizes: list[dict[str, float]]
    prophet_seconds: float
    prophet_cpu: float


@dataclass
class Results:
    """Scores of every model: rows are series, in the order in which groups were added."""

    loss: dict[str, list[Floats]] = field(default_factory=dict)
    covered: dict[str, list[Floats]] = field(default_factory=dict)
    reported: dict[str, list[Floats]] = field(default_factory=dict)

    def add(self, name: str, group: Group, scores: Scores, chosen: list[int], levels: slice) -> None:
        """One model on one group: its means over the windows `chosen`, at `levels`."""
        with np.errstate(invalid="ignore"):
            self.loss.setdefault(name, []).append(scores.loss[:, chosen, levels].mean(axis=1))
            self.covered.setdefault(name, []).append(scores.covered[:, chosen, levels].mean(axis=1))
        self.reported.setdefault(name, []).append(~group.tuned())

    def rows(self, name: str, test: bool) -> tuple[Floats, Floats]:
        """Loss and coverage [series, levels] of the half that is reported, or of the one that was tuned on."""
        chosen = np.concatenate(self.reported[name]) == test
        return np.concatenate(self.loss[name])[chosen], np.concatenate(self.covered[name])[chosen]


WINDOWS = ("0.9", "0.95", "0.99")
STEPS = ("0.5", *WINDOWS)


def table(results: Results, test: bool, levels: tuple[str, ...]) -> list[dict[str, float | str]]:
    """One row per model that was run on everything, best first."""
    ours, _ = results.rows(OURS, test)
    out: list[dict[str, float | str]] = []
    for name in results.loss:
        loss, covered = results.rows(name, test)
        if len(loss) != len(ours):
            continue
        both = np.isfinite(loss).all(axis=1) & np.isfinite(ours).all(axis=1)
        near = np.abs(covered[both] - np.array([float(q) for q in levels])) <= 0.03
        row: dict[str, float | str] = {"model": name, "services": int(both.sum())}
        row |= {f"loss {q}": float(loss[both, k].mean()) for k, q in enumerate(levels)}
        row["loss"] = float(loss[both].mean())
        row["wins"] = float((ours[both].mean(axis=1) < loss[both].mean(axis=1)).mean())
        row |= {f"coverage {q}": float(covered[both, k].mean()) for k, q in enumerate(levels)}
        row["near"] = float(near.all(axis=1).mean())
        out.append(row)
    return sorted(out, key=lambda row: float(row["loss"]))


def markdown(rows: list[dict[str, float | str]], levels: tuple[str, ...]) -> str:
    """The table as people read it."""
    ours = next(float(row["loss"]) for row in rows if row["model"] == OURS)
    head = f"| model | loss | ours below | ours better on | {' | '.join(levels)} | services within 3 points |\n"
    lines = [head + "|---" + "|--:" * (4 + len(levels)) + "|"]
    for row in rows:
        mine = row["model"] == OURS
        below = "" if mine else f"{1 - ours / float(row['loss']):.1%}"
        wins = "" if mine else f"{float(row['wins']):.0%}"
        cover = " | ".join(f"{float(row[f'coverage {q}']):.3f}" for q in levels)
        name = f"**{row['model']}**" if mine else row["model"]
        lines.append(f"| {name} | {float(row['loss']):.4f} | {below} | {wins} | {cover} | {float(row['near']):.0%} |")
    return "\n".join(lines)


def write(
    windows: Results, steps: Results, far: str, clock: Floats, shifts: list[Shift], out: Path, docs: Path
) -> None:
    """results.json, docs/results-forecasting.md and docs/img/forecasting-*.png."""
    test, tuned = table(windows, True, WINDOWS), table(windows, False, WINDOWS)
    single = table(steps, True, STEPS)
    (out / "results.json").write_text(json.dumps({"test": test, "tuned": tuned, "steps": single}, indent=1) + "\n")
    scale_file = out / "scale.json"
    scale: Scale | None = json.loads(scale_file.read_text()) if scale_file.exists() else None
    (docs / "img").mkdir(parents=True, exist_ok=True)
    _picture(windows, test, docs / "img" / "forecasting-scores.png")
    text = _page(test, tuned, single) + far + _by_clock(clock) + _after_shifts(shifts)
    if scale:
        _cost_picture(scale, docs / "img" / "forecasting-cost.png")
        text += _cost(scale)
    (docs / "results-forecasting.md").write_text(text)


def _page(
    test: list[dict[str, float | str]], tuned: list[dict[str, float | str]], single: list[dict[str, float | str]]
) -> str:
    count = test[0]["services"]
    return f"""# Forecasting: how good, how honest, how fast

Written by `python -m benchmarks.forecasting`; what is measured and how stands in
[the bench's README](../benchmarks/forecasting/README.md). Every origin of the last {TEST_DAYS} days (a minute, 5 or
10 minutes apart), the largest step within a lag of 60, 180 or 600 s plus a tick of a minute. `loss` is the
mean pinball loss at 0.9, 0.95 and 0.99 per unit of the service's mean demand, each service counting once.
All have the same calibration around them. Coverage is the share of windows that stayed under the quantile.

## The half that was not tuned on ({count} services)

{markdown(test, WINDOWS)}

![Loss of each service against LightGBM's, and realised coverage](img/forecasting-scores.png)

## The half that settings were chosen on

{markdown(tuned, WINDOWS)}

## Single steps

The demand of one step, 5 and 30 minutes ahead (at ten-minute steps the nearest there are), at an origin every ten
minutes; the half that was not tuned on, loss over all four levels.

{markdown(single, STEPS)}
"""


def _by_clock(clock: Floats) -> str:
    """The range of coverage over the day; `clock` as `Bench.by_clock` gives it."""
    parts = np.nanmean(clock, axis=0)
    ranges = ", ".join(
        f"{low:.3f} to {high:.3f} at {level}"
        for low, high, level in zip(parts.min(axis=0), parts.max(axis=0), WINDOWS, strict=True)
    )
    return f"""
## By time of day

Coverage in each three hours of the day, mean over the services of the test half:
{ranges}.
So quantiles are not calibrated by hour.
"""


def _after_shifts(shifts: list[Shift]) -> str:
    """The table of coverage after the world has changed."""
    text = """
## After the world has changed

The same services of the test half, but from a random moment of the first tested day on everything is four times as
much, or a third: share of windows under the quantile, mean over services, by days since then.

| change | day | 0.9 | 0.95 | 0.99 |
|---|--:|--:|--:|--:|
"""
    for shift in shifts:
        cells = " | ".join(f"{share:.3f}" for share in shift.covered)
        text += f"| {shift.words} | {shift.day} | {cells} |\n"
    return text


def _cost(scale: Scale) -> str:
    """The table of cost by size."""
    text = """
## Cost

Made-up services, 14 days of minutes; a tick takes a new minute in and gives an hour of steps and three windows at
five levels. Seconds on the wall of a machine of two cores that nobody else used, and processor seconds of both.

| services | refit s | refit CPU s | tick s | tick CPU s | peak GiB |
|--:|--:|--:|--:|--:|--:|
"""
    for row in scale["sizes"]:
        text += (
            f"| {row['services']:,} | {row['refit_seconds']:.1f} | {row['refit_cpu']:.1f} | "
            f"{row['tick_seconds']:.2f} | {row['tick_cpu']:.2f} | {row['peak_gib']:.2f} |\n"
        )
    most = scale["sizes"][-1]
    each = most["refit_cpu"] / most["services"]
    text += f"\nProphet, fit and one hour of forecasts for one such service: {scale['prophet_cpu']:.2f} CPU s, "
    text += f"{scale['prophet_cpu'] / each:.0f} x the fleet model's {each * 1000:.1f} ms per service.\n\n"
    return text + "![Seconds by number of services](img/forecasting-cost.png)\n"


def _picture(results: Results, rows: list[dict[str, float | str]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    ours, covered = results.rows(OURS, True)
    rivals = [str(row["model"]) for row in rows if row["model"] != OURS][:3]
    for name in rivals:
        loss, _ = results.rows(name, True)
        left.loglog(loss.mean(axis=1), ours.mean(axis=1), "o", alpha=0.6, markersize=5, label=name)
    ends = np.array(left.get_xlim())
    left.loglog(ends, ends, color="grey", linewidth=1)
    left.set(
        xlabel="loss of the peer", ylabel="loss of the fleet model", title="Each service: below the line is better"
    )
    left.legend(frameon=False)
    for k, level in enumerate((0.9, 0.95, 0.99)):
        right.plot(np.full(len(covered), k) + np.linspace(-0.25, 0.25, len(covered)), covered[:, k], ".", color="C0")
        right.plot([k - 0.3, k + 0.3], [level, level], color="black", linewidth=1)
    right.set(xticks=range(3), xticklabels=["0.9", "0.95", "0.99"], ylim=(0.8, 1.0))
    right.set(
        title="Realised coverage of each service", xlabel="promised", ylabel="share of windows under the quantile"
    )
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _cost_picture(scale: Scale, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    size = [row["services"] for row in scale["sizes"]]
    for axis, name in zip(axes, ("refit", "tick"), strict=True):
        axis.plot(size, [row[f"{name}_cpu"] for row in scale["sizes"]], "o-")
        axis.set(xlabel="services", ylabel="processor seconds", title=name, ylim=(0, None))
    figure.savefig(path, dpi=110)
    plt.close(figure)
