"""Figures as people read them. Every face uses these, so that a number looks the same everywhere."""

from __future__ import annotations

import math
import unicodedata
from datetime import UTC, datetime


def percent(ratio: float) -> str:
    """`0.0008` is `0.08 %`: two significant digits, `0 %` only for exactly nothing."""
    if not math.isfinite(ratio):
        return "?"
    value = 100 * ratio
    if value == 0:
        return "0 %"
    if abs(value) < 0.001:
        return "< 0.001 %"
    digits = max(0, 1 - math.floor(math.log10(abs(value))))
    text = f"{value:.{min(digits, 3)}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def quantity(value: float) -> str:
    """Three significant digits or whole: `4.25`, `31.4`, `1,204`; `?` where nothing is known."""
    if not math.isfinite(value):
        return "?"
    if abs(value) >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 9.995 else f"{value:.2f}".rstrip("0").rstrip(".")


def count(value: float) -> str:
    """`1,204`; `?` where nothing is known."""
    return f"{value:,.0f}" if math.isfinite(value) else "?"


def seconds(value: float) -> str:
    """`45 s`, `4.5 min`, `2 h`."""
    if not math.isfinite(value):
        return "?"
    if value < 100:
        return f"{value:.3g} s"
    return f"{value / 60:.3g} min" if value < 6000 else f"{value / 3600:.3g} h"


def moment(unix_seconds: float) -> str:
    """`Mon 16 Mar 2026 06:30 UTC`; `?` for a time that is none."""
    try:
        return f"{datetime.fromtimestamp(unix_seconds, UTC):%a %d %b %Y %H:%M} UTC"
    except (OverflowError, ValueError, OSError):
        return "?"


def printable(text: str, most: int = 120) -> str:
    """Text from outside made fit for a line: no control, bidi or line-breaking characters, not too long.

    Names of series come from anybody who can create an object or write a label; an escape sequence in one
    would steer the terminal of whoever looks at it.
    """
    cleaned = "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(c)[0] in "CZ" and c != " " else c for c in text
    )
    return cleaned if len(cleaned) <= most else cleaned[: most - 1] + "…"
