"""Claims about writing: inside the directory, never through a symlink, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from ahpa.adapters.files.text import InputError
from ahpa.adapters.files.writing import directory, file_names, safe_name, write_whole


def test_names_stay_inside_the_directory_and_apart() -> None:
    hostile = [
        "../../etc/passwd",
        "/abs",
        "..",
        "a/b",
        "a b",
        "A b",
        "=1+1",
        "",
        "x" * 300,
        "ä",
        "ns/ä",
        "-rf",
        "--help",
        "-",
        "a-",
        "-.-",
    ]
    names = file_names(hostile)
    assert len({n.lower() for n in names.values()}) == len(hostile)
    assert all("/" not in n and n[0] not in ".-" and 0 < len(n) <= 104 for n in names.values())
    assert safe_name("team/chat") == "team_chat"


def test_nothing_is_written_through_a_symlink(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    out = tmp_path / "out"
    out.mkdir()
    (out / "ticks").symlink_to(elsewhere)
    with pytest.raises(InputError, match="symlink"):
        directory(out, "ticks")
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (out / "report.json").symlink_to(victim)
    write_whole(out / "report.json", b"{}")
    assert victim.read_text() == "precious"
    assert (out / "report.json").read_bytes() == b"{}"
