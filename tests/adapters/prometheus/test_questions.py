"""Who shares a request with whom."""

from __future__ import annotations

import random

import pytest

from ahpa.adapters.prometheus import questions as module
from ahpa.adapters.prometheus.questions import Question, questions

TICK = 60


def lifted_text(namespace: str, name: str) -> str:
    return f'sum(x{{namespace="{namespace}",name="{name}"}})'


def by_pods(namespace: str, name: str) -> str:
    return f'sum(y{{namespace="{namespace}",pod=~"{name}-[0-9]+"}})'


def tenants(question: Question) -> set[str]:
    return {one.tenant for one in question.members}


def covered(found: list[Question]) -> list[str]:
    return sorted(one.text for question in found for one in question.members)


def test_ten_thousand_services_are_some_forty_requests() -> None:
    """Of 500 namespaces; none of them is cut in two."""
    texts = [lifted_text(f"n{i // 20}", f"s{i}") for i in range(10_000)]
    found = questions(texts, (), TICK)
    assert len(found) <= 42
    assert covered(found) == sorted(texts)
    assert all(len(question.form.texts) == len(question.members) for question in found)
    assert sum(len(tenants(question)) for question in found) == 500


def test_the_same_queries_give_the_same_requests_in_whatever_order() -> None:
    """Else a shard that is bad in one round has other members in the next."""
    texts = [make(f"n{i % 7}", f"s{i}") for i in range(300) for make in (lifted_text, by_pods)]
    found = questions(texts, (), TICK)
    random.Random(1).shuffle(texts)
    assert {q.form.text for q in questions(texts, (), TICK)} == {q.form.text for q in found}


def test_a_large_namespace_has_requests_of_its_own() -> None:
    """Small ones beside it share theirs, however they are called."""
    large = [lifted_text("m", f"s{i}") for i in range(module.MOST_LIFTED + 10)]
    small = [lifted_text(namespace, "s") for namespace in ("a", "b", "y", "z")]
    found = [tenants(question) for question in questions([*small, *large], (), TICK)]
    assert sorted(map(sorted, found)) == [["a", "b", "y", "z"], ["m"], ["m"]]


def test_what_cannot_be_lifted_is_asked_side_by_side() -> None:
    texts = [by_pods("a", f"s{i}") for i in range(3)] + ["sum(other)  # mine"]
    (found,) = questions(texts, (), TICK)
    assert found.form.labels == ("ahpa_key",)
    assert covered([found]) == sorted(texts)
    for key, text in found.form.texts.items():
        assert f'label_replace({text}\n, "ahpa_key", "{key[0]}", "", "")' in found.form.text


@pytest.mark.parametrize("text", ["a) or (b", "a #\r", "a @ 5", "max_over_time(a[5m:1m])", "a{", "", "a, b"])
def test_what_could_be_more_than_a_part_of_another_query_is_asked_alone(text: str) -> None:
    """Its bracket would close one of ours."""
    found = questions([text, "up", "down"], (), TICK)
    assert sorted(len(question.members) for question in found) == [1, 2]
    assert next(q for q in found if len(q.members) == 1).form.text == text


def test_bad_company_is_asked_alone() -> None:
    texts = [lifted_text("a", f"s{i}") for i in range(9)]
    found = questions(texts, {texts[4]}, TICK)
    assert sorted(len(question.members) for question in found) == [1, 8]


def test_halves_are_the_whole_and_single_ones_are_asked_as_they_stand() -> None:
    (whole,) = questions([lifted_text("a", f"s{i}") for i in range(5)], (), TICK)
    left, right = whole.halves()
    assert covered([left, right]) == covered([whole])
    (single, _) = left.halves()
    assert single.form.text == single.members[0].text
    assert single.form.labels == ()


def test_of_long_ranges_fewer_are_asked_at_once() -> None:
    """A chunk that fails late must not cost a fortnight of many."""
    texts = [lifted_text("a", f"s{i}") for i in range(500)]
    fortnight = questions(texts, (), 14 * 1440)
    assert len(questions(texts, (), TICK)) == 2
    assert 20 <= len(fortnight) <= 50


def test_a_request_stays_below_what_a_proxy_takes() -> None:
    filler = "x" * 3000
    texts = [f'sum(y{{namespace="n{i // 90}",a=~"{i}{filler}"}})' for i in range(200)]
    found = questions(texts, (), TICK)
    assert covered(found) == sorted(texts)
    assert max(len(question.form.text) for question in found) < 300_000
