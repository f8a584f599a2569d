"""`ahpa replay`: a recorded decision journal through today's code, and every decision that would differ."""

from __future__ import annotations

import gzip
import json
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ahpa.core.journal import Entry

MOST_LINE = 2**20
Place = tuple[str, int]
"""A file's name and a line of it."""
COMPARED = ("floor", "apply", "reason", "utilization", "message")


@click.command("replay", short_help="Run a recorded decision journal through today's code.")
@click.argument("journal", type=click.Path(path_type=Path))
@click.option("--service", help="Only the services whose key contains this.")
@click.option("--wording", is_flag=True, help="Count decisions of which only the sentence differs, too.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def command(journal: Path, service: str | None, wording: bool, output: str) -> None:
    """What would today's code have decided where this journal was written?

    JOURNAL is what `ahpa serve --journal` wrote, with what it packed away of it (JOURNAL.1.gz, ...), oldest first; or
    one of those. Exit code 0: nothing differs; 1: something does.

    \b
    Examples:
      ahpa replay journal.jsonl
      ahpa replay journal.jsonl --service default/chat -o json
    """
    from ahpa.adapters.files.text import NOT_ENOUGH, InputError
    from ahpa.core.journal import decision_to_json

    compared = COMPARED if wording else COMPARED[:-1]
    count = different = 0
    try:
        for place, entry in _entries(journal):
            if service and service not in entry.workload.key:
                continue
            count += 1
            today = decision_to_json(entry.replay())
            changed = [name for name in compared if today.get(name) != entry.decision.get(name)]
            if changed:
                different += 1
                _show(place, entry, today, changed, output)
        if not count:
            raise InputError(f"{journal}: no decisions in it", NOT_ENOUGH)
    except InputError as error:
        click.echo(f"ahpa replay: {error}", err=True)
        sys.exit(error.exit_code)
    click.echo(f"{count} decisions replayed, {different} differ", err=True)
    sys.exit(1 if different else 0)


def _entries(journal: Path) -> Iterator[tuple[Place, Entry]]:
    """Each entry and where it is, the oldest first. Raises InputError with file and line."""
    from ahpa.adapters.files.journal import packed
    from ahpa.adapters.files.text import InputError

    try:
        for file in (*(path for _, path in reversed(packed(journal))), journal):
            yield from _entries_in(file)
    except OSError as error:
        raise InputError(f"{journal}: {error.strerror}") from error


def _entries_in(file: Path) -> Iterator[tuple[Place, Entry]]:
    import zlib

    from ahpa.adapters.files.journal import lines_of
    from ahpa.adapters.files.text import InputError
    from ahpa.core.journal import JournalError, entry_from_json

    if not stat.S_ISREG(file.stat().st_mode):
        raise InputError(f"{file}: not a regular file")
    number = 0
    try:
        for number, raw in enumerate(lines_of(file, MOST_LINE), 1):
            if len(raw) > MOST_LINE:
                raise InputError(f"{file}:{number}: a line of more than {MOST_LINE:,} bytes")
            if raw.strip():
                yield (file.name, number), entry_from_json(json.loads(raw))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{file}: the gzip is damaged after line {number}: {error}") from error
    except JournalError as error:
        raise InputError(f"{file}:{number}: {error}") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{file}:{number}: not JSON: {str(error)[:100]}") from error


def _show(place: Place, entry: Entry, today: Mapping[str, object], changed: list[str], output: str) -> None:
    from ahpa.core.words import moment, printable

    then, (file, line) = entry.decision, place
    if output == "json":
        row = {"file": file, "line": line, "now": entry.now, "service": entry.workload.key, "changed": changed}
        click.echo(json.dumps({**row, "recorded": dict(then), "today": today}))
        return
    click.echo(
        f"{moment(entry.now)} {printable(entry.workload.key)} ({printable(file)}, line {line}): "
        f"{', '.join(changed)} differ"
    )
    click.echo(f"  then:  {printable(str(then.get('floor')), 20)} {printable(str(then.get('reason')), 40)}: "
               f"{printable(str(then.get('message')), 300)}")  # fmt: skip
    click.echo(f"  today: {today['floor']} {today['reason']}: {printable(str(today['message']), 300)}")
