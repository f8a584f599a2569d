"""How good and how honest single steps far ahead are: the section "Far ahead" of the report."""

from __future__ import annotations

import numpy as np

from benchmarks.forecasting.report import OURS, Results
from benchmarks.forecasting.score import FAR_SECONDS, Bench, Scores

NEAR = 0.05


class Horizon:
    """Scores of every model, by how far ahead."""

    def __init__(self) -> None:
        self.results = [Results() for _ in FAR_SECONDS]

    def add(self, name: str, bench: Bench, scores: Scores) -> None:
        """One model on one group."""
        for results, window in zip(self.results, bench.far, strict=True):
            results.add(name, bench.group, scores, [window], slice(None))

    def section(self) -> str:
        """The half that was not tuned on, and ours on the other."""
        text = """
## Far ahead

The demand of the single step that ends 1, 3, 8 and 24 hours ahead, at an origin every hour; the half that was not tuned
on. Loss over all four levels, coverage at 0.9 and 0.99, and the share of services within 5 points at 0.9. Errors of
neighbouring origins are nearly the same error: four days hold few of those a day ahead.

"""
        hours = [f"{seconds / 3600:g} h" for seconds in FAR_SECONDS]
        text += f"| model | {' | '.join(f'{h} | 0.9 | 0.99 | near' for h in hours)} |\n"
        text += "|---" + "|--:" * (4 * len(hours)) + "|\n"
        names = sorted(self.results[0].loss, key=lambda name: self._loss(name, 0))
        text += "".join(self._row(name, name == OURS, True) for name in names if len(self._cells(name, True)))
        return text + self._row(f"{OURS}, the half that settings were chosen on", False, False)

    def _loss(self, name: str, which: int) -> float:
        return float(np.nanmean(self.results[which].rows(name, True)[0].mean(axis=1)))

    def _cells(self, name: str, test: bool) -> list[str]:
        """Empty for a model that was not run on everything."""
        out = []
        for results in self.results:
            loss, covered = results.rows(name, test)
            if len(loss) != len(results.rows(OURS, test)[0]):
                return []
            known = np.isfinite(loss).all(axis=1)
            near = np.abs(covered[known, 1] - 0.9) <= NEAR
            out.append(f"{loss[known].mean():.4f} | {covered[known, 1].mean():.3f} | {covered[known, 3].mean():.3f} | ")
            out[-1] += f"{near.mean():.0%}"
        return out

    def _row(self, words: str, bold: bool, test: bool) -> str:
        name = words.partition(",")[0]
        return f"| {f'**{words}**' if bold else words} | {' | '.join(self._cells(name, test))} |\n"
