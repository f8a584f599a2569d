"""Services as people name them on the command line: `namespace/name`, or with their kind before it."""

from __future__ import annotations

import difflib
from collections.abc import Collection

import click

from ahpa.core.words import printable


def named(word: str, keys: Collection[str], what: str) -> str:
    """The key that is meant, of those that are known. Raises UsageError for none and for several; `what` says what they
    have in common, as in "none of that name carries our record"."""
    meant = [key for key in keys if word in (key, key.partition("/")[2], key.rpartition("/")[2])]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise click.UsageError(f"{printable(word)} may be {' or '.join(map(printable, sorted(meant)))}: name its kind")
    short = {key.partition("/")[2]: key for key in keys}
    close = difflib.get_close_matches(word, [*short, *keys], 1)
    hint = f"did you mean {printable(close[0])}?" if close else _some(sorted(keys))
    raise click.UsageError(f"{printable(word)}: none of that name {what}; {hint}")


def _some(keys: list[str]) -> str:
    return (
        f"there are {', '.join(map(printable, keys[:5]))}{', ...' if len(keys) > 5 else ''}" if keys else "nobody does"
    )
