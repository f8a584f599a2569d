"""Claims about what a query's text says of its unit."""

from __future__ import annotations

import pytest

from ahpa.adapters.prometheus.meaning import meaning_of
from ahpa.adapters.prometheus.queries import load_queries


@pytest.mark.parametrize(
    ("query", "unit"),
    [
        ('sum(rate(http_requests_total{job="a"}[5m]))', "requests-per-second"),
        ("sum by (service) (irate(x[1m]))", "requests-per-second"),
        ("(sum(rate(x[1m])) without (pod))", "requests-per-second"),
        ("sum(histogram_count(rate(http_request_duration_seconds[5m])))", "requests-per-second"),
        ("sum(increase(x_total[1m]))", "requests-per-minute"),
        ("sum(rate(http_request_duration_seconds_sum[1m]))", "requests-in-flight"),
    ],
)
def test_a_rate_says_its_unit(query: str, unit: str) -> None:
    found = meaning_of(query)
    assert found is not None
    assert found.unit.name == unit


@pytest.mark.parametrize(
    "query",
    [
        "up", "inflight", "60 * sum(rate(x[1m]))", "sum(rate(a[1m])) / sum(rate(b[1m]))", "sum(increase(x[5m]))",
        "count(rate(x[1m]))", "sum(rate(container_cpu_usage_seconds_total[1m]))", "rate(sent_bytes_total[1m])",
        "sum(rate(a[1m])) or vector(0)", "avg_over_time(x[5m])", "sum(", "", 'x"', "sum()", "rate(x)",
    ],
)  # fmt: skip
def test_what_needs_a_guess_says_nothing(query: str) -> None:
    assert meaning_of(query) is None


@pytest.mark.parametrize("name", sorted(load_queries()))
def test_our_presets_are_known_with_their_unit(name: str) -> None:
    preset = load_queries()[name]
    names = {
        "workload": "cart",
        "workload-kind": "Deployment",
        "container": "model",
        "object": "cart",
        "topic": "orders",
        "group": "cart",
    }
    found = meaning_of(preset.fill("shop", "cart", 60, names))
    assert found is not None
    assert found.unit == preset.unit
