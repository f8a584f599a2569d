"""Options that come from the environment: a misspelt one would be ignored, and `AHPA_SERVE_DRY_RUM=1` would write."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping

import click

_LINKS = r".*_SERVICE_HOST|.*_SERVICE_PORT(_\w+)?|.*_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?"
"""What Kubernetes sets in every pod for a Service, which may well be called `ahpa` or `ahpa-serve`. It also sets
`AHPA_SERVE_PORT`."""


def variables(command: click.Command) -> tuple[str, ...]:
    """The variables that say what its options say: `AHPA_SERVE_DRY_RUN` is `--dry-run`."""
    options = [each.name or "" for each in command.params if isinstance(each, click.Option)]
    return tuple(f"AHPA_{command.name}_{name}".upper() for name in options)


def doubts(environment: Mapping[str, str], command: click.Command) -> Iterator[str]:
    """What was probably meant for this command and does nothing. Raises UsageError for what can be meant for nothing
    else: it begins with the command's own `AHPA_<COMMAND>_`."""
    known, prefix = variables(command), f"AHPA_{command.name}_".upper()
    for name in sorted(set(environment) - set(known)):
        if re.fullmatch(_LINKS, name):
            continue
        if name.startswith(prefix):
            meant = _nearest(name.removeprefix(prefix), [each.removeprefix(prefix) for each in known], 0.7)
            if meant is None and name.endswith("_PORT"):
                continue
            hint = f"did you mean {prefix}{meant}?" if meant else f"`ahpa {command.name} --help` lists the options"
            raise click.UsageError(f"{name[:80]} in the environment is no option of `ahpa {command.name}`; {hint}")
        if name.startswith("AHPA"):
            whole = _nearest(name, known, 0.9)
            short = _nearest(f"{prefix}{name.removeprefix('AHPA_')}", known, 0.95)
            if meant := whole or short:
                yield f"{name[:80]} in the environment does nothing; did you mean {meant}?"


def _nearest(name: str, known: tuple[str, ...] | list[str], cutoff: float) -> str | None:
    return next(iter(difflib.get_close_matches(name[:80], known, 1, cutoff)), None)
