"""`ahpa replay`: a recorded decision journal through today's code, and every decision that would differ."""

from __future__ import annotations

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
COMPARED = ("floor", "apply", "reason", "utilization", "message")


@click.command("replay", short_help="Run a recorded decision journal through today's code.")
@click.argument("journal", type=click.Path(path_type=Path))
@click.option("--service", help="Only the services whose key contains this.")
@click.option("--wording", is_flag=True, help="Count decisions of which only the sentence differs, too.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def command(journal: Path, service: str | None, wording: bool, output: str) -> None:
    """What would today's code have decided where this journal was written?

    JOURNAL is what `ahpa serve --journal` wrote. Exit code 0: nothing differs; 1: something does.

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
        for line, entry in _entries(journal):
            if service and service not in entry.workload.key:
                continue
            count += 1
            today = decision_to_json(entry.replay())
            changed = [name for name in compared if today.get(name) != entry.decision.get(name)]
            if changed:
                different += 1
                _show(line, entry, today, changed, output)
        if not count:
            raise InputError(f"{journal}: no decisions in it", NOT_ENOUGH)
    except InputError as error:
        click.echo(f"ahpa replay: {error}", err=True)
        sys.exit(error.exit_code)
    click.echo(f"{count} decisions replayed, {different} differ", err=True)
    sys.exit(1 if different else 0)


def _entries(journal: Path) -> Iterator[tuple[int, Entry]]:
    """(line, entry) of each line. Raises InputError with file and line."""
    from ahpa.adapters.files.text import InputError
    from ahpa.core.journal import JournalError, entry_from_json

    try:
        if not stat.S_ISREG(journal.stat().st_mode):
            raise InputError(f"{journal}: not a regular file")
        with journal.open("rb") as stream:
            number = 0
            while raw := stream.readline(MOST_LINE + 1):
                number += 1
                if len(raw) > MOST_LINE:
                    raise InputError(f"{journal}:{number}: a line of more than {MOST_LINE:,} bytes")
                if not raw.strip():
                    continue
                try:
                    yield number, entry_from_json(json.loads(raw))
                except JournalError as error:
                    raise InputError(f"{journal}:{number}: {error}") from error
                except (ValueError, RecursionError) as error:
                    raise InputError(f"{journal}:{number}: not JSON: {str(error)[:100]}") from error
    except OSError as error:
        raise InputError(f"{journal}: {error.strerror}") from error


def _show(line: int, entry: Entry, today: Mapping[str, object], changed: list[str], output: str) -> None:
    from ahpa.core.words import moment, printable

    then = entry.decision
    if output == "json":
        row = {"line": line, "now": entry.now, "service": entry.workload.key, "changed": changed}
        click.echo(json.dumps({**row, "recorded": dict(then), "today": today}))
        return
    click.echo(f"{moment(entry.now)} {printable(entry.workload.key)} (line {line}): {', '.join(changed)} differ")
    click.echo(f"  then:  {printable(str(then.get('floor')), 20)} {printable(str(then.get('reason')), 40)}: "
               f"{printable(str(then.get('message')), 300)}")  # fmt: skip
    click.echo(f"  today: {today['floor']} {today['reason']}: {printable(str(today['message']), 300)}")
