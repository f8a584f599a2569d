"""What pictures are drawn with: SVG text for inlining in a page. matplotlib is imported here only, when one is drawn.

A picture names its colours by role (`palette`) and leaves text as text, so the page's style sheet decides
on colours and type, and one file serves light, dark, phone and print. No series name enters a picture:
names are hostile, and matplotlib would read a `$` in one as mathematics.
"""

from __future__ import annotations

import hashlib
import io
import math
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ahpa.render.palette import LIGHT
from forecasting.panel import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import Locator

DASHES = (0, (3, 1.6))
POINTS = 240
"""Buckets of a line. A picture is 390 points wide, so a bucket is less than two of them."""
_WIDTH_INCHES = 5.4
ROLES = {name: f"#a0b0{i:02x}" for i, name in enumerate(LIGHT)}
"""A stand-in colour per role, which `finish` replaces by a style-sheet variable."""
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ahpa",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "text.parse_math": False,
    "text.color": ROLES["ink"],
    "axes.edgecolor": ROLES["grid"],
    "axes.labelcolor": ROLES["muted"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "figure.facecolor": "none",
    "grid.color": ROLES["grid"],
    "grid.linewidth": 0.7,
    "xtick.color": ROLES["muted"],
    "ytick.color": ROLES["muted"],
    "path.simplify": True,
}


def decimate(x: Floats, y: Floats, buckets: int = POINTS) -> tuple[Floats, Floats]:
    """At most `2 * buckets` points that keep every bucket's least and largest value, in their order.

    NaN stays NaN where a whole bucket is unobserved. Few points come back as they are.
    """
    if len(y) <= 2 * buckets:
        return np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    edges = np.linspace(0, len(y), buckets + 1).astype(int)
    picks: list[int] = []
    for first, last in pairwise(edges):
        part = y[first:last]
        if np.isfinite(part).any():
            low, high = int(np.nanargmin(part)), int(np.nanargmax(part))
            picks += [first + min(low, high), first + max(low, high)]
        else:
            picks += [first]
    chosen = np.array(picks)
    return np.asarray(x, dtype=float)[chosen], np.asarray(y, dtype=float)[chosen]


def extremes(x: Floats, y: Floats, largest: bool, buckets: int = POINTS) -> tuple[Floats, Floats]:
    """One point per bucket: its largest (or least) value; NaN where a whole bucket is unobserved."""
    edges = np.linspace(0, len(y), min(buckets, len(y)) + 1).astype(int)
    parts = [y[a:b] for a, b in pairwise(edges)]
    pick = np.nanmax if largest else np.nanmin
    values = [float(pick(part)) if np.isfinite(part).any() else math.nan for part in parts]
    return np.asarray(x, dtype=float)[edges[:-1]], np.array(values)


def ticks(start: float, end: float, most: int = 6) -> tuple[list[float], list[str]]:
    """Where a time axis has its marks (unix seconds) and what they say; UTC, the date at midnight."""
    hour = 3600.0
    span = end - start
    steps = [hour / 4, hour / 2, hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour]
    steps += [24 * hour * days for days in (1, 2, 3, 7, 14, 28, 91, 182, 364, 1820)]
    step = next((s for s in steps if span / s <= most), span / most)
    first = math.ceil(start / step - 1e-9) * step
    marks = [first + i * step for i in range(math.floor((end - first) / step + 1e-9) + 1)]
    return marks, [_stamp(mark, step < 24 * hour) for mark in marks]


def _stamp(seconds: float, clock: bool) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    midnight = moment.hour == 0 and moment.minute == 0
    return f"{moment:%H:%M}" if clock and not midnight else f"{moment.day} {moment:%b}"


def peak_of(values: Floats) -> float:
    """The largest that is known; 0 where nothing is."""
    finite = values[np.isfinite(values)]
    return float(finite.max()) if len(finite) else 0.0


def style() -> AbstractContextManager[None]:
    """Within it figures have our type and colours."""
    import matplotlib as mpl

    return mpl.rc_context(_STYLE)


def figure_of(height_inches: float, rows: Sequence[int]) -> tuple[Figure, list[Axes]]:
    """A figure, and its axes one below the other, as high as `rows` say."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(h_pad=0.02, w_pad=0.02, hspace=0.04)
    figure = Figure(figsize=(_WIDTH_INCHES, height_inches), dpi=72, layout=layout)
    axes = figure.subplots(len(rows), 1, sharex=True, squeeze=False, height_ratios=rows)
    return figure, list(axes[:, 0])


def replicas_axis(axes: Axes, per_replica: float) -> None:
    """A second axis on the right: what is drawn in demand, in replicas."""
    right = axes.secondary_yaxis("right", functions=(_times(1 / per_replica), _times(per_replica)))
    right.set_ylabel("replicas")
    right.yaxis.set_major_locator(whole(5))
    right.spines["right"].set_visible(False)


def _times(factor: float) -> Callable[[Any], Any]:
    return lambda values: values * factor


def whole(most: int) -> Locator:
    """Marks at whole numbers."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(most, integer=True, steps=[1, 2, 5, 10])


def steps(axes: Axes, at: Floats, values: Floats, colour: str, width: float, dashed: bool = False) -> None:
    """A line of steps; equal neighbours are left out, which is most of them."""
    x, y = decimate(at, values)
    same = np.zeros(len(y), dtype=bool)
    same[1:-1] = (y[1:-1] == y[:-2]) & (y[1:-1] == y[2:])
    axes.plot(x[~same], y[~same], color=colour, drawstyle="steps-post", lw=width, ls=DASHES if dashed else "-")


def time_axis(rows: Sequence[Axes], start: float, end: float) -> None:
    """The same time, UTC, for all of them; its words below the last."""
    marks, words = ticks(start, end)
    for axes in rows:
        axes.set_xlim(start, end)
        axes.set_xticks(marks, words)
        axes.grid(True, axis="both")
        axes.tick_params(length=0)
        axes.tick_params(axis="x", pad=5)
    for axes in rows[:-1]:
        axes.tick_params(labelbottom=False)


def finish(figure: Figure) -> str:
    """The figure as an `<svg>` element: small, with roles for colours and ids of its own."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<(metadata|style)[ >].*?</\1>", "", text, flags=re.DOTALL)
    for name, stand_in in ROLES.items():
        text = text.replace(stand_in, f"var(--{name})")
    text = re.sub(r"font: (?:(bold|\d+) )?([\d.]+px) [^;\"]*", _type, text)
    text = re.sub(r"; font-family: [^;\"]*", "", text)
    text = re.sub(r"<[^>]*>", _shorter, text)
    text = re.sub(r' (?:width|height)="[^"]*"', "", text, count=2)
    text = re.sub(r' xmlns(:xlink)?="[^"]*"', "", text).replace("xlink:href", "href")
    text = re.sub(r"\s*\nL ", " ", text)  # numbers after L go on as L
    text = re.sub(r">\s+<", "><", text)
    return _own_ids(text)


def _type(found: re.Match[str]) -> str:
    weight = f"font-weight: {found.group(1)}; " if found.group(1) else ""
    return f"{weight}font-size: {found.group(2)}"


def _shorter(tag: re.Match[str]) -> str:
    """Coordinates of a tag to a tenth of a point; words between tags stay as they are."""
    return re.sub(r"(\d+\.\d)\d+", r"\1", tag.group())


def _own_ids(text: str) -> str:
    """Ids that only this picture has; those that nothing refers to are dropped. A page holds many pictures."""
    used = set(re.findall(r"#([\w.-]+)", text))
    own = hashlib.sha256(text.encode()).hexdigest()[:8]
    text = re.sub(r' id="([\w.-]+)"', lambda m: f' id="{own}{m[1]}"' if m[1] in used else "", text)
    return re.sub(r"#(" + "|".join(map(re.escape, used)) + r")\b", rf"#{own}\1", text) if used else text
