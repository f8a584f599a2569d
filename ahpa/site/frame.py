"""What all pages share: the head with its policy, the way around, the one script, and how words become links.

Whatever comes from outside goes through `markup.text`, and through `quote` where it is part of a path.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import quote

from ahpa.core.words import moment, seconds
from ahpa.render.markup import text
from ahpa.render.style import SHEET
from ahpa.site.asked import Asked
from ahpa.site.style import SITE
from ahpa.site.views import ChangeLine, Problem, ServiceLine, Standing

SCRIPT = """
(() => {
  const find = name => document.querySelector(name);
  const words = find("#q"), rows = find("tbody[data-whole]"), count = find("#count");
  document.addEventListener("keydown", key => {
    if (key.key === "/" && words && document.activeElement !== words) { key.preventDefault(); words.focus(); }
  });
  if (words && rows) words.addEventListener("input", () => {
    const asked = words.value.toLowerCase().split(/\\s+/);
    let shown = 0;
    for (const row of rows.rows) {
      const said = row.textContent.toLowerCase(), here = asked.every(word => said.includes(word));
      row.hidden = !here;
      shown += here;
    }
    if (count) count.textContent = shown.toLocaleString("en");
  });
  const live = find("#live");
  if (!live) return;
  live.closest("label").hidden = false;
  live.checked = sessionStorage.getItem("live") === "1";
  live.addEventListener("change", () => sessionStorage.setItem("live", live.checked ? "1" : "0"));
  setInterval(() => {
    if (live.checked && !document.hidden && document.activeElement !== words) location.reload();
  }, 30000);
})();
"""
"""It filters while somebody types and loads the page anew for whom it should stay fresh. All works without it."""
_HASH = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; script-src 'sha256-{_HASH}'; style-src 'unsafe-inline'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""Only our own script runs. Pictures carry styles of their own, so those are let through; nothing is loaded."""
_PLACES = (("/", "Services"), ("/decisions", "Decisions"), ("/api/v1/openapi.json", "API"))


def document(title: str, here: str, standing: Standing | None, parts: Iterable[str]) -> str:
    """A whole page; `parts` are finished markup, `here` is the path of the place that it belongs to."""
    ways = "".join(
        f'<a href="{path}"{" aria-current=page" if path == here else ""}>{name}</a>' for path, name in _PLACES
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{text(title)} · ahpa</title><style>{SHEET}{SITE}</style></head><body>"
        '<a class="skip" href="#main">Skip to the content</a>'
        f'<header><a class="home" href="/">ahpa</a><nav aria-label="Places">{ways}</nav>{_as_of(standing)}</header>'
        f'<main id="main" tabindex="-1">{"".join(part for part in parts if part)}</main>'
        f"{_footer(standing)}<script>{SCRIPT}</script></body></html>\n"
    )


def _as_of(standing: Standing | None) -> str:
    if standing is None or standing.at is None:
        return ""
    fresh = '<label hidden><input type="checkbox" id="live"> keep fresh</label>'
    return f'<span class="asof">{fresh}<span>as of {text(moment(standing.at))}</span></span>'


def _footer(standing: Standing | None) -> str:
    if standing is None:
        return "<footer><p>ahpa shows; nothing can be changed here.</p></footer>"
    told = [f"ahpa {standing.version}", leading(standing), "Nothing can be changed here."]
    return f"<footer><p>{text('. '.join(told[:2]))}. {told[2]}</p></footer>"


def leading(standing: Standing) -> str:
    """Whether this copy writes, in a sentence without its stop."""
    if standing.at is None:
        return "The first round is not over yet"
    if not standing.writes:
        return "It was started to write to nobody (--dry-run)"
    if standing.led == standing.services:
        return "This copy leads: floors are written by it"
    if standing.led == 0:
        return "This copy follows: another one writes, and what you see is what this one would decide"
    return (
        f"This copy leads {standing.led:,} of {standing.services:,}; the others are written by another copy, "
        "and of them you see what this one would decide"
    )


def problem_page(problem: Problem) -> str:
    """Why there is no page."""
    heading = "Not found" if problem.status == 404 else "That cannot be asked for"
    said = f'<h1>{heading}</h1><p class="lead">{text(problem.problem)}.</p><p><a href="/">All services</a></p>'
    return document(heading, "", None, [said])


def path_of(of: ServiceLine | ChangeLine, root: str = "/service/") -> str:
    """The address of a service's page."""
    return root + "/".join(quote(part, safe="", errors="replace") for part in (of.kind, of.namespace, of.name))


def badge(severity: str, reason: str) -> str:
    """A reason, with a mark for what needs a look: its colour is never the only sign."""
    mark = {"warning": '<b aria-label="needs a look">!</b> ', "normal": "", "quiet": ""}.get(severity, "")
    kind = severity if severity in ("warning", "normal", "quiet") else "normal"
    return f'<span class="badge {kind}">{mark}{text(reason)}</span>'


def list_of(head: str, rows: str, whole: bool = False) -> str:
    """A table that becomes cards on a phone; `whole`: all that was found stands in it, so the script may filter it."""
    body = f"<tbody{' data-whole' if whole else ''}>{rows}</tbody>"
    return f'<div class="table"><table class="list"><thead><tr>{head}</tr></thead>{body}</table></div>'


def heads_of(columns: Iterable[tuple[str, str]]) -> str:
    """The heads of its columns: how each stands, and its word."""
    return "".join(f'<th scope="col" class="{kind}">{word}</th>' for kind, word in columns)


def cell_of(kind: str, content: str, of: str = "") -> str:
    """A cell of it; `of` names it on a card."""
    named = f' data-of="{of}"' if of else ""
    return f'<td class="{kind}"{named}>{content}</td>'


def move(previous: int, floor: int) -> str:
    """`3 → 9`, or `3` where nothing moves."""
    return f"{previous}&nbsp;→&nbsp;<b>{floor}</b>" if previous != floor else str(floor)


def ago(then: float | None, now: float | None) -> str:
    """`4.5 min ago`; a dash where it is not known."""
    return "–" if then is None or now is None else f"{seconds(max(0.0, now - then))} ago"


def pager(asked: Asked, page: int, pages: int) -> str:
    """The way to the other pages; nothing where there is one."""
    if pages <= 1:
        return ""

    def way(to: int, word: str) -> str:
        there = 1 <= to <= pages
        return f'<a href="{text(replace(asked, page=to).query)}">{word}</a>' if there else f"<span>{word}</span>"

    return (
        f'<nav class="pager" aria-label="Pages">{way(page - 1, "← before")}'
        f"<span>page {page:,} of {pages:,}</span>{way(page + 1, 'after →')}</nav>"
    )
