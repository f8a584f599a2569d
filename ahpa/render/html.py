"""A report as one HTML file: pictures and style inside, no scripts, nothing to load; for screens, phones and paper.

Every piece of text that comes from outside goes through `text` (`markup`), which escapes it; markup is only what is
written here and there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from ahpa.backtest.contenders import OURS, title
from ahpa.backtest.results import SeriesResult
from ahpa.core.words import count, percent, quantity
from ahpa.render import charts, html_tables
from ahpa.render.decisions import Day, days
from ahpa.render.markup import paragraph, text
from ahpa.render.palette import MARKS, role
from ahpa.render.report import (
    Chapter,
    Report,
    Total,
    as_yaml,
    comparison,
    headline,
    meaning,
    rival,
    totals,
    verdict,
)
from ahpa.render.style import SHEET
from ahpa.simulation.outcome import Run

CSP = "default-src 'none'; style-src 'unsafe-inline'"
"""A hostile name that got past the escaping still could not run or load anything."""


def write_report(path: Path, report: Report) -> None:
    """Write the page to `path`, making its directory. Raises OSError where it cannot."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(report), encoding="utf-8")


def page(report: Report) -> str:
    """The whole document."""
    results = report.results
    sums = totals(results)
    parts = [
        f"<h1>{text(report.title)}</h1>",
        *_opening(report),
        paragraph(report.summary, "quiet"),
        '<div class="tiles">' + "".join(map(_tile, sums.values())) + "</div>"
        if len(sums) < 5
        else html_tables.sums(list(sums.values())),
        html_tables.equal_lateness(report),
        html_tables.overview(results) if len(results) > 1 else "",
        listed("Not tested", report.failed),
        key(report.chapters),
        *(chapter_of(chapter, i) for i, chapter in enumerate(report.chapters)),
        listed("The world these figures assume", report.assumptions),
    ]
    return document(report.title, parts)


def document(title: str, parts: Iterable[str]) -> str:
    """A whole page; `parts` are finished markup."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{CSP}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{text(title)}</title><style>{SHEET}</style></head><body>"
        + "\n".join(part for part in parts if part)
        + "</body></html>\n"
    )


def _opening(report: Report) -> list[str]:
    """The sentence that decides first: what could have been known before, where it was judged, else the totals."""
    results = report.results
    judged = comparison(results, report.late_target)
    first, _, further = (judged or headline(results)).partition("; ")
    said = [f'<p class="lead">{text(first)}</p>', paragraph(further and f"{further[0].upper()}{further[1:]}.")]
    return [*said, paragraph(f"At the settings in the tables: {headline(results)}." if judged else meaning(results))]


def _tile(total: Total) -> str:
    figures = [(quantity(total.replica_hours), "replica-hours"), (percent(total.late_ratio), "of requests late")]
    if total.money is not None:
        figures.append((quantity(total.money), "money (tier prices)"))
    cells = "".join(f"<span>{text(value)}<small>{unit}</small></span>" for value, unit in figures)
    return (
        f'<div class="tile" style="border-top-color:var(--{role(total.contender)})">'
        f"<b>{text(title(total.contender))}</b><div>{cells}</div></div>"
    )


def key(chapters: Sequence[Chapter]) -> str:
    """What lines and colours of the pictures mean."""
    if not chapters:
        return ""
    swatch, band = "border-top:1px solid var(--ahpa)", "predicted peak within the time a replica needs to start"
    if any(c.median is not None for c in chapters):
        swatch, band = "background:var(--ahpa);opacity:.3", band + " (median to the planned quantile)"
    items = [
        ("background:var(--demand);opacity:.7", "demand: requests in flight that the arrivals ask for"),
        (swatch, band),
        ("border-top:3px solid var(--ahpa)", "replicas ready"),
        ("border-top:2px dashed var(--ahpa)", "floor (what ahpa raises)"),
        ("background:var(--late)", "late requests: they waited for capacity"),
    ]
    return (
        "<h2>How to read the pictures</h2>"
        + key_list(items)
        + paragraph(
            "Demand and replicas share one scale: where grey rises above the solid line there is more work than "
            "ready replicas take at their target. Both pictures of a service have the same axes. Times are UTC.",
            "quiet",
        )
    )


def key_list(items: Sequence[tuple[str, str]]) -> str:
    """What lines and colours mean: (style of the swatch, words)."""
    listed = "".join(f'<li><i style="{style}"></i>{text(words)}</li>' for style, words in items)
    return f'<ul class="key">{listed}</ul>'


def chapter_of(chapter: Chapter, index: int) -> str:
    """A section on one service."""
    result = chapter.result
    pair = (OURS, rival(result.contenders))
    runs = [found.run for name in pair if name and (found := result.contenders.get(name)) and found.run]
    ceilings = charts.course_ceilings(runs, chapter.per_replica) if runs else None
    figures = "".join(_course(run, chapter, ceilings) for run in runs)
    ours, said = result.contenders.get(OURS), verdict(result)
    sentences = [said[:1].upper() + said[1:], *result.advice, *result.notes]
    return (
        f'<section class="service" id="s{index}"><h2>{text(result.name)}</h2>'
        + "".join(paragraph(sentence) for sentence in sentences)
        + _annotations(result)
        + (f'<div class="pair">{figures}</div>' if figures else "")
        + html_tables.outcomes(result)
        + html_tables.settings(result)
        + _tradeoff(result)
        + "</section>"
        + _log(ours.run if ours else None, chapter.decisions)
    )


def _annotations(result: SeriesResult) -> str:
    if not result.annotations:
        return ""
    lines = "\n".join(as_yaml(result.annotations))
    return paragraph("To try it, annotate the service:") + f"<pre>{escape(lines, quote=False)}</pre>"


def _course(run: Run, chapter: Chapter, ceilings: tuple[float, float] | None) -> str:
    median = chapter.median if run.contender == OURS else None
    words = f"{quantity(run.outcome.replica_hours)} replica-hours, {percent(run.outcome.late_ratio)} late"
    picture = charts.course(run, chapter.per_replica, median, ceilings)
    return (
        f"<figure><figcaption>{html_tables.contender(run.contender)}: {text(words)}</figcaption>"
        f'<div role="img" aria-label="{text(title(run.contender))}: {text(words)}">{picture}</div></figure>'
    )


def _tradeoff(result: SeriesResult) -> str:
    lines = {
        name: [(point.outcome.replica_hours, point.outcome.late_ratio) for point in found.points]
        for name, found in result.contenders.items()
    }
    if not any(lines.values()):
        return ""
    chosen = {
        name: (found.outcome.replica_hours, found.outcome.late_ratio) for name, found in result.contenders.items()
    }
    key = "".join(f"<li>{html_tables.contender(name, MARKS[role(name)][1] + ' ')}</li>" for name in lines)
    return (
        '<figure class="narrow"><figcaption>Cost against lateness as each policy\'s knob is turned. Lower left is '
        f'better; a ring marks the setting of the table.</figcaption><ul class="key">{key}</ul>'
        f'<div role="img" aria-label="replica-hours against late share">{charts.tradeoff(lines, chosen)}</div></figure>'
    )


def _log(run: Run | None, file: str) -> str:
    """The decisions day by day, folded: the largest as lines, all of them counted."""
    if run is None or not run.moves:
        return ""
    told = days(run.moves)
    total = f"{count(len(run.moves))} decision{'s' if len(run.moves) > 1 else ''}"
    where = f" All of them, line by line: {file}." if file else ""
    return (
        f'<details class="log"><summary>What ahpa decided, and why: {total} that moved the floor</summary>'
        + paragraph(f"The largest of each day.{where}", "quiet")
        + "".join(map(_decided, told))
        + "</details>"
    )


def _decided(day: Day) -> str:
    items = "".join(f"<li><time>{text(when)}</time>{text(what)}</li>" for when, what in day.lines)
    more = f"<li>and {count(day.left_out)} smaller ones</li>" if day.left_out else ""
    return f'<h3>{text(day.title)}</h3><ol class="log">{items}{more}</ol>'


def listed(heading: str, pairs: Sequence[tuple[str, str]]) -> str:
    """Words and what is said of each, under a heading; empty where there are none."""
    if not pairs:
        return ""
    listed = "".join(f"<dt>{text(what)}</dt><dd>{text(value)}</dd>" for what, value in pairs)
    return f"<h2>{heading}</h2><dl>{listed}</dl>"
