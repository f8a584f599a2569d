"""Nothing that a tenant controls changes a query."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ahpa.adapters.prometheus.queries import doubts, load_queries
from ahpa.ports import QueryError

NAMES = {
    "workload": "chat",
    "workload-kind": "Deployment",
    "container": "model",
    "object": "chat",
    "topic": "orders",
    "group": "chat",
}


def test_every_shipped_query_fills_all_its_holes() -> None:
    filled = [query.fill("shop", "chat", 60.0, NAMES) for query in load_queries().values()]
    late = [query.fill_late("shop", "chat", 60.0, NAMES) for query in load_queries().values()]
    for text in [*filled, *(text for text in late if text)]:
        assert "{{" not in text
        assert re.search(r'["/]shop["/]', text)
        assert re.search(r'["/]chat["/-]', text)


@given(st.text(max_size=60))
def test_a_name_either_is_one_of_kubernetes_or_is_refused(name: str) -> None:
    query = load_queries()["istio-rps"]
    try:
        text = query.fill("shop", name, 60.0)
    except QueryError:
        return
    assert text == query.template.replace("{{namespace}}", "shop").replace("{{name}}", name).replace("{{step}}", "60s")
    assert not set(name) & set('"\\{}\n')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: up{{{{tenant}}}}\n".replace("{{{{", "{{").replace("}}}}", "}}"), "unknown placeholder"),
        ('a: up{a="{{Namespace}}"}\n', "no placeholder"),
        ("- a\n- b\n", "name: promql"),
        ("a: 3\n", "name: promql"),
        ("a: [\n", "while parsing"),
        ('a: {promql: "up{n=\\"{{namespace}}\\"}", late: "up{n=\\"{{tenant}}\\"}"}\n', "a, late: unknown placeholder"),
        ('a: {promql: "up{n=\\"{{namespace}}\\"}", late: "up"}\n', "a, late: "),
        ('a: {promql: "up{n=\\"{{namespace}}\\"}", lateness: "up"}\n', "and nothing else"),
        ('a: {promql: "up{n=\\"{{namespace}}\\"}", note: 3}\n', "'note', each a text"),
    ],
)
def test_a_bad_list_of_queries_is_refused_with_a_reason(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "queries.yaml"
    file.write_text(text)
    with pytest.raises(QueryError, match=said):
        load_queries(str(file))


def test_every_shipped_query_says_what_it_counts_and_what_to_know_of_it() -> None:
    queries = load_queries()
    assert {name for name, query in queries.items() if query.unit is None or not query.note} == set()
    assert doubts(queries) == {}


def test_no_two_shipped_queries_are_for_the_same() -> None:
    """Of two the last would count, and nobody would know."""
    said = [metric for query in load_queries().values() for metric in query.answers]
    assert sorted(set(said)) == sorted(said)


def test_a_query_that_says_zero_for_nothing_is_named(tmp_path: Path) -> None:
    """An exporter that is away for twenty minutes was read as a demand of zero: the floor went from 10 to 1."""
    file = tmp_path / "queries.yaml"
    x = 'sum(x{namespace="{{namespace}}"})'
    zeros = [f"{x} or vector(0)", f"{x}  OR\n  on() vector( 0 )", f"({x} or vector(0.0)) / 2"]
    fine = [x, f"{x} or {x}", f"{x} or vector(1)", 'sum(x_or_vector{namespace="{{namespace}}"})']
    texts = {f"zero-{i}": text for i, text in enumerate(zeros)} | {f"fine-{i}": text for i, text in enumerate(fine)}
    file.write_text(json.dumps(texts))
    found = doubts(load_queries(str(file)))
    assert sorted(found) == ["zero-0", "zero-1", "zero-2"]
    assert "'or vector(0)'" in found["zero-0"]


def test_the_example_of_the_documentation_can_be_loaded(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs/annotations.md").read_text(encoding="utf-8")
    example = textwrap.dedent(page[page.index("    slow-api:") :].partition("\n\n")[0])
    (tmp_path / "queries.yaml").write_text(example)
    query = load_queries(str(tmp_path / "queries.yaml"))["slow-api"]
    assert 'le="5"' in (query.fill_late("shop", "chat", 60.0) or "")
