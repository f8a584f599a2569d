"""What `make docs` does to pages on their way into the site: a link that leaves docs/ becomes the file's name.

A reader of the site has no repository beside it. In the repository, such links are checked by tests/docs.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Protocol


class Source(Protocol):
    src_uri: str


class Page(Protocol):
    file: Source


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """mkdocs calls this for each page."""
    return outside_named(markdown, PurePosixPath(page.file.src_uri).parent)


def outside_named(markdown: str, folder: PurePosixPath) -> str:
    """`[words](../SECURITY.md)` as `words (SECURITY.md)` where that lies outside; `folder` is the page's."""

    def named(found: re.Match[str]) -> str:
        words, link = found.groups()
        path = PurePosixPath(link.partition("#")[0])
        ups = sum(part == ".." for part in path.parts)
        if re.match(r"[a-z]+:", link) or ups <= len(folder.parts):
            return found.group()
        name = "/".join(part for part in path.parts if part != "..")
        return words if words.strip("`") == name else f"{words} (`{name}`)"

    return re.sub(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)", named, markdown)
