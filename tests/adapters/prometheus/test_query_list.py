"""The operator's list: which query is for what an object is scaled by, several at once, an object's own PromQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from ahpa.adapters.prometheus.promql import check
from ahpa.adapters.prometheus.queries import Query, QueryList, load_queries
from ahpa.core.units import Capacity
from ahpa.ports import QueryError
from ahpa.targets import Measure

OWN = Measure("keda/prometheus", (Capacity(10.0),), promql="sum(rate(http_requests_total{app='a'}[2m])) / scalar(up)")


def test_the_last_of_the_list_that_is_for_a_metric_counts(tmp_path: Path) -> None:
    """An operator's own stands behind those that ship, also where it has the name of one."""
    file = tmp_path / "queries.yaml"
    file.write_text(
        'pod-cpu: {promql: "a{namespace=\\"{{namespace}}\\"}", for: [resource/cpu, pods/cpu]}\n'
        'mine: {promql: "b{namespace=\\"{{namespace}}\\"}", for: pods/rps}\n'
        'mine-too: {promql: "c{namespace=\\"{{namespace}}\\"}", for: pods/rps}\n'
    )
    queries = QueryList(load_queries(str(file)))
    found = {metric: queries.of(Measure(metric, ()), "shop") for metric in ("resource/cpu", "pods/cpu", "pods/rps")}
    assert [query.fill("shop", "a", 60)[0] for query in found.values()] == ["a", "a", "c"]


def test_a_metric_that_no_query_is_for_says_what_the_operator_may_add() -> None:
    with pytest.raises(QueryError, match=r"no query of the list is for pods/x.*add one with `for: pods/x`"):
        QueryList({}).of(Measure("pods/x", ()), "shop")


@pytest.mark.parametrize("said", ["cpu", "resource/", "Resource/cpu", "a/b c", 3, ["resource/cpu", None]])
def test_what_a_query_is_for_is_checked_when_the_list_is_loaded(tmp_path: Path, said: object) -> None:
    file = tmp_path / "queries.yaml"
    file.write_text(f'a: {{promql: "a{{namespace=\\"{{{{namespace}}}}\\"}}", for: {said!r}}}\n'.replace("None", "null"))
    with pytest.raises(QueryError, match="query a: for"):
        load_queries(str(file))


def test_a_hole_that_the_object_does_not_fill_is_named() -> None:
    query = Query("pod-cpu", 'a{namespace="{{namespace}}",pod=~"{{pods}}"}')
    with pytest.raises(QueryError, match=r"the query pod-cpu needs \{\{pods\}\}, which this object does not say"):
        query.fill("shop", "a", 60)


def test_promql_of_the_objects_own_is_used_only_where_the_operator_allows_it() -> None:
    with pytest.raises(QueryError, match="--own-queries"):
        QueryList({}).of(OWN, "shop")
    allowed = QueryList({}, own_label="namespace").of(OWN, "shop")
    filled = allowed.fill("shop", "a", 60)
    assert filled == 'sum(rate(http_requests_total{app=\'a\',namespace="shop"}[2m])) / scalar(up{namespace="shop"})'


@pytest.mark.parametrize(
    "promql",
    [
        "sum(",
        "a[5m:1m]",
        "a @ 0",
        "a offset -1h",
        '{__name__=~".+"}',
        "a{b='c'",
        "{{namespace}}",
        "sum(a) by",
        "",
        "up or vector(0)",
        "up" + "+up" * 2000,
    ],
)
def test_what_would_escape_is_refused(promql: str) -> None:
    own = Measure("keda/prometheus", (Capacity(1.0),), promql=promql)
    with pytest.raises(QueryError):
        QueryList({}, own_label="namespace").of(own, "shop")


def test_of_several_the_one_that_needs_most_is_one_query_and_none_where_one_of_them_is_missing() -> None:
    text = QueryList({}).largest([('sum(a{n="{{namespace}}"})', 0.35), ('sum(b{n="{{namespace}}"})', 2.0)])
    check(text)
    rows = (
        'label_replace(sum(sum(a{n="{{namespace}}"})\n) / 0.35, "ahpa_metric", "0", "", "") or '
        'label_replace(sum(sum(b{n="{{namespace}}"})\n) / 2.0, "ahpa_metric", "1", "", "")'
    )
    assert text == f"max({rows}) and count({rows}) == 2"
