"""T19 of the reliability list: what must be refused is refused quickly, cheaply and with words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.adapters.files.hostile import CASES, Case
from tests.reliability.reached import Reached

SECONDS, MEBIBYTES = 1.0, 200
STARTS = 3.5
"""So many starts of the same command are a second where one takes 0.29 s; a slower machine has that much more time."""
ATTEMPTS = 3
"""What shares a core with others now is counted more seconds for the same work than a moment later."""


LAUNCH = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(code, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""
"""A small parent: a child starts with its parent's peak of memory to its name, and pytest's is large."""


def run(*arguments: str | Path) -> tuple[int, str, float, float]:
    """(exit code, stderr, CPU seconds, peak MiB) of a fresh `ahpa backtest`."""
    command = [sys.executable, "-m", "ahpa", "backtest", *map(str, arguments)]
    done = subprocess.run([sys.executable, "-S", "-c", LAUNCH, *command], capture_output=True, text=True, check=True)
    code, seconds, mebibytes = done.stdout.split()
    return int(code), done.stderr, float(seconds), float(mebibytes)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_refused_with_words_within_a_second_and_200_mib(case: Case, tmp_path: Path, reached: Reached) -> None:
    """CPU seconds are counted, so that a busy machine does not decide; the interpreter's start is in them."""
    path = case.write(tmp_path)
    for _ in range(ATTEMPTS):
        code, words, seconds, mebibytes = run(path, "--out", tmp_path / "out")
        if seconds <= SECONDS:
            break
    assert code == case.code, words
    assert case.says in words
    assert "Traceback" not in words
    assert len(words) < 700
    assert seconds <= SECONDS or seconds <= STARTS * run("--help")[2]
    assert mebibytes <= MEBIBYTES
    assert not (tmp_path / "out").exists()
    figure = f"refused within {seconds:.2f} s of processor and {mebibytes:.0f} MiB, with words"
    if seconds <= SECONDS:
        reached("T19", size="a file", figure=figure)


def test_there_are_at_least_forty_cases() -> None:
    assert len({case.name for case in CASES}) >= 40
