"""Options from the environment: `AHPA_<COMMAND>_<OPTION>` is what `ahpa --help` promises, and a slip is not ignored."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner, Result

from ahpa.cli import COMMANDS, main
from ahpa.commands.environment import variables


def with_environment(**given: str) -> Result:
    """`ahpa replay` of nothing: it says so with exit code 2, unless something is said before."""
    return CliRunner().invoke(main, ["replay", "/absent/journal"], env=given)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_variable_is_called_as_its_option_is(name: str) -> None:
    """`--service` had to be given as AHPA_BACKTEST_SERVICE_FILE, which nobody could know."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    flags = [
        next(flag for flag in each.opts if flag.startswith("--"))
        for each in command.params
        if isinstance(each, click.Option)
    ]
    wanted = [f"AHPA_{name}_{flag.removeprefix('--').replace('-', '_')}".upper() for flag in flags]
    assert sorted(variables(command)) == sorted(wanted)


def test_a_variable_counts_as_its_option() -> None:
    done = CliRunner().invoke(main, ["replay", "/absent/journal"], env={"AHPA_REPLAY_OUTPUT": "magic"})
    assert "Invalid value for '-o' / '--output': 'magic'" in done.output


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("AHPA_REPLAY_SERVIZE", "AHPA_REPLAY_SERVIZE in the environment is no option of `ahpa replay`; did you mean "
         "AHPA_REPLAY_SERVICE?"),
        ("AHPA_REPLAY_COLOUR", "no option of `ahpa replay`; `ahpa replay --help` lists the options"),
    ],
)  # fmt: skip
def test_a_misspelt_variable_of_the_command_is_refused(name: str, says: str) -> None:
    """AHPA_SERVE_DRY_RUM=1 would write to services although their operator believes that nothing is written."""
    done = with_environment(**{name: "1"})
    assert done.exit_code == 2
    assert says in " ".join(done.output.split())
    assert "/absent" not in done.output


@pytest.mark.parametrize(
    ("name", "meant"),
    [("AHPA_REPLY_WORDING", "AHPA_REPLAY_WORDING"), ("AHPA_WORDING", "AHPA_REPLAY_WORDING")],
)
def test_what_may_be_meant_for_the_command_is_doubted(name: str, meant: str) -> None:
    done = with_environment(**{name: "1"})
    assert f"ahpa: {name} in the environment does nothing; did you mean {meant}?" in done.output
    assert "/absent/journal: No such file" in done.output


@pytest.mark.parametrize(
    "name",
    ["AHPA_REPLAY_WORDING", "AHPA_TRACES", "AHPA_LIVE_MINUTES", "AHPA_SERVE_TICK", "AHPA_SERVICE_HOST",
     "AHPA_PORT_8080_TCP_ADDR", "AHPA_REPLAY_SERVICE_HOST", "AHPA_REPLAY_SERVICE_PORT_HTTP", "AHPA_REPLAY_PORT",
     "AHPA_REPLAY_PORT_8080_TCP"],
)  # fmt: skip
def test_what_is_right_or_meant_for_others_is_no_news(name: str) -> None:
    """Kubernetes sets half of these in each pod beside a Service called `ahpa` or `ahpa-replay`."""
    done = with_environment(**{name: "1"})
    assert "environment" not in done.output
    assert "/absent/journal: No such file" in done.output


@pytest.mark.parametrize(
    ("word", "says"),
    [("bactest", "did you mean backtest?"), ("xyz", "there are demo, backtest, forecast, replay, migrate, serve")],
)
def test_a_command_that_does_not_exist_is_answered_with_one_that_does(word: str, says: str) -> None:
    done = CliRunner().invoke(main, [word])
    assert done.exit_code == 2
    assert f"no such command '{word}'; {says}" in done.output
