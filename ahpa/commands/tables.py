"""A table on stdout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table


def print_table(table: Table) -> None:
    """As a terminal shows it, or as a pipe takes it."""
    from rich.console import Console

    from ahpa.render.table import plain

    console = Console()
    console.print(table) if console.is_terminal else click.echo(plain(table))
