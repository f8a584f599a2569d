"""The commands that documents tell people to type."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.docs.test_docs import PAGES

SILENT = ("yaml", "text", "promql", "json", "python")
"""Blocks in these languages are no commands; those in none are typed into a shell."""


def blocks() -> list[str]:
    """Every block of every page that is typed into a shell."""
    fenced = (
        found
        for page in PAGES
        for found in re.findall(r"^ *```([^\n]*)\n(.*?)^ *```", page.read_text(), re.DOTALL | re.MULTILINE)
    )
    return [block for language, block in fenced if language.strip() not in SILENT]


def lines() -> list[str]:
    """Each command line in such a block once, in one piece, without comments and what only a shell sees."""
    return sorted({line for block in blocks() for line in _commands(block)})


def _commands(block: str) -> Iterator[str]:
    if re.search(r"^\s*(for|while|if) ", block, re.MULTILINE):
        return  # a script: bash reads it whole
    for line in re.sub(r"\\\n\s*", " ", block).splitlines():
        bare = re.split(r"\s+#|\s{3,}", line.strip())[0].removesuffix("&").strip()
        if bare and not bare.startswith("#"):
            yield bare.removeprefix(".venv/bin/")


def inline(program: str) -> list[str]:
    """Each command of a program that stands in backticks within a sentence."""
    quoted = {code for page in PAGES for code in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", page.read_text())}
    return sorted(code for code in quoted if re.match(rf"{program} [a-z-]", code))
