"""The pieces of a page: whatever comes from outside goes through `text`, which escapes it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from ahpa.core.words import printable


def text(words: str, most: int = 2000) -> str:
    """Words from anywhere as markup of their own: escaped, printable, not too long; "8 %" stays one word."""
    return escape(printable(words, most), quote=True).replace(" %", "&nbsp;%")


def paragraph(words: str, kind: str = "") -> str:
    """Words as a paragraph; nothing for none."""
    attribute = f' class="{kind}"' if kind else ""
    return f"<p{attribute}>{text(words)}</p>" if words else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]], texts: frozenset[int] = frozenset()) -> str:
    """`rows` hold finished markup; columns in `texts` are prose."""

    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(f"<{tag}{' class=text' if i in texts else ''}>{cell}</{tag}>" for i, cell in enumerate(row))

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><tr>{cells("th", head)}</tr>{body}</table></div>'
