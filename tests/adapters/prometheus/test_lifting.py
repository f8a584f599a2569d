"""Which queries become one, and to what. That it gives the same numbers a real Prometheus shows (tests/testbed)."""

from __future__ import annotations

import pytest

from ahpa.adapters.prometheus.lifting import Lifted, lifted
from ahpa.adapters.prometheus.queries import load_queries
from ahpa.adapters.prometheus.shapes import taken_apart

TARGETS = [("shop", "chat"), ("shop", "web"), ("mall", "chat")]


def lift(template: str, targets: list[tuple[str, str]] = TARGETS) -> Lifted | None:
    return lifted([taken_apart(template.replace("NS", n).replace("NAME", m)) for n, m in targets])


X = 'x{a="NS",b="NAME"}'
LX = 'x{a=~"mall|shop",b=~"chat|web"}'
Y = 'y{c="NS",d="NAME"}'
LY = 'y{c=~"mall|shop",d=~"chat|web"}'
RENAMED = (
    'label_replace(label_replace(label_replace(label_replace({}, "a", "$1", "c", "(.*)"), "c", "", "", ""), '
    '"b", "$1", "d", "(.*)"), "d", "", "", "")'
)

SAME = {
    X: LX,
    f"sum({X})": f"sum by (a, b) ({LX})",
    f"max by (p, b) (rate({X[:-1]},p='q'}}[1m] offset 5m))": (
        f"max by (p, b, a) (rate({LX[:-1]},p='q'}}[1m] offset 5m))"
    ),
    f"sum without (a, p) ({X})": f"sum without (p) ({LX})",
    f"sum(max by (p) ({X}))": f"sum by (a, b) (max by (p, a, b) ({LX}))",
    f"1 - 2 * -({X}) ^ 2 ^ 3": f"(1 - (2 * (-({LX} ^ (2 ^ 3)))))",
    f"clamp_min({X}, -1) >= bool 3": f"(clamp_min({LX}, (-1)) >= bool 3)",
    f"sum({X}) + sum({X})": f"(sum by (a, b) ({LX}) + sum by (a, b) ({LX}))",
    f"sum({X}) or sum({Y})": f"(sum by (a, b) ({LX}) or {RENAMED.format(f'sum by (c, d) ({LY})')})",
    f"{X} / ignoring (p, b) {X}": f"({LX} / ignoring (p) {LX})",
    f"{X} and on (p) {X}": f"({LX} and on (p, a, b) {LX})",
    f"histogram_quantile(0.9, sum by (le) ({X}))": f"histogram_quantile(0.9, sum by (le, a, b) ({LX}))",
    f'label_replace({X}, "to", "$1", "p", "(.*)")': f'label_replace({LX}, "to", "$1", "p", "(.*)")',
}
"""What is proven, by the rules of the module's table."""

NOT = {
    "a field that only the second selector has": 'sum(x{b="NAME"}) or sum(y{b="NAME",a="NS"})',
    "a field that one selector lacks": f'sum({X}) + sum(x{{a="NS"}})',
    "a field by a regular expression": 'x{a="NS",b=~"NAME"}',
    "a name in the middle of another": 'x{a="NS",b="NAME"} * on (a) group_left () x{a="NS",b="NAME"}',
    "one side has the labels, the other not": f"{X} + sum({X})",
    "added on one side only, kept on the other": f"sum({X}) or max by (a) ({X})",
    "other labels, which both originals have": f"{X} or {Y}",
    "a rename onto a label that is there": f"sum({X}) or sum by (a) ({Y})",
    "a rename where not all labels are known": f"sum without (a, b, p) ({X}) or sum without (c, d, p) ({Y})",
    "a write to a field": f'label_replace({X}, "b", "$1", "p", "(.*)")',
    "a read of a field": f'label_replace({X}, "to", "$1", "a", "(.*)")',
    "the name of the metric": 'sum({__name__="NS",b="NAME"})',
    "zero for nothing": f"sum({X}) or vector(0)",
    "absent": f"absent({X})",
    "absent over time": f"absent_over_time({X}[1m])",
    "ties": f"topk(1, {X})",
    "a scalar": f"scalar({X}) * {X}",
    "values as labels": f'count_values("v", {X})',
    "le is what differs": 'histogram_quantile(0.9, x{a="NS",le="NAME"})',
    "a subquery": f"max_over_time({X}[5m:1m])",
    "a moment": f"{X} @ 5",
    "no query": f"sum({X}",
    "no number": '"NS NAME"',
}
"""What no rule says is the same."""


@pytest.mark.parametrize("template", SAME)
def test_what_is_proven_is_lifted(template: str) -> None:
    found = lift(template)
    assert found is not None
    assert found.text == SAME[template]
    assert found.labels == ("a", "b")


@pytest.mark.parametrize("why", NOT)
def test_what_is_not_proven_is_not_lifted(why: str) -> None:
    assert lift(NOT[why]) is None


def test_a_value_that_is_the_same_everywhere_stays_as_it_is() -> None:
    found = lift(X, TARGETS[:2])
    assert found == Lifted('x{a="shop",b=~"chat|web"}', ("b",), (1,))


def test_a_namespace_that_is_called_as_its_service_is_another_field_still() -> None:
    """Both columns are the same then."""
    found = lift(f"sum({X}) / sum({X})", [("chat", "chat"), ("web", "web")])
    assert found is not None
    assert (found.labels, found.fields) == (("a", "b"), (0, 1))


def test_a_dot_in_a_name_stands_for_itself_and_what_cannot_be_written_is_left() -> None:
    found = lift(X, [("a", "x.y"), ("a", "xzy")])
    assert found is not None
    assert found.text == r'x{a="a",b=~"x\\.y|xzy"}'
    assert lift(X, [("a", "ä"), ("a", "b")]) is None
    assert lift(X, [("a", ""), ("a", "b")]) is None


def test_three_labels_that_differ_are_more_than_a_target_has() -> None:
    three = [taken_apart(f'x{{a="{i}",b="{i * i}",c="{i * 7 % 5}"}}') for i in range(4)]
    assert lifted(three) is None
    assert lifted(three[:1] * 2) is None  # nothing differs


def test_values_in_comments_and_texts_are_no_values() -> None:
    asked = taken_apart('x{namespace = "shop",a=\'b="c"\'} # and d="e"\n + y{f=~"g"}')
    assert asked.values == ("shop", "g")
    assert asked.tenant == "shop"
    assert taken_apart('x{a="b\\"c"}').values == ()


def test_all_presets_that_name_no_pods_are_lifted() -> None:
    names = {
        "container": "c",
        "topic": "t",
        "group": "g",
        "object": "o",
        "workload": "w",
        "workload-kind": "Deployment",
    }
    left = set()
    for name, query in load_queries().items():
        texts = [query.fill(n, m, 60.0, names | {"workload": m}) for n, m in TARGETS]
        if lifted([taken_apart(text) for text in texts]) is None and "{{pods}}" not in query.template:
            left.add(name)
    assert left == {"envoy-gateway-rps", "envoy-gateway-concurrency"}  # the name is within a regular expression
