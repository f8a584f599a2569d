"""Who freezes whom: only those who were trusted and went bad, and no tenant another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from ahpa.core.controller import step
from ahpa.core.decision import Reason
from ahpa.core.observation import Limits, Observation, Workload
from ahpa.core.policy.rules import parse_policy
from ahpa.core.trust import distrust, freezes, frozen_tenants
from tests.core.conftest import NOW, outlook_of, workload_of

SICK: dict[str, Any] = {"observed_until": NOW - 400}


def rows(tenant: str, count: int, **changes: Any) -> list[Workload]:
    given = {"floor": 18, "present": 18, "ready": 18, **changes}
    tag = "-".join(f"{k}{v}" for k, v in changes.items())
    return [workload_of(key=f"knative/{tenant}/{tag}{i}", **given) for i in range(count)]


def seen(*groups: Sequence[Workload]) -> Observation:
    workloads = tuple(w for group in groups for w in group)
    return Observation(NOW, 60.0, workloads, {w.key: outlook_of(60.0) for w in workloads})


def test_onboarding_freezes_nobody() -> None:
    """50 new observe services without data among 58; it was "hold 18: needs 15, but too many services look wrong at
    once" for services whose data were perfect."""
    observation = seen(rows("a", 8), rows("a", 50, was_trusted=False, **SICK))
    assert frozen_tenants(observation) == frozenset()
    assert [d.floor for d in step(observation)[:8]] == [15] * 8


def test_who_was_trusted_and_went_bad_freezes_its_fleet_however_many_newcomers_there_are() -> None:
    observation = seen(rows("a", 9), rows("a", 5, **SICK), rows("a", 50, was_trusted=False, **SICK))
    assert frozen_tenants(observation) == {"a"}
    assert step(observation)[0].reason is Reason.FLEET_FROZEN


@pytest.mark.parametrize(
    "changes",
    [
        {"policy": parse_policy({})},
        {"policy": parse_policy({"ahpa.dev/mode": "off"})},
        {"policy": parse_policy({"ahpa.dev/mode": "apply", "ahpa.dev/min": "x"})},
        {"refusal": "KEDA made it"},
    ],
    ids=["nobody asked", "off", "invalid", "refused"],
)
def test_who_wants_no_plan_neither_freezes_others_nor_hides_who_went_bad(changes: dict[str, Any]) -> None:
    """Nine without data that nobody plans for, and fifty with data beside five that went bad of nine."""
    out = [replace(w, key=f"knative/a/out{i}", **changes) for i, w in enumerate(rows("a", 50))]
    gone = [replace(w, observed_until=NOW - 400) for w in out[:9]]
    assert frozen_tenants(seen(rows("a", 9), gone)) == frozenset()
    assert frozen_tenants(seen(out, rows("a", 4), rows("a", 5, **SICK))) == {"a"}


def test_a_newcomer_counts_from_when_it_can_be_trusted() -> None:
    observation = seen(rows("a", 12, was_trusted=False), rows("a", 5, **SICK))
    assert frozen_tenants(observation) == frozenset()


@pytest.mark.parametrize("bad", [5, 50, 500])
def test_one_tenant_whose_exporter_breaks_freezes_itself_and_no_other(bad: int) -> None:
    observation = seen(rows("good", 8), rows("other", 3), rows("broken", bad, **SICK))
    assert frozen_tenants(observation) == {"broken"}


def test_when_the_services_of_several_tenants_go_bad_nothing_is_lowered_for_anybody() -> None:
    """That is us who see badly: a Prometheus that lost a shard."""
    groups = [rows(f"t{i}", 2, **(SICK if i % 2 else {})) for i in range(10)]
    observation = seen(*groups)
    assert frozen_tenants(observation) == {f"t{i}" for i in range(10)}
    few = [rows(f"t{i}", 2, **(SICK if i < 3 else {})) for i in range(10)]
    assert frozen_tenants(seen(*few)) == frozenset(), "4 of 18 besides the worst: under 30 %"


def test_whom_a_broken_tenant_freezes_does_not_depend_on_how_large_another_one_is() -> None:
    """Ten of a thousand bad in one namespace hid that the nine of another were that one's own misfortune."""
    large = [*rows("large", 990), *rows("large", 10, **SICK)]
    assert frozen_tenants(seen(large, rows("broken", 9, **SICK), rows("small", 5))) == {"broken"}


def test_two_tenants_freeze_the_others_only_if_either_is_enough_of_all() -> None:
    """Besides either of them the other's services must be too many."""
    assert frozen_tenants(seen(rows("x", 5, **SICK), rows("y", 9, **SICK), rows("t", 5))) == {"x", "y", "t"}
    assert frozen_tenants(seen(rows("x", 4, **SICK), rows("y", 9, **SICK), rows("t", 5))) == {"y"}


@pytest.mark.parametrize(
    ("key", "tenant"), [("knative/shop/chat", "shop"), ("chat", ""), ("shop/chat", ""), ("a/b/c/d", "")]
)
def test_a_tenant_is_the_namespace_of_a_whole_key(key: str, tenant: str) -> None:
    assert workload_of(key=key).tenant == tenant


def test_who_alone_makes_it_the_fleets_is_frozen_by_what_the_others_show_beside_it() -> None:
    """Nine of thirty are not too many of x by itself, but all of y and z are bad too, whichever of the two is left out.
    Those two are not kept from falling by x alone."""
    groups = (rows("x", 21), rows("x", 9, **SICK), rows("y", 2, **SICK), rows("z", 2, **SICK))
    assert frozen_tenants(seen(*groups)) == {"x"}


def test_a_service_without_a_namespace_is_its_own_fleet() -> None:
    """As in a backtest, whose series are named by a file."""
    observation = seen([workload_of(key="chat")])
    assert observation.workloads[0].tenant == ""
    assert frozen_tenants(observation) == frozenset()
    assert frozen_tenants(replace(observation, frozen=True)) == {""}


@pytest.mark.parametrize(
    ("trusted", "bad", "frozen"), [(20, 6, False), (20, 7, True), (4, 4, False), (5, 5, True), (10, 4, False)]
)
def test_more_than_thirty_percent_and_five_at_least_are_too_many(trusted: int, bad: int, frozen: bool) -> None:
    assert freezes(trusted, bad, Limits()) is frozen


def test_nobody_who_does_not_say_so_is_in_doubt() -> None:
    """As a backtest asks, which knows no doubts."""
    assert distrust(NOW - 300, 0.9, outlook_of(4.0), NOW, Limits()) is None


def test_a_doubt_about_fresh_data_counts_as_gone_bad() -> None:
    """A Prometheus whose exporters are gone and whose queries all end in `or vector(0)`."""
    observation = seen(rows("a", 9, doubt="zero at once"))
    assert frozen_tenants(observation) == {"a"}
