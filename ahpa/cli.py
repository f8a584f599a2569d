"""Words in, words out. Commands live in `ahpa.commands` and are imported when called, so `--help` is quick."""

from __future__ import annotations

import difflib
import os
import re
from copy import copy
from importlib import import_module

import click

from ahpa import __version__
from ahpa.commands.environment import doubts

# Before numpy is loaded: BLAS threads that spin for one another made learning take 90 s instead of 5 s on a busy
# 2-core machine. The matrices are too small to gain from them, and a pod's CPU limit is not the node's count.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

COMMANDS = {
    "demo": "The main job on a simulated GPU cluster, with a live view and a report.",
    "backtest": "What each autoscaler would have done to your exported history.",
    "forecast": "What the service would expect of a series, as table and picture.",
    "replay": "Run a recorded decision journal through today's code.",
    "migrate": "Objects of AHPA, PHPA, Crane, Kapacity or KEDA's clock, written as ours.",
    "serve": "Watch a cluster: forecast, and move the floor of those who ask for it.",
    "status": "All annotated services: floor, next change, health.",
    "plan": "What would change now, and why.",
    "explain": "One service, from its data to the decision.",
    "survey": "For which services of a cluster would it pay?",
    "check": "Would it work here? Rights, versions, fences, Prometheus, clocks.",
    "restore": "Put back what the owners had, exactly.",
}
"""Command -> the line that `ahpa --help` shows; the module is `ahpa.commands.<name>`."""


PLUGIN = "kubectl ahpa"
"""How people call us where `kubectl-ahpa` is on their PATH."""


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"ahpa.commands.{cmd_name}").command
        assert isinstance(command, click.Command)
        return _called(command, ctx.find_root().info_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            meant = difflib.get_close_matches(args[0], COMMANDS, 1)
            hint = f"did you mean {meant[0]}?" if meant else f"there are {', '.join(COMMANDS)}"
            ctx.fail(f"no such command {args[0][:64]!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _called(command: click.Command, program: str | None) -> click.Command:
    """The command with the examples in its help typed as it was called: as a plugin, `kubectl ahpa`."""
    if program != PLUGIN:
        return command
    called = copy(command)
    called.help = re.sub(r"^( *(?:.* \| )?)ahpa ", rf"\1{PLUGIN} ", command.help or "", flags=re.MULTILINE)
    return called


@click.group(cls=_Lazy, context_settings={"auto_envvar_prefix": "AHPA", "help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ahpa")
@click.pass_context
def main(context: click.Context) -> None:
    """Predictive autoscaling for GPU and other slow-starting services.

    \b
    Examples:
      ahpa demo                                    see it work, no cluster needed
      ahpa backtest requests.csv --lag-p50 180s    what would it have done to you?
      ahpa survey --prometheus http://prom:9090    for which services of a cluster would it pay?
      ahpa serve --prometheus http://prom:9090     in a cluster; only watches unless told

    Every option can be given as AHPA_<COMMAND>_<OPTION> in the environment, a switch as 1 or 0.
    Exit codes: 0 fine, 1 a finding, 2 usage, 3 cannot reach, 4 not enough data, 130 interrupted.
    """
    command = main.get_command(context, context.invoked_subcommand or "")
    if command is not None:
        for doubt in doubts(os.environ, command):
            click.echo(f"ahpa: {doubt}", err=True)


def kubectl() -> None:
    """The entry point of `kubectl-ahpa`, which kubectl runs as `kubectl ahpa`."""
    _called(main, PLUGIN)(prog_name=PLUGIN)
