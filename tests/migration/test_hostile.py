"""Objects as nobody should write them end in a refusal that names a field, or in YAML that can be read."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import yaml

from ahpa.core.policy.rules import parse_policy
from ahpa.migration.kinds import migrate
from ahpa.migration.migrated import Unmigratable
from ahpa.render.migrated import as_yaml
from tests.migration.examples import ALL, item_of

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 7, 2**40, 1.5, float("nan"), "", "x", "10", "\x00", "\n---\nkind: Evil", "９", "é" * 500,
    [], {}, [None], [[]], [1], {"a": 1}, {1: 2}, {None: None}, {"cron": "* * * * *"}, date(2026, 1, 1), b"\xff", {"x"},
)  # fmt: skip


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """(mapping or list, key) of each value within."""
    keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in keys:
        yield node, key
        yield from places(node[key])


def damaged(item: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """One or two of its values, anywhere, replaced."""
    out = copy.deepcopy(item)
    for _ in range(rng.randint(1, 2)):
        node, key = rng.choice(list(places(out)))
        node[key] = copy.deepcopy(rng.choice(VALUES))
    return out


@pytest.mark.parametrize("name", ALL)
def test_a_damaged_object_is_refused_or_moved_into_yaml_that_is_read_again(name: str) -> None:
    rng, item, moved = random.Random(12), item_of(ALL[name]), 0
    for _ in range(150):
        try:
            out = migrate(damaged(item, rng))
        except Unmigratable:
            continue
        if out is None:
            continue
        moved += 1
        documents = [each for each in yaml.safe_load_all(as_yaml([out])) if each is not None]
        assert len(documents) == (out.result is not None)
        for again in documents:
            noted = again["metadata"]["annotations"]
            assert {type(value) for value in noted.values()} <= {str}
            assert parse_policy(noted).problems == ()
    assert moved > 15
