"""Where the requests of a scenario come from: counts per step, as fine as they were measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ahpa.simulation.stream import SimulatedService, Stream
from ahpa.simulation.traffic import Traffic, spread_over_seconds
from forecasting.panel import Floats, Panel


class RequestHistory(Protocol):
    """One service's past, from which its requests can be made again: counts here, or a list (requests.py)."""

    def between(self, start: float, end: float) -> RequestHistory:
        """What came in `[start, end)`, unix seconds."""
        ...

    def traffic(
        self, start: float, end: float, service: SimulatedService, rng: np.random.Generator, dispersion: float
    ) -> Stream:
        """The requests of `[start, end)`, unix seconds of whole minutes."""
        ...


@dataclass(frozen=True, eq=False)
class Counted:
    """Counts per step. Each stays in its step; inside it requests fall on seconds at random (`spread_over_seconds`)."""

    panel: Panel
    """One row, `aligned`: mean concurrency that the arrivals of each step ask for."""

    def between(self, start: float, end: float) -> Counted:
        return Counted(self.panel.between(start, end))

    def traffic(
        self, start: float, end: float, service: SimulatedService, rng: np.random.Generator, dispersion: float
    ) -> Traffic:
        """Minutes that were not observed are bridged by a straight line: somebody asked, nobody counted. So are
        finer steps where their minute was not observed either; else they get their minute's mean."""
        panel = self.panel.between(start, end)
        step = round(panel.step)
        level = interpolated(minutes(panel).values[0])
        requests = level * (max(60, step) / service.service_seconds)
        if step < 60:
            mean = np.repeat(requests, 60 // step) * (step / 60)
            seen = np.isfinite(panel.values[0])
            counted = np.maximum(panel.values[0], 0.0) * (step / service.service_seconds)
            # Of what nobody counted not even the number is known: Poisson, not a fraction rounded second by second.
            requests = np.where(seen, counted, rng.poisson(mean))
        return Traffic(panel.start, spread_over_seconds(requests, step, rng, dispersion), service)


def check_step(step: float) -> None:
    """Raises ValueError for steps that neither divide a minute nor are whole minutes."""
    if step % 60 and abs(60 / step - round(60 / step)) > 1e-9:
        raise ValueError(f"steps of {step:g} s; seconds that divide a minute, or whole minutes, can be tested")


def aligned(panel: Panel) -> Panel:
    """The panel from a whole minute on, in steps of whole seconds that divide a minute, or of whole minutes.

    Finer steps keep their values (7.5 s become 15 s); the offset within a step is dropped, and the last minute
    if it is not complete. Raises ValueError for steps that neither divide a minute nor are whole minutes.
    """
    start = float(60 * np.floor(panel.start / 60))
    step = panel.step
    if step % 60 == 0:
        return Panel(start, step, panel.values, panel.keys)
    check_step(step)
    lead = round((panel.start - start) / step)
    padded = np.concatenate([np.full((len(panel.keys), lead), np.nan), panel.values], axis=1)
    per_minute = round(60 / step)
    whole = padded.shape[1] // per_minute * per_minute
    seconds = next(k for k in range(1, per_minute + 1) if abs(k * step - round(k * step)) < 1e-9)
    return averaged(Panel.of(start, step, padded[:, :whole], panel.keys), seconds)


def minutes(panel: Panel) -> Panel:
    """The panel on whole minutes, as `aligned`: finer steps are averaged, missing ones left out of the mean."""
    fine = aligned(panel)
    return fine if fine.step >= 60 else averaged(fine, round(60 / fine.step))


def averaged(panel: Panel, steps: int) -> Panel:
    """The means of so many steps each, over those that were observed."""
    if steps == 1:
        return panel
    n, t = panel.values.shape
    cells = panel.values.reshape(n, t // steps, steps)
    seen = np.isfinite(cells)
    total = np.where(seen, cells, 0.0).sum(axis=2)
    counts = seen.sum(axis=2)
    means = np.where(counts, total / np.maximum(counts, 1), np.nan)
    return Panel.of(panel.start, round(panel.step * steps, 6), means, panel.keys)


def interpolated(values: Floats) -> Floats:
    """`values` with a straight line over what is not finite; the ends are held. Zero if nothing was observed."""
    seen = np.flatnonzero(np.isfinite(values))
    if not len(seen):
        return np.zeros(len(values))
    return np.asarray(np.maximum(np.interp(np.arange(len(values)), seen, values[seen].astype(float)), 0.0))
