"""Commands that the documents tell people to type exist, with the options shown."""

from __future__ import annotations

import re
import shlex

import click
import pytest

from ahpa.cli import COMMANDS, main
from tests.docs.test_docs import PAGES, ROOT


def typed(program: str) -> list[str]:
    """Every distinct command line of `program` in a fenced block or in backticks, comments cut off."""
    texts = [page.read_text() for page in PAGES]
    fenced = [
        line
        for text in texts
        for block in re.findall(r"```.*?\n(.*?)```", text, re.DOTALL)
        for line in block.splitlines()
    ]
    inline = [code for text in texts for code in re.findall(r"`([^`\n]+)`", text)]
    lines = {re.split(r"\s+#|\s{3,}", line.removeprefix(".venv/bin/"))[0] for line in [*fenced, *inline]}
    return sorted(line for line in lines if re.match(rf"{program} \w", line))


@pytest.mark.parametrize("line", typed("ahpa"))
def test_a_command_of_ours_exists_with_its_options(line: str) -> None:
    name, *words = shlex.split(line)[1:]
    assert name in COMMANDS
    command = main.get_command(click.Context(main), name)
    assert command is not None
    options = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
    given = [word.partition("=")[0] for word in words if word.startswith("-")]
    assert [flag for flag in given if flag not in {*options, "--help"}] == []


@pytest.mark.parametrize("line", typed("make"))
def test_a_make_target_exists(line: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(rf"^{re.escape(line.split()[1])}:", makefile, re.MULTILINE)


def test_the_readme_fits_a_newcomers_patience_and_names_the_test_command() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 150
    assert any(line.startswith("- `make test` is **the** test command") for line in lines)
