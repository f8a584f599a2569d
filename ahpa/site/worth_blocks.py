"""What ahpa was worth, and what another wish would have been: as markup."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ahpa.core.words import moment, percent, quantity
from ahpa.render.markup import paragraph, text
from ahpa.site.frame import cell_of, heads_of, list_of
from ahpa.site.views import Figure, Saved, Savings, WayLine, WhatIfView


def saved_block(saved: Savings | None) -> str:
    """What it saved; nothing where nothing is counted yet."""
    if saved is None or not saved.accounts:
        return ""
    blocks = "".join(f"{paragraph(_about(one))}{_courses(one)}" for one in saved.accounts)
    unknown = (
        f", and of {quantity(saved.unobserved_hours)} hours nothing is said" if saved.unobserved_hours > 0.1 else ""
    )
    return f'<h2 id="saved">What it saved</h2>{blocks}' + paragraph(
        f"Counted since {moment(saved.since)}{unknown}. What was had is measured; what would have been is a model, "
        "and stands between the two numbers beside it.",
        "quiet",
    )


def _about(one: Saved) -> str:
    hours = quantity(one.hours)
    return f"In {hours} hours with floors of ours:" if one.acted else f"In {hours} hours in which we only watched:"


def _courses(one: Saved) -> str:
    head = '<th scope="col" class="text">Way</th><th scope="col">Replica-hours</th><th scope="col">Late</th>'
    rows = "".join(
        "<tr>"
        + cell_of("text", text(course.name))
        + cell_of("", _figure(course.replica_hours, quantity), "replica-hours")
        + cell_of("", "–" if course.late_ratio is None else _figure(course.late_ratio, percent), "late")
        + "</tr>"
        for course in one.courses
    )
    return f'<div class="narrow">{list_of(head, rows)}</div>'


def _figure(figure: Figure, words: Callable[[float], str]) -> str:
    sure = figure.low == figure.high
    between = "" if sure else f"<small>{text(words(figure.low))} to {text(words(figure.high))}</small>"
    return f"{text(words(figure.value))}{between}"


def what_if_block(what_if: WhatIfView | None, address: str) -> str:
    """What would have been; `address` is that of the service's page, as it stands in markup."""
    if what_if is None:
        return ""
    return f'<h2 id="what-if">What if</h2>{"".join(_what_if(what_if, address))}'


def _what_if(what_if: WhatIfView, address: str) -> Iterator[str]:
    ask = f'<p><a class="button" href="{address}?what-if=1'  # to a part of the same page would load nothing anew
    if what_if.state == "idle":
        yield paragraph("What would it have had in the last days at another late target or quantile?")
        yield f'{ask}#what-if">Work it out</a></p>'
    elif what_if.state == "played":
        yield _ways(what_if.ways)
        days = quantity(what_if.days or 0.0)
        yield paragraph(f"The last {days} days until {moment(what_if.at or 0.0)}, played by the backtest.", "quiet")
        yield "".join(paragraph(note, "quiet") for note in what_if.notes)
    elif what_if.state == "pending":
        yield f'<p role="status">{text(what_if.said[:1].upper() + what_if.said[1:])}.</p>{ask}">Look again</a></p>'
    else:
        yield paragraph(f"It cannot be said: {what_if.said}.") + f'{ask}">Ask again</a></p>'


def _ways(ways: tuple[WayLine, ...]) -> str:
    heads = (("text", "Wish"), ("", "Replica-hours"), ("", "Late"), ("text", "Played"), ("text", "Annotate it with"))
    rows = "".join(
        "<tr>"
        + cell_of("text", f"{text(way.name)}{' <b>(now)</b>' if way.chosen else ''}")
        + cell_of("", text(quantity(way.replica_hours)), "replica-hours")
        + cell_of("", text(percent(way.late_ratio)), "late")
        + cell_of("text", f"<small>{text(way.setting)}</small>")
        + cell_of("text", "<br>".join(f"<code>{text(f'{one.key}: {one.value}')}</code>" for one in way.annotations))
        + "</tr>"
        for way in ways
    )
    return list_of(heads_of(heads), rows)
