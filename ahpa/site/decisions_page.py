"""What was decided, the newest first, and a search in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ahpa.core.words import moment
from ahpa.render.markup import text
from ahpa.site.asked import Asked
from ahpa.site.frame import badge, cell_of, document, heads_of, list_of, move, pager, path_of
from ahpa.site.views import ChangeLine, Changes


def page(changes: Changes, asked: Asked) -> str:
    """The decisions that were searched for."""
    return document("Decisions", "/decisions", changes.standing, _parts(changes, asked))


def _parts(changes: Changes, asked: Asked) -> Iterator[str]:
    since = changes.standing.since
    told = "None is remembered yet" if since is None else f"Remembered since {moment(since)}, when this copy started"
    yield (
        "<h1>Decisions</h1>"
        f'<p class="quiet">Each that moved a floor, or had another reason than the one before. {text(told)}; of each '
        "service the last ones. All of them are in the journal, where one is kept (--journal).</p>"
        '<form class="find" role="search" action="/decisions" method="get">'
        f'<input type="search" id="q" name="q" maxlength="100" value="{text(asked.words)}" '
        'placeholder="Words, a name, a reason  ( / )" aria-label="Search the decisions"><button>Find</button></form>'
        f'<p class="under"><span id="count">{changes.found:,}</span> found</p>'
    )
    if changes.changes:
        whole = changes.pages == 1 and not asked.words
        yield changes_table(changes.changes, named=True, whole=whole)
        yield pager(asked, changes.page, changes.pages)
    else:
        yield '<p class="empty">None is like that.</p>'


def changes_table(changes: Sequence[ChangeLine], named: bool, whole: bool = False) -> str:
    """A line for each; `named`: whose they are."""
    head = ("When (UTC)", *(["Service"] if named else []), "Floor", "Why")
    kinds = ["when text", *(["name text"] if named else []), "", "why text"]
    ths = heads_of(zip(kinds, head, strict=True))
    rows = (
        "".join(cell_of(kind, cell) for kind, cell in zip(kinds, _cells(change, named), strict=True))
        for change in changes
    )
    return list_of(ths, "".join(f"<tr>{row}</tr>" for row in rows), whole)


def _cells(change: ChangeLine, named: bool) -> Iterator[str]:
    yield text(moment(change.at).removesuffix(" UTC"))
    if named:
        yield f'<a href="{path_of(change)}">{text(change.name, 253)}</a><small>{text(change.namespace, 253)}</small>'
    thought = "" if change.apply else "<small>only thought of</small>"
    yield move(change.previous, change.floor) + thought
    yield f"{badge(change.severity, change.reason)} {text(change.message, 600)}"
