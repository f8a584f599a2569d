"""The same commands as a plugin: `kubectl ahpa`, by an executable called `kubectl-ahpa`."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import EntryPoint

import pytest

from ahpa.cli import COMMANDS
from tests.docs.test_docs import ROOT


def called(monkeypatch: pytest.MonkeyPatch, *words: str) -> int | str | None:
    """As kubectl does: it runs the executable with the words that follow the plugin's name."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    monkeypatch.setattr(sys, "argv", ["/usr/local/bin/kubectl-ahpa", *words])
    with pytest.raises(SystemExit) as ended:
        EntryPoint("kubectl-ahpa", scripts["kubectl-ahpa"], "console_scripts").load()()
    return ended.value.code


@pytest.mark.parametrize("words", [(), *((name,) for name in COMMANDS)])
def test_its_help_says_what_to_type(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    """`Usage: kubectl-ahpa restore`, and examples of another program, would be typed as they stand."""
    assert called(monkeypatch, *words, "--help") == 0
    said = capsys.readouterr().out
    assert said.startswith(" ".join(["Usage: kubectl ahpa", *words, "["]))
    examples = said.partition("Examples:\n")[2].partition("\n\n")[0].splitlines()
    assert examples, "a help without examples"
    assert [line for line in examples if "kubectl ahpa " not in line or re.search(r"(^ *|\| )ahpa ", line)] == []


def test_what_is_wrong_is_said_as_it_was_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, "restor") == 2
    said = capsys.readouterr().err
    assert "Usage: kubectl ahpa [OPTIONS]" in said
    assert "did you mean restore?" in said
