"""What a command and an annotation call by the same name they read the same way, from the one table."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from ahpa.cli import COMMANDS, main
from ahpa.core.policy.parameters import BY_NAME
from ahpa.core.policy.values import Policy
from tests.core.contract import TRIED

BY_ADAPTER = {"time-zone", "holidays"}
"""Read by `calendar_from`, which knows the zones and the places that there are."""


def shared() -> Iterator[tuple[str, str]]:
    """(command, name) of each option that is called as a parameter."""
    for command in COMMANDS:
        found = main.get_command(click.Context(main), command)
        assert found is not None
        for option in found.params:
            for flag in option.opts:
                if flag.removeprefix("--") in BY_NAME.keys() - BY_ADAPTER:
                    yield command, flag.removeprefix("--")


def test_some_are_shared() -> None:
    assert {("backtest", "late-target"), ("backtest", "service-time"), ("forecast", "model")} <= set(shared())


@pytest.mark.parametrize(("command", "name"), list(shared()))
def test_an_option_reads_what_the_annotation_of_its_name_reads(command: str, name: str) -> None:
    """`--service-time` took `14d` and `0s`, which `ahpa.dev/service-time` refuses."""
    found = main.get_command(click.Context(main), command)
    assert found is not None
    (option,) = (each for each in found.params if f"--{name}" in each.opts)
    parameter = BY_NAME[name]
    if isinstance(getattr(Policy(), parameter.field), bool):
        assert isinstance(option, click.Option)
        assert option.is_flag
        return
    for text in TRIED:
        try:
            expected = parameter.parse(text)
        except ValueError:
            with pytest.raises(click.BadParameter):
                option.type_cast_value(click.Context(found), text)
        else:
            assert option.type_cast_value(click.Context(found), text) == expected
