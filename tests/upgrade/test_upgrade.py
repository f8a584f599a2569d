"""From one version to the next and back, with our records on the objects (T18).

`left-by-9ec1959.json.gz` holds two hundred objects as the release before left them, made by that code itself: what
objects.py makes, raised by leave.py with PYTHONPATH set to it. So each reader can be tried without the other being at
hand; where the history of the repository is, the older code itself runs too.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.reliability.reached import Reached
from tests.upgrade import leave as script
from tests.upgrade.leave import leave
from tests.upgrade.objects import ASKED, Objects, of_a_fleet

BEFORE = "9ec1959"
"""The release before this one."""
ROOT = Path(__file__).parents[2]
CORPUS = json.loads(gzip.decompress((Path(__file__).parent / f"left-by-{BEFORE}.json.gz").read_bytes()))
CLUSTERS = sorted(CORPUS)


def corpus(cluster: str, what: str) -> Any:
    """`before`, `after` or `seen`, as a copy of its own."""
    return json.loads(json.dumps(CORPUS[cluster][what]))


def plain(objects: Objects) -> Objects:
    """All but the count of versions, which is the API server's."""
    text = json.loads(json.dumps(objects))
    for each in text.values():
        each["metadata"].pop("resourceVersion", None)
    return dict(text)


def owners(objects: Objects) -> Objects:
    """What an owner sees: annotations, spec and data."""
    return {
        where: [each["metadata"].get("annotations") or {}, each.get("spec"), each.get("data")]
        for where, each in objects.items()
    }


def test_the_corpus_is_two_hundred_objects_of_every_kind_and_all_are_raised() -> None:
    seen = {key: each for cluster in CLUSTERS for key, each in CORPUS[cluster]["seen"].items()}
    assert len(seen) == 200
    assert {key.partition("/")[0] for key in seen} == {"knative", "hpa", "keda", "kserve"}
    assert all(floor > baseline and managed for baseline, floor, managed, _ in seen.values())
    assert sum(raised is not None for *_, raised in seen.values()) == 50
    assert {name: plain(objects) for name, objects in of_a_fleet().items()} == {
        name: plain(corpus(name, "before")) for name in CLUSTERS
    }


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_records_of_the_release_before_are_read_as_it_read_them(cluster: str) -> None:
    result = leave(corpus(cluster, "after"), "read")
    assert result["before"] == corpus(cluster, "seen")
    assert result["writes"] == 0


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_after_an_upgrade_the_same_decisions_write_nothing(cluster: str) -> None:
    """A rollout of ahpa that touched every object would look like an incident to whoever watches them."""
    result = leave(corpus(cluster, "after"), "raise")
    assert result["writes"] == 0
    assert result["objects"] == corpus(cluster, "after")


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_what_this_version_leaves_is_what_the_release_before_leaves(cluster: str) -> None:
    """So that one understands it after a downgrade, and knows the owners' own."""
    assert plain(leave(corpus(cluster, "before"), "raise")["objects"]) == plain(corpus(cluster, "after"))


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_what_the_release_before_raised_is_put_back_exactly_and_foreign_keys_stay(cluster: str) -> None:
    """An annotation and a record that some later version may write are not ours to take away."""
    result = leave(corpus(cluster, "after"), "restore")
    assert owners(result["objects"]) == owners(corpus(cluster, "before"))
    assert not any(managed for *_, managed, _ in result["after"].values())
    assert "ahpa.dev/of-a-version-to-come" in ASKED


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of the release before, with its tests' fakes."""
    words = ["git", "-C", str(ROOT), "archive", BEFORE, "ahpa", "forecasting", "tests"]
    try:
        done = subprocess.run(words, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("git is not installed, so the older code cannot be had")
    if done.returncode != 0:
        pytest.skip(f"the history of this clone does not reach back to {BEFORE}")
    where = tmp_path_factory.mktemp("older")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(where, filter="data")
    return where


def by(older: Path, clusters: dict[str, Objects], do: str) -> dict[str, dict[str, Any]]:
    """What the older code makes of each, in a process of its own."""
    done = subprocess.run(
        [sys.executable, str(script.__file__)],
        input=json.dumps({"clusters": clusters, "do": do}), capture_output=True, text=True, check=False, cwd=older,
        env={**os.environ, "PYTHONPATH": str(older)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return result


def left(results: dict[str, dict[str, Any]]) -> dict[str, Objects]:
    """By cluster: the objects, as a copy."""
    return {name: json.loads(json.dumps(result["objects"])) for name, result in results.items()}


def test_up_and_down_again_with_the_older_code_itself(older: Path, reached: Reached) -> None:
    """N-1 raises, N takes over and goes on, N-1 comes back and goes on; and what N raised, N-1 puts back. At each step
    everything is read as the one before read it, and nothing is written but what was to change."""
    first = by(older, of_a_fleet(), "raise")
    then = {name: leave(objects, "raise") for name, objects in left(first).items()}
    back = by(older, left(then), "raise")
    fresh = {name: leave(objects, "raise") for name, objects in of_a_fleet().items()}
    ended = by(older, left(fresh), "restore")
    for name, fleet in of_a_fleet().items():
        assert first[name]["after"] == corpus(name, "seen"), "the corpus is what this code leaves"
        views = [then[name]["before"], then[name]["after"], back[name]["before"], back[name]["after"]]
        assert views == [first[name]["after"]] * 4
        assert owners(ended[name]["objects"]) == owners(fleet)
    assert sum(result["writes"] for step in (then, back) for result in step.values()) == 0
    assert sum(len(result["after"]) for result in first.values()) == 200
    reached("T18", "200 objects, N-1 -> N -> N-1", "0 needless writes; records and unknown keys kept, all restored")
