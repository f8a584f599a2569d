"""Prometheus' own parser on what we send it: nothing that a tenant controls leaves its namespace (T3).

Our checks have a parser of ours, which is wrong where it reads otherwise than Prometheus does. So here each query is
read by Prometheus, and its syntax tree says which series it selects.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
import requests

from ahpa.adapters.prometheus.promql import PromQLError, confined
from ahpa.adapters.prometheus.queries import QueryList, load_queries
from ahpa.ports import QueryError
from testbed.kube import Object
from tests.adapters.prometheus.hostile import HOLES, PLAIN, filled, hostile_values, templates_with
from tests.testbed.conftest import Started

pytestmark = [pytest.mark.testbed, pytest.mark.xdist_group("confined")]

Tree = dict[str, object]
Parse = Callable[[str], Tree | None]


@pytest.fixture(scope="module")
def parse(started: Started) -> Parse:
    """The syntax tree of a query; None where Prometheus refuses it."""
    url = started([]).url
    http = requests.Session()
    http.trust_env = False

    def ask(query: str) -> Tree | None:
        answer: Object = http.post(f"{url}/api/v1/parse_query", data={"query": query}, timeout=30).json()
        return answer["data"] if answer["status"] == "success" else None

    return ask


def nodes(tree: object) -> Iterator[Tree]:
    """All of a tree, from its root down."""
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from nodes(value)


def matchers(tree: Tree) -> list[set[tuple[object, object, object]]]:
    """Of each selector: (label, operator, value)."""
    found = [node["matchers"] for node in nodes(tree) if "matchers" in node]
    return [{(one["name"], one["type"], one["value"]) for one in nodes(each)} for each in found]


def without_texts(tree: object) -> object:
    """The tree with nothing in its quotes."""
    if isinstance(tree, dict):
        quoted = ("value",) if "name" in tree else ("val",) if tree.get("type") == "stringLiteral" else ()
        return {key: without_texts(value) for key, value in tree.items() if key not in quoted}
    return [without_texts(each) for each in tree] if isinstance(tree, list) else tree


def others(tree: Tree) -> list[set[tuple[object, object, object]]]:
    """The selectors that could see more than the namespace `shop`."""
    return [
        each
        for each in matchers(tree)
        if not any(
            (sign, value) == ("=", "shop") or (sign == "=~" and str(value).startswith("httproute/shop/"))
            for _, sign, value in each
        )
    ]


@pytest.mark.parametrize("name", sorted(load_queries()))
def test_what_ships_is_promql_and_sees_one_namespace(name: str, parse: Parse) -> None:
    query, names = load_queries()[name], PLAIN | {"workload-kind": "Deployment"}
    for text in (query.fill("shop", "chat", 60.0, names), query.fill_late("shop", "chat", 60.0, names)):
        if text is not None:
            tree = parse(text)
            assert tree is not None
            assert matchers(tree)
            assert others(tree) == []


def test_the_neediest_of_several_is_promql_too(parse: Parse) -> None:
    """Queries with `or` in them are joined by `or`."""
    queries = load_queries()
    names = PLAIN | {"workload-kind": "Deployment"}
    each = [(query.fill("shop", "chat", 60.0, names), 2.5) for query in queries.values()]
    tree = parse(QueryList(queries).largest(each))
    assert tree is not None
    assert others(tree) == []


@pytest.mark.parametrize("hole", HOLES)
def test_five_thousand_hostile_values_change_no_tree(hole: str, parse: Parse) -> None:
    """Refused, or Prometheus reads the same but for what stands in the quotes."""
    plain = {
        template.name: without_texts(parse(filled(template, hole, PLAIN[hole]))) for template in templates_with(hole)
    }
    assert None not in plain.values()
    read: set[str] = set()
    for value, template in hostile_values(hole, 5000):
        try:
            text = filled(template, hole, value)
        except QueryError:
            continue
        if text not in read:
            read.add(text)
            assert without_texts(parse(text)) == plain[template.name]
    assert len(read) > 100


OWNERS = [
    "up",
    "sum",
    "up # {",
    "up # }\n",
    "up # \r or secret",
    "up # or secret\r\nor secret",
    "# up\nsecret",
    'up{a="}"}',
    'up{a="{"} or secret',
    "up{a='\"}'} or secret{b=\"'}\"}",
    'up{a="\\"} or secret{"} or secret',
    "up{a=`\\`} or secret{b=`}`}",
    'up{a="#"} or secret',
    'up{a="",}',
    "up{}",
    "{}",
    '{__name__="secret"}',
    '{"secret"}',
    '{"secret","a"="b"}',
    'up{namespace="other"}',
    'up{namespace="other" or namespace="shop"}',
    'up{"namespace"="other"}',
    "up or vector(0)",
    "up or on() vector(1)",
    "sum by (namespace) (secret)",
    "sum(secret) by (namespace)",
    "max without (namespace) (up) / ignoring (namespace) group_left secret",
    "up * on (namespace) group_left (x) secret",
    "up unless secret and up",
    "-secret ^ secret % 2",
    "topk(3, secret)",
    "count_values('x', secret)",
    'label_replace(secret, "namespace", "shop", "", "")',
    "absent(secret)",
    "rate(secret[5m] offset 1w)",
    "max_over_time(secret[5m:1m])",
    "secret @ end()",
    "secret offset -5m",
    '{__name__=~".+"}',
    "info(up)",
    "scalar(secret) + time()",
    "histogram_quantile(0.9, sum by (le) (rate(secret_bucket[5m])))",
    "inf + nan + Inf",
    "a:b:c + :d",
    "{{namespace}}",
    'up{a="{{namespace}}"}',
    "rate(up[{{step}}])",
    "start + end + bool",
    "up\u2028or secret",
    "up\xa0or secret",
    "up\x0bor secret",
    "up\x00or secret",
]
_WORDS = [
    "up", "secret", "{", "}", "{a='b'}", '{x="}"}', '{x="{"}', "(", ")", "[5m]", "[5m:1m]", ",", "sum", "by", "without",
    "(a)", "on", "ignoring", "group_left", "or", "and", "unless", "vector(0)", "1", "5m", "offset", "@", "end()",
    "#", "#\n", "#\r", "\r", "\n", "\t", " ", "\f", "\v", "'", '"', "`", "\\", '\\"', "__name__", '{__name__="x"}',
    '{"secret"}', '{"a","b"}', "bool", "==", "=~", "+", "-", "rate", "info", "inf", "nan", "0x1", "1e3", "a:b", ":a",
    '="x"', 'namespace="other"', "namespace", "topk", "absent", "step", "count_values", '"v"', "{{step}}", "é",
    "start", "\u2028", "\xa0", "\0", "smoothed", "anchored", "timestamp", "scalar", "quantile", "fill", "1_000",
    "u0022", "a.b",
]  # fmt: skip


def stays_in_its_namespace(query: str, parse: Parse) -> bool:
    """Whether it got through at all; if so, each selector has the matcher, and nothing else is new."""
    try:
        tree = parse(confined(query, "namespace", "shop"))
    except PromQLError:
        return False
    if tree is None:
        return False
    assert all(("namespace", "=", "shop") in each for each in matchers(tree)), query
    before = parse(query)  # without our matcher `{}` is refused
    assert before is None or without_matcher(tree) == without_matcher(before), query
    return True


def without_matcher(tree: object) -> object:
    if isinstance(tree, dict):
        return {key: without_matcher(value) for key, value in tree.items()}
    ours = {"name": "namespace", "type": "=", "value": "shop"}
    return [without_matcher(each) for each in tree if each != ours] if isinstance(tree, list) else tree


def test_an_owners_query_stays_in_its_namespace(parse: Parse) -> None:
    """Whatever it looks like: comments, quotes and brackets in each other, names that are words of the language."""
    assert sum(stays_in_its_namespace(query, parse) for query in OWNERS) > len(OWNERS) / 2


def test_so_do_five_thousand_shuffled_ones(parse: Parse) -> None:
    luck = random.Random(11)
    queries = [luck.choice([" ", ""]).join(luck.choices(_WORDS, k=luck.randint(1, 8))) for _ in range(5000)]
    assert sum(stays_in_its_namespace(query, parse) for query in queries) > 200
