"""Score the fleet model and every peer on the traces; write docs/results-forecasting.md and its pictures.

    python -m benchmarks.forecasting [--peers-python PATH] [--out out/forecasting] [--only NAME ...]

Needs the traces (AHPA_TRACES). Predictions of each model are kept in `--out` and used again, so that a run
can be taken up where it stopped; delete a file to make it anew. LightGBM and MSTL run in the interpreter
given by `--peers-python` (an environment made from requirements/peers.txt); without it they are left out,
and the table says so.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import time
from pathlib import Path

import numpy as np

from ahpa.adapters.processes.executors import Threads
from benchmarks.forecasting import report
from benchmarks.forecasting.horizon import Horizon
from benchmarks.forecasting.peers import PEERS
from benchmarks.forecasting.score import Bench
from benchmarks.forecasting.shift import after_shifts
from benchmarks.forecasting.traces import directory, groups
from forecasting.fleet.model import FleetModel
from forecasting.panel import Floats

FOREIGN = {"LightGBM": "lightgbm", "MSTL + AutoETS": "mstl"}


def predicted(bench: Bench, name: str, out: Path, python: str | None) -> Floats | None:
    """Calibrated quantiles [n, o, windows, LEVELS] of one model over the test; None if it cannot be run here."""
    kept = out / f"{bench.group.step}-{name.replace(' ', '-')}.npy"
    if kept.exists():
        return np.asarray(np.load(kept))
    began = time.perf_counter()
    if name == "fleet":
        said = bench.fleet(FleetModel(executor=Threads()))
    elif name in PEERS:
        expected = [PEERS[name](row, bench.group.step, bench.origins, bench.windows) for row in bench.group.values]
        said = bench.points(np.stack(expected))
    else:
        raw = _foreign(bench, FOREIGN[name], out, python)
        if raw is None:
            return None
        said = bench.quantiles(raw) if raw.ndim == 4 else bench.points(raw)
    np.save(kept, said.astype(np.float32))
    print(f"{name}, step {bench.group.step} s: {time.perf_counter() - began:.0f} s", flush=True)
    return said


def _foreign(bench: Bench, which: str, out: Path, python: str | None) -> Floats | None:
    """What a peer in its own environment says, raw."""
    group = bench.group
    target = out / f"raw-{which}-{group.step}.npy"
    if not target.exists():
        if python is None:
            return None
        source = out / f"in-{group.step}.npz"
        np.savez(
            source,
            values=group.values,
            step=group.step,
            test=group.test,
            rehearsal=group.rehearsal,
            windows=np.array([(window.lead, window.width) for window in bench.windows]),
        )
        script = Path(__file__).with_name("foreign.py")
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        subprocess.run([python, script, which, source, target], check=True, env={**os.environ, **threads})
    return np.asarray(np.load(target))


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers-python")
    parser.add_argument("--out", type=Path, default=Path("out/forecasting"))
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    parser.add_argument("--only", nargs="*", default=["fleet", *FOREIGN, *PEERS])
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    windows, steps, far = report.Results(), report.Results(), Horizon()
    found, clock = groups(directory()), []
    for group in found:
        bench = Bench(group)
        peaks = [w for w, window in enumerate(bench.windows) if not window.lead]
        soon = [w for w in range(len(bench.windows)) if w not in [*peaks, *bench.far]]
        for name in given.only:
            said = predicted(bench, name, given.out, given.peers_python)
            if said is not None:
                scores = bench.scores(said)
                windows.add(name, group, scores, peaks, slice(1, None))
                far.add(name, bench, scores)
                if name == report.OURS:
                    clock.append(bench.by_clock(said)[~group.tuned()])
                steps.add(name, group, scores, soon, slice(None))
    print(far.section())
    report.write(windows, steps, far.section(), np.concatenate(clock), after_shifts(found), given.out, given.docs)


if __name__ == "__main__":
    main()
