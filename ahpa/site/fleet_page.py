"""All services at a glance: a table that sorts and filters by its address, with or without a script."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ahpa.core.words import percent, quantity, seconds
from ahpa.render.markup import text
from ahpa.site.asked import MODES, Asked
from ahpa.site.frame import ago, badge, cell_of, document, leading, list_of, move, pager, path_of
from ahpa.site.views import Fleet, ServiceLine
from ahpa.site.worth_blocks import saved_block

_COLUMNS = (
    ("name", "Service", "text"),
    ("mode", "Mode", "text"),
    ("floor", "Floor", ""),
    ("ready", "Ready", ""),
    ("peak", "Expected peak", ""),
    ("start", "A start takes", ""),
    ("late", "Late", ""),
    ("changed", "Changed", ""),
    ("reason", "Why", "text"),
)
"""What it is sorted by, its heading, and how it stands."""
_FALLING = frozenset({"floor", "ready", "peak", "start", "late", "changed"})
"""Of these the largest stand first when they are first asked for."""


def page(fleet: Fleet, asked: Asked) -> str:
    """The fleet, as it was asked for."""
    return document("Services", "/", fleet.standing, _parts(fleet, asked))


def _parts(fleet: Fleet, asked: Asked) -> Iterator[str]:
    standing = fleet.standing
    yield f"<h1>{_headline(fleet)}</h1>"
    if standing.at is not None and (standing.led < standing.services or not standing.writes):
        yield f'<p class="quiet">{text(leading(standing))}.</p>'
    if not standing.services:
        yield (
            f'<p class="empty">{text(leading(standing))}.</p>' if standing.at is None else
            '<p class="empty">Nobody asked for us yet. Put <code>ahpa.dev/mode: observe</code> on a service, and it '
            "stands here after the next round, a minute at most.</p>"
        )  # fmt: skip
        return
    yield _chips(fleet, asked)
    yield _form(asked)
    yield f'<p class="under"><span id="count">{fleet.found:,}</span> of {standing.services:,} services</p>'
    if fleet.services:
        yield _table(fleet, asked)
        yield pager(asked, fleet.page, fleet.pages)
    else:
        yield '<p class="empty">No service is like that. <a href="/">Show all</a></p>'
    yield saved_block(fleet.saved)


def _headline(fleet: Fleet) -> str:
    count = fleet.standing.services
    if not count:
        return "No services yet"
    said = [f"{count:,} service{'s' if count > 1 else ''}"]
    said += [f"{fleet.moving:,} floor{'s' if fleet.moving > 1 else ''} moving now"] if fleet.moving else []
    said += [f"{fleet.wrong:,} need{'s' if fleet.wrong == 1 else ''} a look"] if fleet.wrong else ["all is well"]
    return text(", ".join(said))


def _chips(fleet: Fleet, asked: Asked) -> str:
    ways = (
        ("", "All", fleet.standing.services),
        ("wrong", "Need a look", fleet.wrong),
        ("moving", "Moving now", fleet.moving),
    )
    return '<ul class="chips">' + "".join(
        f'<li class="{look if look == "wrong" and count else ""}">'
        f'<a href="/{text(replace(asked, look=look, page=1).query)}"'
        f'{" aria-current=true" if asked.look == look else ""}>{word} <b>{count:,}</b></a></li>'
        for look, word, count in ways
    ) + "</ul>"  # fmt: skip


def _form(asked: Asked) -> str:
    modes = "".join(
        f'<option value="{mode}"{" selected" if mode == asked.mode else ""}>{mode or "any mode"}</option>'
        for mode in MODES
    )
    kept = {"look": asked.look, "sort": asked.sort if asked.sort != "name" else "", "down": "1" if asked.down else ""}
    hidden = "".join(f'<input type="hidden" name="{name}" value="{value}">' for name, value in kept.items() if value)
    return (
        '<form class="find" role="search" action="/" method="get">'
        f'<input type="search" id="q" name="q" maxlength="100" value="{text(asked.words)}" '
        'placeholder="Name, namespace or reason  ( / )" aria-label="Find services by name, namespace or reason">'
        f'<select name="mode" aria-label="Mode">{modes}</select>{hidden}<button>Find</button></form>'
    )


def _table(fleet: Fleet, asked: Asked) -> str:
    head = "".join(_heading(sort, word, kind, asked) for sort, word, kind in _COLUMNS)
    whole = fleet.pages == 1 and not asked.words
    rows = "".join(_row(line, fleet.standing.at) for line in fleet.services)
    return list_of(head, rows, whole)


def _heading(sort: str, word: str, kind: str, asked: Asked) -> str:
    now = asked.sort == sort
    down = not asked.down if now else sort in _FALLING
    arrow = (" ▼" if asked.down else " ▲") if now else ""
    order = f' aria-sort="{"descending" if asked.down else "ascending"}"' if now else ""
    way = text("/" + replace(asked, sort=sort, down=down, page=1).query)
    return f'<th scope="col" class="{kind}"{order}><a href="{way}">{word}{arrow}</a></th>'


def _row(line: ServiceLine, now: float | None) -> str:
    peak = "–"
    if line.peak is not None and line.within_seconds is not None:
        far = f"{line.unit or 'demand'} in {seconds(line.within_seconds)}"
        peak = f"{text(quantity(line.peak))}<small>{text(far, 60)}</small>"
    behind = f"{line.starts:,} start{'s' if line.starts > 1 else ''}" if line.starts else "assumed"
    ignored = f"<small>{text(line.ignored, 400)}</small>" if line.ignored else ""
    name = f'<a href="{path_of(line)}">{text(line.name, 253)}</a>'
    of = f"<small>of {line.present}</small>" if line.present != line.ready else ""
    cells = (
        ("name text", f"{name}<small>{text(line.namespace, 253)} · {text(line.kind, 40)}</small>"),
        ("text", text(line.mode) + ("" if line.led else "<small>not by this copy</small>")),
        ("", move(line.floor, line.wanted), "floor"),
        ("", f"{line.ready}{of}", "ready"),
        ("", peak, "expected"),
        ("", f"{text(seconds(line.start_seconds))}<small>{behind}</small>", "a start takes"),
        ("", "–" if line.late is None else text(percent(line.late)), "late"),
        ("", text(ago(line.changed_at, now)), "changed"),
        ("why text", f"{badge(line.severity, line.reason)} {text(line.message, 400)}{ignored}"),
    )
    return f"<tr>{''.join(cell_of(*cell) for cell in cells)}</tr>"
