"""Where the heavy work is done: options that several commands share, and what they make of them."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import click

from ahpa.commands.options import MOST_SAID, Command, with_options
from ahpa.core.words import printable

if TYPE_CHECKING:
    from ahpa.adapters.dask.executor import Dask
    from ahpa.ports import Telemetry
    from forecasting.executor import Executor

WORKERS_OPTIONS = tuple(f"executor{name}" for name in ("", "_ca", "_cert", "_key", "_insecure"))
"""Names of what `workers_options` add."""


def workers_options(command: Command) -> Command:
    """Which machines the heavy work is sent to; `workers_from` reads them."""
    file = click.Path(exists=True, dir_okay=False)
    return with_options(
        command,
        click.option("--executor", metavar="dask://HOST:PORT",
                     help="Have the heavy work done by this Dask cluster.  [default: here]"),
        click.option("--executor-ca", type=file, help="CA file of that cluster's certificates, and ours."),
        click.option("--executor-cert", type=file, help="Our certificate for it."),
        click.option("--executor-key", type=file, help="Its key."),
        click.option("--executor-insecure", is_flag=True,
                     help="Speak to it without TLS: whoever reaches its port can run code on it, and on us."),
    )  # fmt: skip


def workers_from(given: Mapping[str, object]) -> Dask | None:
    """What `workers_options` say; None: the work is done here. Raises UsageError."""
    said = {name: given[name] for name in WORKERS_OPTIONS}
    if said["executor"] is None:
        if any(said.values()):
            raise click.UsageError("--executor-ca, -cert, -key and -insecure say how --executor is reached: give it")
        return None
    from ahpa.adapters.dask.executor import Dask
    from ahpa.adapters.dask.scheduler import Scheduler

    def file(name: str) -> str | None:
        return None if said[name] is None else str(said[name])

    try:
        files = file("executor_ca"), file("executor_cert"), file("executor_key")
        return Dask(Scheduler.at(str(said["executor"]), *files, insecure=bool(said["executor_insecure"])))
    except (ValueError, ModuleNotFoundError) as error:
        raise click.UsageError(str(error)) from error


@contextlib.contextmanager
def reached(workers: Dask | None, name: str) -> Iterator[Executor | None]:
    """The workers, for a command that ends with a sentence and code 3 where they are, or come to be, out of reach, or
    where its work ends them. What is left of the work ends with the block."""
    from forecasting.executor import Unavailable

    if workers is None:
        yield None
        return
    from ahpa.adapters.dask.crew import WorkerDied

    try:
        with workers:
            workers.check()
            yield workers
    except (Unavailable, WorkerDied) as error:
        click.echo(f"ahpa {name}: {printable(str(error), MOST_SAID)}", err=True)
        sys.exit(3)


def reached_or_here(workers: Dask, telemetry: Telemetry) -> Executor:
    """As `or_here`; where they are away at the start, that is heard of at once, and not in an hour."""
    found = or_here(workers, telemetry)
    found.submit(len, ()).result()
    return found


def or_here(there: Executor, telemetry: Telemetry) -> Executor:
    """There, for a service that goes on without it: while it is away its work is done here. That is said when it begins
    and ends; what was learned before goes on meanwhile."""
    from forecasting.executor import OrHere, Unavailable

    def tell(error: Unavailable | None) -> None:
        if error is None:
            telemetry.log("executor.works_again")
        else:
            telemetry.log("executor.away", logging.ERROR, problem=str(error), instead="the work is done here")

    return OrHere(there, tell)


@contextlib.contextmanager
def pool(jobs: int, workers: Executor | None) -> Iterator[Executor]:
    """Those workers, or so many processes here; what is left of the work ends with the block."""
    from ahpa.adapters.processes.executors import Processes
    from forecasting.executor import Serial

    found = workers or (Serial() if jobs == 1 else Processes(jobs))
    try:
        yield found
    finally:
        found.stop()
