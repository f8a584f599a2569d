"""Counts how often a random script reached each hard corner, so that a proof cannot pass by missing them."""

from __future__ import annotations

from collections import Counter


class Corners(Counter[str]):
    """`corners[name] += condition` for every step; `report` at the end."""

    def report(self, *expected: str) -> None:
        """Print the counts; AssertionError if an expected corner was never reached, or one is not expected."""
        print("\n" + ", ".join(f"{name} {self[name]}" for name in expected))
        missed = [name for name in expected if not self[name]]
        if missed or set(self) - set(expected):
            raise AssertionError(f"never reached: {missed}; not listed: {set(self) - set(expected)}")
