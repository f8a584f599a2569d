"""From scores to docs/results-forecasting.md and its pictures. Shows our own figures only, never a trace."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.forecasting.score import Scores
from benchmarks.forecasting.traces import TEST_DAYS, Group
from forecasting.panel import Floats

OURS = "fleet"


@dataclass
class Results:
    """Scores of every model: rows are series, in the order in which groups were added."""

    loss: dict[str, list[Floats]] = field(default_factory=dict)
    covered: dict[str, list[Floats]] = field(default_factory=dict)
    reported: dict[str, list[Floats]] = field(default_factory=dict)

    def add(self, name: str, group: Group, scores: Scores) -> None:
        """One model on one group: its means over the windows, for levels above the median."""
        self.loss.setdefault(name, []).append(np.nanmean(scores.loss[:, :, 1:], axis=1))
        self.covered.setdefault(name, []).append(np.nanmean(scores.covered[:, :, 1:], axis=1))
        self.reported.setdefault(name, []).append(~group.tuned())

    def rows(self, name: str, test: bool) -> tuple[Floats, Floats]:
        """Loss and coverage [series, 3] of the half that is reported, or of the one that was tuned on."""
        chosen = np.concatenate(self.reported[name]) == test
        return np.concatenate(self.loss[name])[chosen], np.concatenate(self.covered[name])[chosen]


def table(results: Results, test: bool) -> list[dict[str, float | str]]:
    """One row per model that was run on everything, best first."""
    ours, _ = results.rows(OURS, test)
    out: list[dict[str, float | str]] = []
    for name in results.loss:
        loss, covered = results.rows(name, test)
        if len(loss) != len(ours):
            continue
        both = np.isfinite(loss).all(axis=1) & np.isfinite(ours).all(axis=1)
        near = np.abs(covered[both] - np.array([0.9, 0.95, 0.99])) <= 0.03
        row: dict[str, float | str] = {"model": name, "services": int(both.sum())}
        row |= {f"loss {q}": float(loss[both, k].mean()) for k, q in enumerate(("0.9", "0.95", "0.99"))}
        row["loss"] = float(loss[both].mean())
        row["wins"] = float((ours[both].mean(axis=1) < loss[both].mean(axis=1)).mean())
        row |= {f"coverage {q}": float(covered[both, k].mean()) for k, q in enumerate(("0.9", "0.95", "0.99"))}
        row["near"] = float(near.all(axis=1).mean())
        out.append(row)
    return sorted(out, key=lambda row: float(row["loss"]))


def markdown(rows: list[dict[str, float | str]]) -> str:
    """The table as people read it."""
    ours = next(float(row["loss"]) for row in rows if row["model"] == OURS)
    head = "| model | loss | ours below | ours better on | 0.9 | 0.95 | 0.99 | services within 3 points |\n"
    lines = [head + "|---|--:|--:|--:|--:|--:|--:|--:|"]
    for row in rows:
        mine = row["model"] == OURS
        below = "" if mine else f"{1 - ours / float(row['loss']):.1%}"
        wins = "" if mine else f"{float(row['wins']):.0%}"
        cover = " | ".join(f"{float(row[f'coverage {q}']):.3f}" for q in ("0.9", "0.95", "0.99"))
        name = f"**{row['model']}**" if mine else row["model"]
        lines.append(f"| {name} | {float(row['loss']):.4f} | {below} | {wins} | {cover} | {float(row['near']):.0%} |")
    return "\n".join(lines)


def write(results: Results, out: Path, docs: Path, levels: tuple[float, ...]) -> None:
    """results.json, docs/results-forecasting.md and docs/img/forecasting-*.png."""
    test, tuned = table(results, True), table(results, False)
    (out / "results.json").write_text(json.dumps({"test": test, "tuned": tuned}, indent=1) + "\n")
    scale_file = out / "scale.json"
    scale = json.loads(scale_file.read_text()) if scale_file.exists() else None
    (docs / "img").mkdir(parents=True, exist_ok=True)
    _picture(results, test, docs / "img" / "forecasting-scores.png")
    if scale:
        _cost(scale, docs / "img" / "forecasting-cost.png")
    (docs / "results-forecasting.md").write_text(_page(test, tuned, scale))


def _page(test: list[dict[str, float | str]], tuned: list[dict[str, float | str]], scale: dict | None) -> str:  # type: ignore[type-arg]
    count = test[0]["services"]
    text = f"""# Forecasting: how good, how honest, how fast

Written by `python -m benchmarks.forecasting`; what is measured and how stands in
[the bench's README](../benchmarks/forecasting/README.md). Every origin of the last {TEST_DAYS} days (a minute, 5 or
10 minutes apart), the largest step within a lag of 60, 180 or 600 s plus a tick of a minute. `loss` is the
mean pinball loss at 0.9, 0.95 and 0.99 per unit of the service's mean demand, each service counting once.
All have the same calibration around them. Coverage is the share of windows that stayed under the quantile.

## The half that was not tuned on ({count} services)

{markdown(test)}

![Loss of each service against LightGBM's, and realised coverage](img/forecasting-scores.png)

## The half that settings were chosen on

{markdown(tuned)}
"""
    if scale:
        text += "\n## Cost\n\nMade-up services, 14 days of minutes; a tick takes a new minute in and gives an hour of\n"
        text += (
            "steps and three windows at five levels. Processor seconds are summed over threads; where other work ran\n"
        )
        text += "on the same cores (here: two cores with a load of seven) only they mean something.\n\n"
        text += "| services | refit s | refit CPU s | tick s | tick CPU s | peak GiB |\n|--:|--:|--:|--:|--:|--:|\n"
        for row in scale["sizes"]:
            text += (
                f"| {row['services']:,} | {row['refit_seconds']:.1f} | {row['refit_cpu']:.1f} | "
                f"{row['tick_seconds']:.2f} | {row['tick_cpu']:.2f} | {row['peak_gib']:.2f} |\n"
            )
        most = scale["sizes"][-1]
        each = most["refit_cpu"] / most["services"]
        text += f"\nProphet, fit and one hour of forecasts for one such service: {scale['prophet_cpu']:.2f} CPU s, "
        text += f"{scale['prophet_cpu'] / each:.0f} x the fleet model's {each * 1000:.1f} ms per service.\n\n"
        text += "![Seconds by number of services](img/forecasting-cost.png)\n"
    return text


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


def _cost(scale: dict, path: Path) -> None:  # type: ignore[type-arg]
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
