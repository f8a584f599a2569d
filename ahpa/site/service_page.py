"""One service: what it has, what comes, and why; from last week to the next 24 hours."""

from __future__ import annotations

from collections.abc import Iterator

from ahpa.core.words import moment, percent, quantity, seconds
from ahpa.render.html import key_list
from ahpa.render.markup import paragraph, text
from ahpa.site.decisions_page import changes_table
from ahpa.site.frame import badge, document, move, path_of
from ahpa.site.pictures import Drawn
from ahpa.site.views import ServiceDetail, ServiceLine, Starting
from ahpa.site.worth_blocks import saved_block, what_if_block

SHOWN_CHANGES = 30


def page(detail: ServiceDetail, drawn: Drawn | None) -> str:
    """All that is known of one service."""
    return document(f"{detail.service.namespace}/{detail.service.name}", "/", detail.standing, _parts(detail, drawn))


def _parts(detail: ServiceDetail, drawn: Drawn | None) -> Iterator[str]:
    line = detail.service
    yield f'<h1>{text(line.name, 253)}</h1><p class="quiet">{_who(line)}</p>'
    yield f'<p class="lead">{text(line.message)}</p><p>{badge(line.severity, line.reason)}</p>'
    yield paragraph(line.ignored)
    yield '<div class="tiles">' + "".join(_tiles(line)) + "</div>"
    yield _coming(detail)
    yield from _pictures(detail, drawn)
    yield '<h2 id="why">Why</h2><dl class="why-list">'
    yield "".join(f"<dt>{text(each.about)}</dt><dd>{text(each.said)}</dd>" for each in detail.why) + "</dl>"
    yield _minutes(detail.starting, line)
    yield what_if_block(detail.what_if, path_of(line))
    yield saved_block(detail.saved)
    yield _decided(detail)
    yield f'<p class="under">The same as <a href="{path_of(line, "/api/v1/services/")}">JSON</a>.</p>'


def _who(line: ServiceLine) -> str:
    led = "" if line.led else ", written by another copy or by nobody"
    return text(f"{line.title} in {line.namespace}, mode {line.mode}{led}", 600)


def _tiles(line: ServiceLine) -> Iterator[str]:
    def tile(name: str, value: str, under: str) -> str:
        said = f"<span>{value}<small>{text(under, 200)}</small></span>"
        return f'<div class="tile plain"><b>{name}</b><div>{said}</div></div>'

    yield tile("Floor", move(line.floor, line.wanted), f"its owner's own: {line.baseline}")
    yield tile("Ready", str(line.ready), f"of {line.present} asked for")
    if line.peak is not None and line.level is not None and line.within_seconds is not None:
        within = f"{line.unit or 'demand'}, p{100 * line.level:.4g} within {seconds(line.within_seconds)}"
        yield tile("Expected peak", text(quantity(line.peak)), within)
    yield tile("A start takes", text(seconds(line.start_seconds)), line.start_said)
    if line.late is not None:
        yield tile("Late", text(percent(line.late)), "of its requests lately, measured")


def _coming(detail: ServiceDetail) -> str:
    if detail.next is not None:
        said = f"Next: floor {detail.next.floor} about {moment(detail.next.at)}, if this forecast holds."
    elif detail.ahead is not None:
        said = "No change that lasts is foreseen within the next 24 hours."
    else:
        return ""
    return f'<p class="next">{text(said)}</p>'


def _pictures(detail: ServiceDetail, drawn: Drawn | None) -> Iterator[str]:
    if drawn is None:
        yield paragraph("No picture: nothing of it was observed and foreseen, or matplotlib is not installed.", "quiet")
        return
    coming = "" if detail.ahead is None else " and the next 24"
    yield '<h2 id="course">From last week to tomorrow</h2><div class="pair wide">'
    for words, picture in ((f"The last 12 hours{coming}", drawn.now), ("The last week", drawn.week)):
        yield (
            f"<figure><figcaption>{words}</figcaption>"
            f'<div role="img" aria-label="{words}: demand, floor and ready replicas">{picture}</div></figure>'
        )
    yield "</div>" + key_list([
        ("background:var(--demand);opacity:.7", "demand"),
        ("border-top:1px solid var(--ahpa)", "peak expected within a start; ahead: the median"),
        ("background:var(--ahpa);opacity:.3", "forecast band" + _levels(detail)),
        ("border-top:3px solid var(--ahpa)", "replicas ready"),
        ("border-top:2px dashed var(--ahpa)", "floor; ahead: what plans will ask for"),
        ("background:var(--late)", "demand without a slot: late"),
        ("border-left:2px dotted var(--muted);width:.3em", "now"),
    ])  # fmt: skip
    since = detail.standing.since
    if since is not None:
        known = f"Floor and ready replicas are remembered since {moment(since)}, when this copy started. Times are UTC."
        yield paragraph(known, "quiet")


def _levels(detail: ServiceDetail) -> str:
    if detail.ahead is None:
        return ""
    low, _, high = detail.ahead.levels
    return f" (p{100 * low:.4g} to p{100 * high:.4g})"


def _minutes(starting: Starting | None, line: ServiceLine) -> str:
    heading = '<h2 id="minutes">Where your minutes go</h2>'
    if starting is None:
        return heading + paragraph(
            f"A start takes {seconds(line.start_seconds)} in nine of ten cases ({line.start_said}). No replica of it "
            "was seen yet from the moment it was asked for until it was ready, so what goes into that is not known."
        )
    whole = sum(phase.seconds for phase in starting.phases)
    bar = "".join(
        f'<span class="p{i % 4}" style="flex:{phase.seconds:.1f} 0 0"></span>'
        for i, phase in enumerate(starting.phases)
    )
    listed = "".join(
        f'<li><i class="p{i % 4}"></i>{text(phase.name)}: <b>{text(seconds(phase.seconds))}</b> '
        f"({text(percent(phase.seconds / whole if whole else 0.0))})</li>"
        for i, phase in enumerate(starting.phases)
    )
    many = starting.starts > 1
    told = f"on average of the last {starting.starts} starts that" if many else "the one time that a replica"
    return (
        heading
        + paragraph(f"A start took {seconds(whole)} {told} told every moment.")
        + f'<div class="bar" aria-hidden="true">{bar}</div><ul class="key">{listed}</ul>'
    )


def _decided(detail: ServiceDetail) -> str:
    shown = detail.changes[:SHOWN_CHANGES]
    if not shown:
        return '<h2 id="decisions">Decisions</h2>' + paragraph("None yet that this copy remembers.")
    more = len(detail.changes) - len(shown)
    said = paragraph(f"{more:,} earlier ones are in the JSON below.", "quiet") if more else ""
    return f'<h2 id="decisions">Decisions</h2>{changes_table(shown, named=False)}{said}'
