"""A backtest as comma-separated values: a row for each series and contender."""

from __future__ import annotations

from collections.abc import Iterator

from ahpa.backtest.results import Backtest

HEADER = "series,policy,knob,replica_hours,late_ratio,unserved_ratio,scale_ups,worth"


def lines(backtest: Backtest) -> Iterator[str]:
    """Line by line. A name that a spreadsheet would take for a formula is put behind a quote."""
    yield HEADER
    for series in backtest.series:
        quoted = series.name.replace('"', '""')
        cell = f'"\'{quoted}"' if quoted.startswith(("=", "+", "-", "@")) else f'"{quoted}"'
        for name, found in series.contenders.items():
            o = found.outcome
            yield (
                f'{cell},{name},"{found.label}",{o.replica_hours:.3f},{o.late_ratio:.6f},{o.unserved_ratio:.6f},'
                f"{o.scale_ups},{str(series.worth).lower()}"
            )
