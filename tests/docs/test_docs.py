"""The documents say what the code does, as far as a machine can tell."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from ahpa.core.decision import Reason
from ahpa.core.policy.parameters import PARAMETERS
from ahpa.core.policy.rules import parse_policy

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "config").rglob("*.md")])


def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["annotations.md", "decisions/README.md", "metrics.md", "presets.md"])
def test_pages_made_from_the_code_are_current(name: str) -> None:
    page = generate().PAGES[name]()
    assert (ROOT / "docs" / name).read_text() == page, "run `python docs/generate.py` and commit what it writes"


def test_every_annotation_says_what_holds_without_it() -> None:
    """Half of the page's defaults were "none": of what holds then it said nothing."""
    rows = re.findall(
        r"^\| `ahpa\.dev/([a-z-]+)` \| .*? \| (.*?) \| `\"", (ROOT / "docs/annotations.md").read_text(), re.M
    )
    assert [name for name, _ in rows] == [parameter.name for parameter in PARAMETERS]
    assert [name for name, without in rows if without in ("", "none")] == []


def test_a_value_that_holds_without_an_annotation_could_be_written_as_it_stands() -> None:
    page = (ROOT / "docs/annotations.md").read_text()
    rows = re.findall(r"^\| `ahpa\.dev/([a-z-]+)` \| .*? \| `([^`]*)` \| `\"", page, re.M)
    assert len(rows) > 5
    for name, value in rows:
        parsed = parse_policy({f"ahpa.dev/{name}": value})
        assert (parsed.policy, parsed.problems) == (parse_policy({}).policy, ()), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_are_named_exist(page: Path) -> None:
    """`ahpa/core/journal.py` in a sentence is as good as a link."""
    named = re.findall(
        r"`((?:ahpa|forecasting|tests|config|docs|testbed|benchmarks|data)/[\w./-]+\.\w+)(?:::\w+)?`", page.read_text()
    )
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_decisions_are_numbered_once_each() -> None:
    numbers = [file.name[:4] for file in (ROOT / "docs/decisions").glob("*.md")]
    assert len(numbers) == len(set(numbers))


def test_code_and_files_point_to_decisions_that_exist() -> None:
    """`docs/decisions/0007-one-replica.md` in a comment must be there to be read."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    files = [
        ROOT / name for name in listed.stdout.split() if name.endswith((".py", ".yaml", ".toml", ".md", "Dockerfile"))
    ]
    texts = [file.read_text(errors="replace") for file in files if file.is_file()]
    named = {name for text in texts for name in re.findall(r"docs/decisions/(\d{4}[\w.-]*\w)", text)}
    exist = {file.name for file in (ROOT / "docs/decisions").glob("*.md")}
    assert {name for name in named if not any(each.startswith(name) for each in exist)} == set()


def test_every_reason_is_explained() -> None:
    page = (ROOT / "docs/failure-policy.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|", page[page.index("## By reason") :], re.M)
    assert [reason for reason in Reason if reason not in rows] == []


def test_every_proof_that_the_failure_policy_names_exists() -> None:
    """Each row names its test as `tests/...py::test_...`, or says "not yet"."""
    page = (ROOT / "docs/failure-policy.md").read_text()
    rows = [
        line for line in page.partition("## By input")[2].partition("\n## ")[0].splitlines() if line.startswith("| ")
    ]
    assert len(rows) > 12
    for row in rows[2:]:
        proofs = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)
        assert proofs or "not yet" in row.lower(), row
        for file, name in proofs:
            assert re.search(rf"^def {name}\(", (ROOT / file).read_text(), re.MULTILINE), f"{file}::{name}"


def test_every_alert_can_be_looked_up() -> None:
    rules = (ROOT / "config/components/monitoring/prometheusrule.yaml").read_text()
    alerts = re.findall(r"alert: (\w+)", rules)
    page = (ROOT / "docs/alerts.md").read_text()
    assert alerts
    assert [name for name in alerts if f"## {name}" not in page] == []
