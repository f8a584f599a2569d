"""Claims about `ahpa migrate` as a person or a script meets it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from ahpa.adapters.files.foreign_yaml import MOST_BYTES
from ahpa.cli import main
from tests.adapters.files.examples import put
from tests.migration.examples import AHPA, CRANE, KNATIVE, item_of, short

DEPLOYMENT = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: order}\n"
TWO = AHPA.replace("minReplicas: 2", "minReplicas: two")
"""An object that its own system would refuse."""


def migrate(text: str | bytes) -> Result:
    return CliRunner().invoke(main, ["migrate", "-"], input=text)


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        (KNATIVE, 0, "1 of 1 moved\n"),
        (AHPA, 1, "1 of 1 moved, 1 need you"),
        (f"{KNATIVE}---{AHPA}", 1, "2 of 2 moved, 1 need you"),
        (f"{KNATIVE}---{TWO}", 1, "1 of 2 moved, 1 need you"),
        (DEPLOYMENT, 2, "nothing in it that `ahpa migrate` moves"),
        ("", 2, "nothing in it that `ahpa migrate` moves"),
    ],
    ids=short,
)
def test_the_exit_code_says_whether_a_person_is_needed(text: str, code: int, says: str) -> None:
    done = migrate(text)
    assert (done.exit_code, says in done.stderr) == (code, True), done.output


def test_what_is_no_concern_of_ours_is_named_and_left_out() -> None:
    done = migrate(f"{DEPLOYMENT}---{KNATIVE}")
    assert "document 1: nothing to move, left out" in done.stderr
    assert [each["kind"] for each in yaml.safe_load_all(done.stdout)] == ["Service"]


def test_a_list_and_several_documents_are_read_alike(tmp_path: Path) -> None:
    """As `kubectl get -o yaml` prints them, and as repositories hold them."""
    items = [item_of(AHPA), item_of(CRANE)]
    listed = put(
        tmp_path, "list.yaml", yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": items}, sort_keys=False)
    )
    apart = put(tmp_path, "apart.yaml", f"{AHPA}---{CRANE}")
    runs = [CliRunner().invoke(main, ["migrate", str(path)]) for path in (listed, apart)]
    assert runs[0].stdout == runs[1].stdout
    names = [each["metadata"]["name"] for each in yaml.safe_load_all(runs[0].stdout)]
    assert names == ["order", "php-apache"]


@pytest.mark.parametrize(
    ("text", "printed", "says"),
    [
        (f"{KNATIVE}---{TWO}", ["Service"],
         "# AdvancedHorizontalPodAutoscaler shop/order\n# What needs you:\n#   - stdin: document 2 -> it does not "
         "move: spec.minReplicas: two is not a whole number"),
        (f"{TWO}---{KNATIVE}", ["Service"], "stdin: document 1 -> it does not move: spec.minReplicas"),
        (yaml.safe_dump({"kind": "List", "items": [item_of(TWO), {}, item_of(KNATIVE)]}), ["Service"],
         "# an object\n# What needs you:\n#   - stdin: document 1, items[1] -> it does not move: apiVersion and kind"),
        ("kind: 3\nmetadata: [1]\n", [], "# 3\n# What needs you:\n#   - stdin: document 1 -> it does not move: kind"),
    ],
    ids=short,
)  # fmt: skip
def test_an_object_that_cannot_be_moved_leaves_the_others_theirs(text: str, printed: list[str], says: str) -> None:
    """One wrong field in a cluster's worth of objects: it is told where, and the rest is there to apply."""
    done = migrate(text)
    assert done.exit_code == 1
    assert says in done.stdout
    assert [each["kind"] for each in yaml.safe_load_all(done.stdout) if each is not None] == printed


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kind: List\nitems: 3\n", "stdin: document 1: items: 3 is not a list"),
        ("- 1\n", "stdin: document 1: no Kubernetes object"),
        ("3: 4\n", "stdin: document 1: no Kubernetes object"),
        ("a: [1,\n  b\n", "stdin:3: not YAML"),
        ("a: &x [1]\nb: *x\n", "stdin:2: YAML aliases are not read"),
        ("a: 2026-13-45\n", "stdin:1: not YAML: month must be in 1..12"),
        ("!!python/object/apply:os.system ['true']\n", "stdin:1: not YAML"),
        ("a: " + "[" * 3000, "stdin:1: YAML nested too deep"),
        (b"\xff\xfe", "stdin:1: not UTF-8 text"),
        ("#" * (MOST_BYTES + 1), "stdin: more than 2048 KiB"),
    ],
    ids=short,
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_file_document_and_field(text: str | bytes, says: str) -> None:
    done = migrate(text)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"ahpa migrate: {says}" in done.stderr


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["migrate", str(tmp_path / "none.yaml")])
    assert done.exit_code == 2
    assert "none.yaml" in done.stderr
