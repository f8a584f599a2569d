"""`python -m benchmarks.results`: the backtest on real traces, written to docs/results.md.

Twenty services with a sample a minute, scaled so that the 99.9 % quantile of their demand needs 30 replicas at
70 %; the last three days tested; starts with a median of 60, 180 and 600 s. The traces are looked for in
AHPA_TRACES (default ../shared/traces); each service's result is kept under out/results, so that an interrupted
run goes on where it stopped (`--fresh` forgets).
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ahpa.adapters.files.demand import read_panels
from ahpa.adapters.processes.executors import Processes, Threads
from ahpa.backtest.chosen import chooser
from ahpa.backtest.contenders import NAMES, OURS
from ahpa.backtest.foresight import Foresight, foresee, windows_of
from ahpa.backtest.ours import FULL_UTILIZATION, Ahpa, ours
from ahpa.backtest.scaling import ByKpa
from ahpa.backtest.sweep import (
    Between,
    Play,
    Question,
    cheapest,
    closer,
    halfway,
    halfway_tail,
    point_at,
)
from ahpa.backtest.trial import Setting, Span, Trial
from ahpa.backtest.trust import Freeze, freeze_of
from ahpa.backtest.verdict import verdict_on
from ahpa.core.readiness import Lag, Readiness
from ahpa.reactive.kpa.config import KpaConfig
from ahpa.simulation.counts import minutes
from ahpa.simulation.stream import SimulatedService
from benchmarks.results_page import LAGS_SECONDS, LATE_TARGET, page
from forecasting.fleet.model import FleetModel
from forecasting.levels import LEVELS
from forecasting.panel import Panel

ROOT = Path(__file__).parent.parent
HISTORY_DAYS = 28.0
FILLS = (0.6, 0.7, 0.8, 0.9, 1.0)
TRACES = (
    *(f"crane_dsp/series/input{i:02d}" for i in (0, 1, 2, 3, 4, 5, 8, 9, 10, 11)),
    *(f"ms_cloud_monitoring/series/{n}" for n in ("mongo-01", "mongo-02", "mongo-03", "mongo-04", "machine-01")),
    "ms_cloud_monitoring/series/ingress-01",
    "nasa_http/series/nasa_jul95",
    "nasa_http/series/nasa_aug95",
    "wc98/series/wc98_all",
    "burstgpt_week1/series/burstgpt_tokens_per_min",
)
KPA = ByKpa(KpaConfig(target_value=2.8, total_value=4.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results.md")
    parser.add_argument("--fresh", action="store_true", help="forget what earlier runs found")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    traces = Path(os.environ.get("AHPA_TRACES", ROOT.parent / "shared" / "traces"))
    kept = ROOT / "out" / "results"
    kept.mkdir(parents=True, exist_ok=True)
    if given.fresh:
        for old in (*kept.glob("*.json"), *kept.glob("*.npz")):
            old.unlink()
    there = [name for name in TRACES if (traces / f"{name}.csv.gz").exists()]
    cache = {name: kept / f"{name.replace('/', '_')}.json" for name in there}
    missing = [name for name in there if not cache[name].exists()]
    if missing:
        fleet = panel_of(traces, there)
        span = Span.of(fleet, 3.0)
        foresights = remembered(kept / "foresight.npz", fleet, span)
        freeze = freeze_of(fleet, foresights, span.first, span.end)
        seen = dict(zip(there, foresights, strict=True))
        print(
            f"fitted after {time.process_time():.0f} s; frozen in {freeze.ticks.mean():.2%} of the minutes", flush=True
        )
        with Processes(given.jobs) as executor:
            tasks = [executor.submit(measured, fleet.select([name]), span, seen[name], freeze) for name in missing]
            for task in executor.as_completed(tasks):
                name, result = task.result()
                cache[name].write_text(json.dumps(result, allow_nan=False))
                print(name, flush=True)
    found = {name: json.loads(cache[name].read_text()) for name in there}
    if found:
        given.out.write_text(page(found))
        print(f"{len(found)} services: {given.out}")


def panel_of(traces: Path, names: Sequence[str]) -> Panel:
    """All traces as one fleet: scaled, their ends laid on one another, at most so many days of history."""
    steps = round((HISTORY_DAYS + 3) * 1440)
    values = np.full((len(names), steps), np.nan)
    for i, name in enumerate(names):
        row = minutes(read_panels(traces / f"{name}.csv.gz")[0]).values[0][-steps:]
        values[i, steps - len(row) :] = row * (30 * KPA.config.target_value / np.nanquantile(row, 0.999))
    return Panel.of(0.0, 60.0, values, names)


def settings() -> list[Setting]:
    """One world per lag."""
    return [Setting(SimulatedService(readiness=Readiness.single(Lag.of(lag, 1.5 * lag))), KPA) for lag in LAGS_SECONDS]


def foreseen(fleet: Panel, span: Span) -> list[Foresight]:
    """What the model says of every service, for the windows of all lags."""
    windows = sorted({w for setting in settings() for w in windows_of(setting.service, fleet.step)})
    with Threads() as executor:
        return foresee(FleetModel(executor=executor), fleet, span.first, span.end, windows)


def remembered(path: Path, fleet: Panel, span: Span) -> list[Foresight]:
    """`foreseen`, kept on disk: the fit takes minutes."""
    if not path.exists():
        seen = foreseen(fleet, span)
        first = seen[0]
        peaks = np.stack([one.peaks for one in seen])
        np.savez(path, origins=first.origins, levels=first.levels, windows=first.windows, peaks=peaks)
    with np.load(path) as kept:
        shape = kept["origins"], kept["levels"], kept["windows"]
        return [Foresight(*shape, peaks, "fleet") for peaks in kept["peaks"]]


def measured(panel: Panel, span: Span, seen: Foresight, freeze: Freeze) -> tuple[str, dict[str, Any]]:
    """Every contender at every lag on one service, as JSON, with its name."""
    out = {}
    for lag, setting in zip(LAGS_SECONDS, settings(), strict=True):
        keep = np.searchsorted(seen.windows, windows_of(setting.service, panel.step))
        foresight = replace(seen, windows=seen.windows[keep], peaks=seen.peaks[:, keep])
        out[f"{lag:g}"] = _one(Trial.of(panel, span, setting, foresight, freeze))
    return panel.keys[0], out


def _one(trial: Trial) -> dict[str, Any]:
    result = verdict_on(trial, Question(LATE_TARGET), [name for name in NAMES if name != "oracle"])
    bound = verdict_on(trial, Question(LATE_TARGET, sweep=False), ["oracle"]).contenders["oracle"]
    rows: dict[str, Any] = {"oracle": bound.outcome.replica_hours}
    for name, found in result.contenders.items():
        rows[name] = None if found.equal is None else found.equal.outcome.replica_hours
        rows[name + " own"] = [found.outcome.replica_hours, found.outcome.late_ratio]
    mine = result.contenders[OURS]
    rows["levels"] = {p.label: [p.outcome.replica_hours, p.outcome.late_ratio] for p in mine.points}
    rows["coverage"] = dict(mine.outcome.coverage)
    managed = ours(trial, FULL_UTILIZATION)
    rows["ahpa@90"] = _cheapest(managed, LEVELS, halfway_tail)
    own = managed.play(chooser(trial, LATE_TARGET, manage_target=True)).outcome
    rows["ahpa@90 own"] = [own.replica_hours, own.late_ratio]
    true, filled = clairvoyant(trial, 0.7), clairvoyant(trial, 0.9)
    rows["clairvoyant"] = _cheapest(lambda fill: true(fill)(0.99), FILLS)
    rows["clairvoyant@90"] = _cheapest(lambda fill: replace(filled(fill), utilization=0.9)(0.99), FILLS)
    return rows


def _cheapest(play: Play, knobs: tuple[float, ...], between: Between = halfway) -> float | None:
    found = cheapest(closer([point_at(play, knob) for knob in knobs], play, LATE_TARGET, between), LATE_TARGET)
    return None if found is None else found.outcome.replica_hours


def clairvoyant(trial: Trial, utilization: float) -> Callable[[float], Ahpa]:
    """Ours knowing the true largest minute of each window, at every level; the plan then fills replicas to `fill`."""
    demand, seen = trial.tested.demand, trial.foresight
    values = np.nan_to_num(demand.values[0])
    first = np.round((seen.origins - demand.start) / demand.step).astype(int)
    peaks = np.zeros_like(seen.peaks)
    for w, seconds in enumerate(seen.windows):
        width = max(1, int(np.ceil(seconds / demand.step - 1e-9)))
        view = np.lib.stride_tricks.sliding_window_view(np.append(values, np.zeros(width)), width)
        peaks[:, w] = view[first].max(axis=1)[:, None]
    # The plan divides by utilization x slots.
    return lambda fill: replace(ours(trial), foresight=replace(seen, peaks=peaks * (utilization / fill)))


if __name__ == "__main__":
    main()
