"""An operator's query is checked when it is loaded, and refused with its place (J 12); no label value changes a query's
structure (T3).
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from ahpa.adapters.prometheus.promql import PromQLError, check, tokens
from ahpa.adapters.prometheus.queries import Query, load_queries
from ahpa.ports import QueryError
from tests.adapters.prometheus.hostile import HOLES, PLAIN, filled, hostile_values, templates_with
from tests.reliability.reached import Reached

BOUND = '{namespace="{{namespace}}",service="{{name}}"}'

GOOD = [
    f"up{BOUND}",
    BOUND,
    f"sum(rate(a{BOUND}[{{{{step}}}}]))",
    f"sum by (pod) (rate(a{BOUND}[5m] offset 1w))",
    f"sum(a{BOUND}) by (pod, 'x.y') / on (pod) group_left (b) max without () (b{BOUND})",
    f"-(sum(a{BOUND}) + 1.5e3) ^ 2 > bool 3 or vector(0)  # a comment }} ]",
    f"histogram_quantile(0.99, sum by (le) (rate(a_bucket{BOUND}[1m30s])))",
    f"clamp_min(topk(3, a{BOUND}), -Inf) and on () NaN",
    'a{k8s_namespace_name = "{{ namespace }}", pod=~"{{name}}-.*", x!~"", y!="1",}',
    '{"a.metric", namespace="{{namespace}}"}',
    "{__name__=\"a\", namespace='{{namespace}}'}",
    "a{namespace=`{{namespace}}`}",
    "time()",
    f"count_values('v', a{BOUND})",
    f"sum{BOUND}",
    f"job:a:rate5m{BOUND}",
    f"a{BOUND} # a line of Windows\r\n+ b{BOUND}",
    'a{envoy_cluster_name=~"httproute/{{namespace}}/{{name}}/rule/[0-9]+"}',
    'a{envoy_cluster_name="httproute/{{ namespace }}/{{name}}/rule/0"}',
    f"info{BOUND}",
]

BAD = [
    # syntax
    ("", "at its end"),
    (f"sum(a{BOUND}", "')' is missing"),
    (f"sum(a{BOUND}))", "operator is missing"),
    (f"a{BOUND} b{BOUND}", "at character 49, 'b{namespace"),
    (f"a{BOUND} +", "something to compute is missing"),
    (f"* a{BOUND}", "at character 1,"),
    (f"a{BOUND}[5m", "']' is missing"),
    (f"a{BOUND}[]", "a range is a duration"),
    (f"a{BOUND}[x]", "a range is a duration"),
    (f"a{BOUND}[5q]", "at character 49, '5q]'"),
    ('a{namespace="{{namespace}}"', "'}' is missing"),
    ('a{namespace="{{namespace}}" b="c"}', "'}' is missing"),
    ('a{namespace="{{namespace}}}', "a quote that is not closed"),
    ('a{namespace={{namespace}}}', "a value in quotes is missing"),
    ('a{namespace"{{namespace}}"}', "one of = != =~ !~"),
    ('a{namespace=="{{namespace}}"}', "one of = != =~ !~"),
    ("a{,}", "a label's name is missing"),
    (f"sum(a{BOUND},)", "something to compute is missing"),
    (f"sum by pod (a{BOUND})", "'(' is missing"),
    (f"a{BOUND} and", "something to compute is missing"),
    (f"sum(a{BOUND}) or or b{BOUND}", "something to compute"),
    (f"a{BOUND} & b{BOUND}", "this is no PromQL"),
    (f"a{BOUND}; drop", "this is no PromQL"),
    ("(" * 60 + f"a{BOUND}" + ")" * 60, "nested too deep"),
    # more than its namespace
    ("up", "namespace"),
    ("sum(rate(a[5m]))", "namespace"),
    ("a{}", "namespace"),
    ('a{service="{{name}}"}', "namespace"),
    (f"a{BOUND} / b", "at character 51, 'b'"),
    (f"a{BOUND} unless b{{x='y'}}", "namespace"),
    ('a{namespace!="{{namespace}}"}', "namespace"),
    ('a{namespace=~"{{namespace}}"}', "namespace"),
    ('a{namespace=~".*|{{namespace}}"}', "namespace"),
    ('a{namespace="shop"}', "namespace"),
    ('a{namespace="{{name}}"}', "namespace"),
    ('a{namespace="x{{namespace}}"}', "namespace"),
    ('a{b=~"httproute/{{namespace}}"}', "namespace"),
    ('a{b=~"httproute/{{namespace}}-x/c"}', "namespace"),
    ('a{b=~".*/{{namespace}}/c"}', "namespace"),
    ('a{b=~"httproute/{{namespace}}/c|.*"}', "namespace"),
    (r'a{b=~"httproute/{{namespace}}/c\x7c.*"}', "namespace"),
    ('a{b=~"httproute/{{namespace}}/?.*"}', "namespace"),
    ('a{b=~"httproute/{{namespace}}/*.*"}', "namespace"),
    ('a{b=~"httproute/{{namespace}}/{0,1}.*"}', "namespace"),
    ('a{b!~"httproute/{{namespace}}/c"}', "namespace"),
    ('a{b=~"httproute/{{name}}/{{namespace}}/c"}', "namespace"),
    ('{__name__=~"a.*",namespace="{{namespace}}"}', "named, not searched"),
    # what Prometheus reads otherwise than it looks: its comments end at a carriage return too
    (f"a{BOUND} # \r or up", "a carriage return"),
    (f"a{BOUND} # \r", "a carriage return"),
    (f"info(a{BOUND})", "it does not name"),
    ('{"__name__"!="a",namespace="{{namespace}}"}', "named, not searched"),
    ("{{name}}" + BOUND, "outside of quotes"),
    (f"a{BOUND} + {{{{name}}}}", "outside of quotes"),
    (f"a{BOUND}[{{{{name}}}}]", "a range is a duration"),
    # elsewhere in time
    (f"max_over_time(a{BOUND}[5m:1m])", "a subquery"),
    (f"max_over_time(a{BOUND}[5m:])", "a subquery"),
    (f"max_over_time(a{BOUND}[5m : 1m])", "a subquery"),
    (f"a{BOUND} @ 1700000000", "'@'"),
    (f"a{BOUND} @ end()", "'@'"),
    (f"a{BOUND} offset -5m", "looks ahead"),
    (f"a{BOUND}[5m] offset - 5m", "looks ahead"),
    (f"a{BOUND} offset (-5m)", "an offset is a duration"),
]  # fmt: skip


@pytest.mark.parametrize("query", GOOD)
def test_what_prometheus_takes_is_taken(query: str) -> None:
    check(query)


@pytest.mark.parametrize(("query", "said"), BAD, ids=[query[:60] for query, _ in BAD])
def test_a_mistake_is_refused_with_its_place(query: str, said: str) -> None:
    with pytest.raises(PromQLError) as caught:
        check(query)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 300


def test_no_text_makes_it_fail_otherwise() -> None:
    """Cut and shuffled pieces of queries: each is taken or refused, nothing else happens."""
    luck = random.Random(7)
    words = [token.text for query in GOOD for token in tokens(query)] + ["[", "]", ":", "@", "offset", "{{x}}", "\0"]
    for _ in range(5000):
        text = " ".join(luck.choices(words, k=luck.randint(1, 12)))
        try:
            check(text)
        except PromQLError:
            continue
        assert text.count("(") == text.count(")")


def test_all_that_ships_passes() -> None:
    assert len(load_queries()) >= 6


def test_a_refusal_names_file_query_and_place(tmp_path: Path) -> None:
    """A syntax error was found out at the first tick, for every target that used it."""
    file = tmp_path / "queries.yaml"
    file.write_text(f"good: sum(a{BOUND})\nmine: sum(rate(a{BOUND}[5m])\n")
    with pytest.raises(QueryError, match=r"queries\.yaml: query mine: at its end: '\)' is missing"):
        load_queries(str(file))


def structure(query: str) -> list[str]:
    """The query's words, without what stands in quotes."""
    return ["text" if token.kind == "string" else token.text for token in tokens(query)]


@pytest.mark.parametrize("hole", HOLES)
def test_five_thousand_hostile_values_change_no_structure(hole: str, reached: Reached) -> None:
    """T3, for each hole: refused, or the words of the query stay what they were."""
    plain = {template.name: structure(filled(template, hole, PLAIN[hole])) for template in templates_with(hole)}
    accepted = 0
    for value, template in hostile_values(hole, 5000):
        try:
            text = filled(template, hole, value)
        except QueryError:
            continue
        accepted += 1
        assert structure(text) == plain[template.name]
    assert accepted > 500
    reached("T3", size="5,000 values in a hole", figure="0 queries of another shape")


def test_a_dot_in_a_name_is_a_dot_in_a_regular_expression_too() -> None:
    query = Query("re", 'a{namespace="{{namespace}}",pod=~"{{name}}-.*"}')
    assert query.fill("shop", "v1.chat", 60.0) == 'a{namespace="shop",pod=~"v1[.]chat-.*"}'
