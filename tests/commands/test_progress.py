"""A backtest in a pipe says now and then that it lives."""

from __future__ import annotations

import threading

from ahpa.commands.progress import lines


def test_a_line_to_begin_with_and_one_now_and_then() -> None:
    """Minutes of silence looked like a command that hangs; the lines end with the work."""
    said: list[str] = []
    twice = threading.Event()

    def say(line: str) -> None:
        said.append(line)
        if len(said) > 2:
            twice.set()

    with lines(3, say, every_seconds=0.01) as advance:
        assert said[0].startswith("learning from 3 series, then testing them")
        advance("chat")
        assert twice.wait(20)
    assert said[-1].startswith("1 of 3 tested after ")
    assert "progress" not in {each.name for each in threading.enumerate()}


def test_a_short_run_says_it_once() -> None:
    said: list[str] = []
    with lines(1, said.append, every_seconds=600) as advance:
        advance("chat")
    assert len(said) == 1
