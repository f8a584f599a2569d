"""The site: every page has a place in it, and what leads out of it is named. (`make docs` builds it, strictly.)"""

from __future__ import annotations

import importlib.util
import re
from pathlib import PurePosixPath
from types import ModuleType

import pytest
import yaml

from tests.docs.test_docs import ROOT


def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hooks", ROOT / "docs/hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_has_a_place_in_the_navigation() -> None:
    """Decisions are found from their own page."""
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    placed = re.findall(r"[\w/-]+\.md", yaml.safe_dump(site["nav"]))
    assert sorted(placed) == sorted([*(page.name for page in (ROOT / "docs").glob("*.md")), "decisions/README.md"])


@pytest.mark.parametrize(
    ("folder", "written", "shown"),
    [
        (".", "see [limits](limits.md#by-design)", "see [limits](limits.md#by-design)"),
        (".", "[the policy](../SECURITY.md)", "the policy (`SECURITY.md`)"),
        (".", "[sizes](../benchmarks/README.md#the-service)", "sizes (`benchmarks/README.md`)"),
        (".", "[`data/README.md`](../data/README.md)", "`data/README.md`"),
        ("decisions", "[lag](../limits.md), [code](../../ahpa/cli.py)", "[lag](../limits.md), code (`ahpa/cli.py`)"),
        (".", "[KWOK](https://kwok.sigs.k8s.io) ![a](../b.png)", "[KWOK](https://kwok.sigs.k8s.io) ![a](../b.png)"),
    ],
)
def test_a_link_out_of_the_pages_becomes_a_name(folder: str, written: str, shown: str) -> None:
    """A reader of the site has no repository beside it."""
    assert hooks().outside_named(written, PurePosixPath(folder)) == shown
