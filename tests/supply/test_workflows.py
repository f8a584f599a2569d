"""What makes a release may do no more than that, runs nobody else's code by a name that can be moved, and calls what is
here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_there_are_two() -> None:
    assert [file.name for file in FILES] == ["ci.yml", "release.yml"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_an_action_is_pinned_by_its_commit(file: Path) -> None:
    """Of a tag its owner, or who has stolen the account, makes another program. Today there is none at all."""
    used = re.findall(r"^\s*(?:- )?uses: *(\S+)", file.read_text(), re.MULTILINE)
    assert [each for each in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", each)] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_nobody_elses_words_become_a_command(file: Path) -> None:
    """A branch may be named `$(...)`: what a stranger chooses comes as an environment variable, never as text."""
    for job in yaml.safe_load(file.read_text())["jobs"].values():
        for step in job["steps"]:
            put_in = re.findall(r"\$\{\{\s*([\w.]+)\s*\}\}", step.get("run", ""))
            assert set(put_in) <= {"steps.image.outputs.digest"}, step["name"]


def test_rights_are_granted_one_by_one() -> None:
    ci, release = (yaml.safe_load(file.read_text()) for file in FILES)
    assert ci["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in ci["jobs"].values())
    assert release["permissions"] == {}
    assert release["jobs"]["release"]["permissions"] == {"contents": "write", "packages": "write", "id-token": "write"}
    assert release[True] == {"push": {"tags": ["v*"]}}  # YAML 1.1 reads `on` as true; a pull request starts none of it


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_it_calls_is_here(file: Path) -> None:
    runs = "\n".join(
        step.get("run", "") for job in yaml.safe_load(file.read_text())["jobs"].values() for step in job["steps"]
    )
    targets = {target for words in re.findall(r"^make ([a-z ]+)$", runs, re.MULTILINE) for target in words.split()}
    assert targets <= TARGETS
    called = re.findall(r"(?:^|\s)((?:supply|tests|\.ci)/\S+)", runs)
    assert called
    assert [each for each in called if not (ROOT / each).exists()] == []
