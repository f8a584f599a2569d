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


def progress(
    total: int, begins: str = "learning", done: str = "tested", line: str = ""
) -> contextlib.AbstractContextManager[Advance]:
    """Progress over so many things, on stderr: how it is called as it `begins`, and what is `done` with each. In a pipe
    a `line` is said first, by default that of a backtest."""
    if sys.stderr.isatty():
        return _bar(total, begins, done)
    return lines(total, lambda said: click.echo(said, err=True), done=done, first=line)


@contextlib.contextmanager
def lines(
    total: int, say: Callable[[str], None], every_seconds: float = LINE_SECONDS, done: str = "tested", first: str = ""
) -> Iterator[Advance]:
    """A line to begin with, and one each `every_seconds`, from a thread that ends with the block."""
    begun, number, over = time.monotonic(), 0, threading.Event()

    def advance(name: str) -> None:
        nonlocal number
        number += 1

    def tell() -> None:
        while not over.wait(every_seconds):
            say(f"{number} of {total} {done} after {seconds(time.monotonic() - begun)}")

    first = first or f"learning from {total} series, then testing them"
    say(f"{first}; a line each {seconds(every_seconds)} says how far it is")
    teller = threading.Thread(target=tell, name="progress", daemon=True)
    teller.start()
    try:
        yield advance
    finally:
        over.set()
        teller.join()


@contextlib.contextmanager
def _bar(total: int, begins: str, done: str) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(begins, total=total)

        def advance(name: str) -> None:
            bars.update(task, advance=1, description=f"{done} {printable(name, 40)}")

        yield advance


@contextlib.contextmanager
def stages() -> Iterator[Callable[[str], object]]:
    """On a terminal a bar that runs, with what is done beside it; in a pipe a line for each stage. On stderr."""
    if not sys.stderr.isatty():
        yield lambda what: click.echo(f"{what} ...", err=True)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=None)
        yield lambda what: bars.update(task, description=what)
