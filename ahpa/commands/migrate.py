"""`ahpa migrate`: objects of other predictive autoscalers, written as ours."""

from __future__ import annotations

import sys

import click

from ahpa.commands.options import said_of_input


@click.command("migrate", short_help="Objects of AHPA, PHPA, Crane, Kapacity or KEDA's clock, written as ours.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
def command(file: str) -> None:
    """What do I write instead of the autoscaler that I have?

    FILE is YAML, one or several documents or a List; - reads from stdin. Understood are the objects of Alibaba's AHPA
    (its template and the Knative Services that it scales too), Huawei CCE's AHPA, PHPA, Crane and Kapacity, and KEDA's
    ScaledObject with cron triggers. Prints the plain HPA, the Knative Service or the ScaledObject to use instead. Its
    comments say of each field what became of it; nothing is dropped silently. Other objects are left out. No cluster is
    written to.

    Exit code 0: all of it moved; 1: something needs you, the comments say what; 2: it cannot be read.

    \b
    Examples:
      ahpa migrate ahpa.yaml > moved.yaml
      kubectl get ahpa --all-namespaces -o yaml | ahpa migrate -
    """
    from ahpa.adapters.files.foreign_yaml import read_foreign
    from ahpa.adapters.files.text import InputError
    from ahpa.render.migrated import as_yaml

    say = said_of_input("ahpa migrate")
    source = "stdin" if file == "-" else file
    try:
        with click.open_file(file, "rb") as stream:
            found = read_foreign(source, stream)
        if not any(moved for _, moved in found):
            raise InputError(f"{source}: nothing in it that `ahpa migrate` moves (see --help)")
    except InputError as error:
        say(str(error))
        sys.exit(error.exit_code)
    for where, moved in found:
        if moved is None:
            say(f"{where}: nothing to move, left out")
    results = [moved for _, moved in found if moved is not None]
    click.echo(as_yaml(results), nl=False)
    done, waiting = sum(moved.result is not None for moved in results), sum(moved.needs_you for moved in results)
    say(f"{done} of {len(results)} moved" + (f", {waiting} need you: the comments say why" if waiting else ""))
    sys.exit(1 if waiting else 0)
