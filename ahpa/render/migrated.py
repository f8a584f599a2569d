"""What became of objects of other autoscalers as YAML that can be applied, with comments for a person."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

import yaml

from ahpa.core.words import printable
from ahpa.migration.migrated import SAME, Migrated, Note

_MOST = 6000
"""Characters of a note."""


def as_yaml(moved: Sequence[Migrated]) -> str:
    """A document for each, its comments first. Nothing that stood in an object leaves the comment it is shown in."""
    return "---\n".join("".join(f"{line}\n" for line in _document(each)) for each in moved)


def _document(moved: Migrated) -> Iterator[str]:
    yield from _comment(f"{moved.kind} {moved.name}")
    if moved.result is not None and moved.first:
        yield from _comment(f"First {moved.first[0]}")
        yield from (f"#   {line}" for line in moved.first[1:])
    done = [note for note in moved.notes if not note.needs_you]
    yield from _block("Unchanged:", [", ".join(note.field for note in done if note.became == SAME)])
    yield from _block("What became of the rest:", [_said(note) for note in done if note.became != SAME])
    yield from _block("What needs you:", [_said(note) for note in moved.notes if note.needs_you])
    if moved.result is not None:
        yield yaml.safe_dump(moved.result, sort_keys=False, width=120).rstrip("\n")


def _block(title: str, lines: Sequence[str]) -> Iterator[str]:
    if any(lines):
        yield from _comment(title)
        for line in lines:
            yield from _comment(line, "  - ")


def _said(note: Note) -> str:
    said = f"{note.field}: {note.said}" if note.said else note.field
    return f"{said} -> {note.became}"


def _comment(text: str, bullet: str = "") -> Iterator[str]:
    """Lines that begin with `#`, whatever stands in `text`."""
    wrapped = textwrap.wrap(printable(text, _MOST), 110, break_long_words=False, break_on_hyphens=False)
    for index, line in enumerate(wrapped):
        yield f"# {bullet if index == 0 else ' ' * len(bullet)}{line}"
