"""The headline as one picture, to be pasted into a ticket: cost and late requests of ours beside the alternatives.

1200 x 630 pixels, the size that chats and trackers preview, on a ground of its own, so that it reads the same on a
light and on a dark page. Letters are drawn as shapes of the font that comes with matplotlib: no viewer needs a font.
What comes from outside, the names of series, is drawn as it stands and never read as mathematics.
"""

from __future__ import annotations

import io
import re
import warnings
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ahpa.backtest.contenders import OURS, REACTIVE, title
from ahpa.core.words import percent, printable, quantity
from ahpa.render.palette import DARK, role
from ahpa.render.report import Report, Total, comparison, headline, meaning, totals

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 1200, 630
MARGIN = 64
SUFFIXES = (".png", ".svg")
_DPI = 100
_LINES = 4
"""Of the sentence; what is longer is in the report."""
_STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "svg.fonttype": "path",
    "svg.hashsalt": "ahpa",
    "text.parse_math": False,
    "text.usetex": False,
}


@dataclass(frozen=True)
class Headline:
    """What the picture says."""

    title: str
    bars: tuple[Total, ...]
    """Ours first, then the reactive autoscalers, then a fixed fleet; those that were played."""
    sentence: str
    """What the figures mean, whichever way they fell."""
    below: tuple[str, ...]
    """The small print, in sentences: which days, and what world it was."""


def of_report(report: Report) -> Headline:
    """The headline of a report: the sentence that was judged, where one was."""
    results = report.results
    shown = (OURS, *REACTIVE, "fixed-max")
    bars = tuple(total for name, total in totals(results).items() if name in shown)
    judged = comparison(results, report.late_target)
    said = judged or meaning(results) or headline(results)
    what, _, when = report.title.partition(", ")
    if len(results) == 1:
        what = f"{what.partition(':')[0]}: {results[0].name}"
    world = "A simulated cluster: every policy met the same requests" + (
        ", each at its own setting." if judged else "."
    )
    return Headline(what, bars, said if said.endswith(".") else f"{said}.", (f"{when}.", world) if when else (world,))


def write(path: Path, shown: Headline) -> None:
    """Write the picture; its suffix, one of SUFFIXES, says as what. Raises OSError where it cannot."""
    path.write_bytes(svg(shown).encode() if path.suffix == ".svg" else png(shown))


def png(shown: Headline) -> bytes:
    """The picture in pixels; the same bytes for the same headline."""
    return _rendered(shown, "png", {"Software": None})


def svg(shown: Headline) -> str:
    """The picture as shapes, with its words as the title and description that screen readers tell."""
    text = _rendered(shown, "svg", {"Date": None, "Creator": None}).decode()
    _, _, inside = text[text.index("<svg") :].partition(">")
    inside = re.sub(r"<metadata>.*?</metadata>", "", inside, flags=re.DOTALL)
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH * 72 / _DPI:g} {HEIGHT * 72 / _DPI:g}"'
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    told = f"<title>{escape(printable(shown.title))}</title><desc>{escape(words(shown))}</desc>"
    return f'<svg {spaces} {size} role="img">{told}{inside}'


def words(shown: Headline) -> str:
    """The picture for those who do not see it."""
    rows = (f"{title(t.contender)}: {quantity(t.replica_hours)} replica-hours, {percent(t.late_ratio)} late"
            for t in shown.bars)  # fmt: skip
    return printable("; ".join(rows) + f". {shown.sentence}", 1000)


def _rendered(shown: Headline, kind: str, metadata: dict[str, None]) -> bytes:
    import matplotlib as mpl

    out = io.BytesIO()
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in another script: boxes are drawn for it
        _drawn(shown).savefig(out, format=kind, metadata=metadata)
    return out.getvalue()


def _drawn(shown: Headline) -> Figure:
    """All in pixels from the upper left corner."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / _DPI, HEIGHT / _DPI), dpi=_DPI, facecolor=DARK["paper"])
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(HEIGHT, 0)
    room = WIDTH - 2 * MARGIN
    _text(axes, MARGIN, 84, _elided(printable(shown.title, 200), 32, room, bold=True), 32, "ink", bold=True)
    names = max((_width(title(total.contender), 24) for total in shown.bars), default=0.0)
    left = MARGIN + names + 28
    half = (WIDTH - MARGIN - left) / 2
    hours, late = [t.replica_hours for t in shown.bars], [t.late_ratio for t in shown.bars]
    _bars(axes, left, half - 24, "replica-hours", hours, shown.bars, quantity)
    _bars(axes, left + half + 12, half - 12, "requests that had to wait", late, shown.bars, percent)
    for row, total in enumerate(shown.bars):
        ours = total.contender == OURS
        _text(
            axes, MARGIN, _row(row, len(shown.bars)) + 9, title(total.contender), 24, "ink" if ours else "muted", ours
        )
    told = _wrapped(printable(shown.sentence, 1000), 22, room)
    for line, said in enumerate(told):
        _text(axes, MARGIN, 450 + 34 * line, said, 22, "ink")
    for line, said in enumerate(reversed(_small_print(shown.below, room))):
        _text(axes, MARGIN, HEIGHT - 36 - 20 * line, said, 15, "muted")
    return figure


def _row(row: int, rows: int) -> float:
    """The middle of a bar: rows share the room between heading and sentence."""
    return 190 + (row + 0.5) * 210 / max(rows, 3)


def _bars(
    axes: Axes,
    left: float,
    width: float,
    heading: str,
    values: Sequence[float],
    totals: Sequence[Total],
    said: Callable[[float], str],
) -> None:
    """A bar for each value, from nothing; its figure stands at the end of it."""
    from matplotlib.patches import FancyBboxPatch

    _text(axes, left, 162, heading, 20, "muted")
    figures = max((_width(said(value), 28, bold=True) for value in values), default=0.0)
    longest = width - figures - 16
    most = max([*values, 1e-12])
    tall = min(38.0, 130 / max(len(values), 3))
    for row, (value, total) in enumerate(zip(values, totals, strict=True)):
        middle, long = _row(row, len(values)), max(4.0, longest * value / most)
        rounded = f"round,pad=0,rounding_size={min(5, long / 2)}"
        colour = DARK[role(total.contender)]
        shape = FancyBboxPatch((left, middle - tall / 2), long, tall, boxstyle=rounded, fc=colour, lw=0)
        axes.add_patch(shape)
        ours = total.contender == OURS
        _text(axes, left + long + 14, middle + 10, said(value), 28, "ink" if ours else "muted", bold=ours)


def _text(axes: Axes, x: float, y: float, said: str, pixels: float, colour: str, bold: bool = False) -> None:
    """`said` on the base line `y`, its letters `pixels` tall as type sizes are told."""
    weight = "bold" if bold else "normal"
    axes.text(x, y, said, fontsize=pixels * 72 / _DPI, color=DARK[colour], weight=weight, va="baseline")


def _width(said: str, pixels: float, bold: bool = False) -> float:
    """Pixels that the words take."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")))
    font.set_size(pixels, 72)
    font.set_text(said)
    return float(font.get_width_height()[0]) / 64


def _elided(said: str, pixels: float, room: float, bold: bool = False) -> str:
    """The words, cut where they would leave the room."""
    if _width(said, pixels, bold) <= room:
        return said
    fits = bisect_left(range(len(said)), True, key=lambda n: _width(said[: n + 1] + "…", pixels, bold) > room)
    return said[:fits].rstrip() + "…"


def _small_print(sentences: Sequence[str], room: float) -> list[str]:
    """On one line where all fit it, else on one each: a period of two dates is half a line."""
    said = [printable(sentence, 300) for sentence in sentences]
    whole = " ".join(said)
    return [_elided(line, 15, room) for line in ([whole] if _width(whole, 15) <= room else said)]


def _wrapped(said: str, pixels: float, room: float) -> list[str]:
    """The words in lines that fit; the last of _LINES is cut."""
    lines = [""]
    for word in said.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and _width(longer, pixels) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    if len(lines) > _LINES:
        lines[_LINES - 1 :] = [" ".join(lines[_LINES - 1 :])]
    return [_elided(line, pixels, room) for line in lines]
