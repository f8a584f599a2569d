"""How far a long command is: a bar on a terminal; in a pipe or a log a line now and then, lest it seems to hang."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator

import click

from ahpa.core.words import printable, seconds

LINE_SECONDS = 20.0
"""Between two lines."""
Advance = Callable[[str], None]
"""Takes the name of what is done."""


def progress(total: int) -> contextlib.AbstractContextManager[Advance]:
    """Progress over so many series, on stderr."""
    return _bar(total) if sys.stderr.isatty() else lines(total, lambda line: click.echo(line, err=True))


@contextlib.contextmanager
def lines(total: int, say: Callable[[str], None], every_seconds: float = LINE_SECONDS) -> Iterator[Advance]:
    """A line to begin with, and one each `every_seconds`, from a thread that ends with the block."""
    begun, done, over = time.monotonic(), 0, threading.Event()

    def advance(name: str) -> None:
        nonlocal done
        done += 1

    def tell() -> None:
        while not over.wait(every_seconds):
            say(f"{done} of {total} tested after {seconds(time.monotonic() - begun)}")

    say(f"learning from {total} series, then testing them; a line each {seconds(every_seconds)} says how far it is")
    teller = threading.Thread(target=tell, name="progress", daemon=True)
    teller.start()
    try:
        yield advance
    finally:
        over.set()
        teller.join()


@contextlib.contextmanager
def _bar(total: int) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("learning", total=total)

        def advance(name: str) -> None:
            bars.update(task, advance=1, description=f"tested {printable(name, 40)}")

        yield advance
