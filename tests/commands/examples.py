"""Files for the tests of `ahpa backtest`, and the command as a person or a script calls it."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from click.testing import CliRunner, Result

from ahpa.commands.backtest import command as backtest

T0 = 1_700_006_400
QUICK = "kpa,hpa,static,fixed-max,seasonal,oracle"
"""All that need no model."""


def fleet(folder: Path, days: float = 3.0, names: tuple[str, ...] = ("chat", "../batch")) -> Path:
    rng = np.random.default_rng(0)
    t = np.arange(round(days * 1440))
    rate = 100 + 90 * np.sin(2 * np.pi * t / 1440)
    rows = [f"{T0 + 60 * i}," + ",".join(str(rng.poisson(r)) for _ in names) for i, r in zip(t, rate, strict=True)]
    path = folder / "fleet.csv.gz"
    path.write_bytes(gzip.compress(("timestamp," + ",".join(names) + "\n" + "\n".join(rows)).encode()))
    return path


def coarse(folder: Path, days: float = 3.0) -> Path:
    """A steady climb and fall each day in steps of ten minutes: few enough to tick through."""
    t = 600 * np.arange(round(days * 144))
    rate = 1000 + 900 * np.sin(2 * np.pi * t / 86_400)
    path = folder / "coarse.csv"
    path.write_text("timestamp,value\n" + "".join(f"{T0 + at},{r:.0f}\n" for at, r in zip(t, rate, strict=True)))
    return path


def request_list(folder: Path, days: float = 3.0) -> Path:
    """A request of half a minute every ten seconds, one of twenty minutes each hour, in the order of their ends."""
    came = [(T0 + 10 * i + 0.25, 30.0) for i in range(round(days * 8640))]
    came += [(T0 + 3600 * i + 1.5, 1200.0) for i in range(round(days * 24))]
    rows = [f"{at},{held}" for at, held in sorted(came, key=lambda row: row[0] + row[1])]
    path = folder / "log.csv"
    path.write_text("timestamp,duration\n" + "\n".join(rows) + "\n")
    return path


def run(*arguments: str | Path | int) -> Result:
    return CliRunner().invoke(backtest, [str(a) for a in arguments])


OWNED = """
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: chat}
spec:
  template:
    metadata: {annotations: {autoscaling.knative.dev/min-scale: "1", autoscaling.knative.dev/max-scale: "2"}}
    spec: {containerConcurrency: 4}
"""
