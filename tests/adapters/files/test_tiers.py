"""Claims about lists of tiers: read in their order, and refused with the number of the one that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from ahpa.adapters.files.text import InputError
from ahpa.adapters.files.tiers import read_tiers
from tests.adapters.files.examples import put

NEW = "- {name: new, lag-p50: 5m, lag-p95: 8m}\n"


def test_tiers_are_read_in_their_order(tmp_path: Path) -> None:
    text = (
        "- {name: warm, replicas: 3, lag-p50: 20s, lag-p95: 40s, price: 1}\n"
        "- {name: new, lag-p50: 5m, lag-p95: 8m, price: 2.5}\n"
    )
    readiness, prices = read_tiers(put(tmp_path, "tiers.yaml", text))
    assert [tier.name for tier in readiness.tiers] == ["warm", "new"]
    assert readiness.tiers[1].lag.quantile(0.5) == pytest.approx(300)
    assert prices == (1.0, 2.5)


def test_a_tier_may_say_which_nodes_are_its_own(tmp_path: Path) -> None:
    """By a pattern of their names; a node that nobody claims is in the last tier."""
    warm = "- {name: warm, replicas: 3, lag-p50: 20s, lag-p95: 40s, nodes: gpu-warm-*}\n"
    readiness, prices = read_tiers(put(tmp_path, "tiers.yaml", warm + NEW))
    assert [tier.nodes for tier in readiness.tiers] == ["gpu-warm-*", "*"]
    assert [readiness.tier_of(node) for node in ("gpu-warm-7", "gpu-new-1", "")] == [0, 1, 1]
    assert prices is None


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("{name: warm, lag-p50: 90s, lag-p95: 20s}", "tier 1: lag-p50 and lag-p95 must be durations"),
        ("{replicas: 0, lag-p50: 9s, lag-p95: 20s}", "tier 1: replicas must be"),
        ("{replicas: true, lag-p50: 9s, lag-p95: 20s}", "tier 1: replicas must be"),
        ("{replicas: 1, price: -1, lag-p50: 9s, lag-p95: 20s}", "tier 1: price must be"),
        ("{replicas: 1, price: true, lag-p50: 9s, lag-p95: 20s}", "tier 1: price must be"),
        ("{replicas: 1, nodes: [a, b], lag-p50: 9s, lag-p95: 20s}", "tier 1: nodes must be a pattern"),
        ('{replicas: 1, nodes: "a b", lag-p50: 9s, lag-p95: 20s}', "tier 1: nodes must be a pattern"),
        ("{replicas: 1, lag_p50: 9s, lag-p95: 20s}", "tier 1: 'lag_p50' is not known; did you mean lag-p50\\?"),
        ("{replica: 1, lag-p50: 9s, lag-p95: 20s}", "tier 1: 'replica' is not known; did you mean replicas\\?"),
        ("{replicas: 1, node: a, lag-p50: 9s, lag-p95: 20s}", "'node' is not known; did you mean nodes\\?"),
        (
            "{replicas: 1, zone: a, lag-p50: 9s, lag-p95: 20s}",
            "'zone' is not known; it may say name, replicas",
        ),
        ("{lag-p50: 9s, lag-p95: 20s}", "every one but the last needs a number of replicas"),
        ("warm", "a list of tiers is needed"),
    ],
)
def test_a_tier_that_cannot_be_is_refused_with_its_number(tmp_path: Path, row: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_tiers(put(tmp_path, "bad.yaml", f"- {row}\n{NEW}"))
