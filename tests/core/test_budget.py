"""The budget of a round: never exceeded, never wasted, and shared so that no tenant takes it all."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ahpa.core.budget import fair, shared
from ahpa.core.controller import allowed_in, step
from ahpa.core.decision import Reason
from ahpa.core.journal import entries, entry_from_json
from ahpa.core.observation import Limits, Observation
from tests.core.conftest import NOW, outlook_of, workload_of


def test_who_wants_little_gets_it_and_the_others_share_the_rest() -> None:
    assert fair({"a": 50, "b": 2, "c": 50}, 10) == {"a": 4, "b": 2, "c": 4}
    assert fair({"a": 50, "b": 50}, 5) == fair({"b": 50, "a": 50}, 5) == {"a": 3, "b": 2}
    assert fair({"a": 5}, 0) == {"a": 0}
    assert fair({}, 10) == {}


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(0, 100)), st.integers(0, 300))
def test_the_budget_is_spent_and_not_exceeded(wishes: dict[str, int], budget: int) -> None:
    given_out = fair(wishes, budget)
    assert sum(given_out.values()) == min(budget, sum(wishes.values()))
    assert all(0 <= given_out[name] <= wish for name, wish in wishes.items())
    short = [name for name in wishes if given_out[name] < wishes[name]]
    assert all(given_out[other] <= given_out[name] + 1 for name in short for other in wishes)


def test_a_tenant_with_three_thousand_services_leaves_the_others_theirs() -> None:
    wishes = {("greedy", f"g{i}"): 100 for i in range(3000)} | {("small", f"s{i}"): 10 for i in range(5)}
    given_out = shared(wishes, 500)
    assert sum(given_out.values()) == 500
    assert all(given_out[f"s{i}"] == 10 for i in range(5))


def many(count: int, **annotations: str) -> Observation:
    noted = {f"ahpa.dev/{key}": value for key, value in annotations.items()}
    rows = tuple(workload_of(noted, key=f"knative/a/{i}", floor=20, present=20, ready=20) for i in range(count))
    return Observation(NOW, 60.0, rows, {w.key: outlook_of(400.0) for w in rows}, Limits(budget=50))


def test_all_services_together_add_no_more_than_the_budget_and_each_says_so() -> None:
    decisions = step(many(10))
    assert [d.change for d in decisions] == [5] * 10
    assert {d.reason for d in decisions} == {Reason.SCALE_UP_LIMITED}
    assert decisions[0].message.endswith("needs 100; at most 25 this round for all services together")
    assert [d.change for d in step(many(2))] == [20, 20], "within it nobody is cut"


def test_those_who_ask_for_one_replica_count_too() -> None:
    rows = tuple(replace(w, floor=20) for w in many(60).workloads)
    one_more = {w.key: outlook_of(84.0) for w in rows}
    assert sum(d.change for d in step(replace(many(60), workloads=rows, outlooks=one_more))) == 50


def test_what_the_budget_gives_counts_from_the_floor_and_not_from_what_the_autoscaler_has_added() -> None:
    rows = tuple(replace(w, present=30, ready=30) for w in many(10).workloads)
    assert [d.floor for d in step(replace(many(10), workloads=rows))] == [25] * 10


def test_who_only_watches_spends_nothing() -> None:
    assert [d.change for d in step(many(10, mode="observe"))] == [20] * 10


def test_a_round_that_the_budget_cut_replays_from_its_journal_alone() -> None:
    observation = many(10)
    decisions = step(observation)
    assert set(allowed_in(observation).values()) == {5}
    for row, decision in zip(entries(observation, decisions), decisions, strict=True):
        assert entry_from_json(row).replay() == decision
