"""The contract that every kind of target passes, on a fake API server, seen by lists and through watches, and on the
real one with real controllers.

A kind that is new in `KINDS` needs its `Stages` here, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ahpa.adapters.kubernetes.kinds import KINDS
from ahpa.adapters.prometheus.queries import QueryList, load_queries
from ahpa.core.controller import step
from ahpa.core.decision import Reason
from ahpa.core.observation import Observation
from ahpa.core.units import CORES, IN_FLIGHT
from ahpa.ports import ClusterError
from tests.contracts.fakes import fake_hpa, fake_keda, fake_knative, fake_kserve, fake_kserve_serverless
from tests.contracts.real import real_hpa, real_keda, real_knative, real_kserve, real_kserve_serverless
from tests.contracts.stage import Stage, Stages
from tests.contracts.watched import watched
from tests.core.conftest import NOW, workload_of

STAGES = {
    "knative": Stages(
        {"none": lambda: fake_knative(None), "3": lambda: fake_knative("3")}, {"": real_knative}, [IN_FLIGHT]
    ),
    "hpa": Stages({"2": lambda: fake_hpa(2)}, {"": real_hpa}, [CORES]),
    "keda": Stages(
        {"none": lambda: fake_keda(None), "0": lambda: fake_keda(0), "2": lambda: fake_keda(2)},
        {"": real_keda},
        [CORES],
    ),
    "kserve": Stages(
        {
            "raw-none": lambda: fake_kserve(None),
            "raw-2": lambda: fake_kserve(2),
            "serverless": lambda: fake_kserve_serverless("3"),
        },
        {"-raw": real_kserve, "-serverless": real_kserve_serverless},
        [CORES],
    ),
}


def _parameters() -> list[Any]:
    fakes = [
        pytest.param((make, None), id=f"fake-{kind}-{own}")
        for kind in KINDS
        for own, make in STAGES[kind].fakes.items()
    ]
    reals = [
        pytest.param(
            (make, "keda_bed" if kind == "keda" else "bed"),
            id=f"real-{kind}{which}",
            marks=[pytest.mark.testbed, *([pytest.mark.keda] if kind == "keda" else [])],
        )
        for kind in KINDS
        for which, make in STAGES[kind].real.items()
    ]
    seen = [
        pytest.param((make, f"watched {kind}"), id=f"watched-{kind}-{own}")
        for kind in KINDS
        for own, make in STAGES[kind].fakes.items()
    ]
    return [*fakes, *seen, *reals]


@pytest.fixture(params=_parameters())
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    make, how = request.param
    if how is not None and how.startswith("watched "):
        with watched(how.removeprefix("watched "), make()) as made:
            yield made
    else:
        yield make(*(request.getfixturevalue(name) for name in ((how, "bed_namespace") if how else ())))


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_is_known_by_its_name_and_its_query_is_one_that_ships(name: str) -> None:
    kind = KINDS[name]
    target = next(iter(STAGES[name].fakes.values()))().target()
    assert (kind.name, target.kind) == (name, name)
    queries = QueryList(load_queries())
    assert [queries.of(measure, "shop").unit for measure in target.measures] == STAGES[name].units


def test_a_target_is_found_with_its_owners_minimum(stage: Stage) -> None:
    target = stage.target()
    assert (target.baseline, target.floor, target.managed, target.refusal) == (
        stage.baseline,
        stage.baseline,
        False,
        None,
    )


def test_a_floor_is_written_the_baseline_remembered_and_restored_byte_for_byte(stage: Stage) -> None:
    before = stage.picture()
    stage.write(7)
    assert stage.minimum() == 7
    target = stage.target()
    assert (target.baseline, target.floor, target.managed) == (stage.baseline, 7, True)
    stage.write(9)
    assert stage.target().baseline == stage.baseline
    stage.restore()
    assert stage.picture() == before
    assert not stage.target().managed


def test_writing_the_same_floor_twice_writes_once(stage: Stage) -> None:
    stage.write(7)
    before = stage.picture()
    assert not stage.actuator.write(stage.target(), (7,)), "and says so"
    assert stage.picture() == before
    assert len({where for where, _ in stage.writes}) == len(stage.writes)  # each object at most once


def test_a_floor_that_is_already_there_leaves_no_mark(stage: Stage) -> None:
    before = stage.picture()
    stage.write(stage.baseline)
    assert stage.picture() == before


def test_a_users_edit_becomes_the_new_baseline(stage: Stage) -> None:
    stage.write(7)
    target = stage.edited(4)
    assert (target.baseline, target.floor) == (4, 4)
    stage.write(8)
    assert stage.target().baseline == 4
    stage.restore()
    assert stage.minimum() == 4


def test_an_edit_between_listing_and_writing_is_never_overwritten(stage: Stage) -> None:
    target = stage.target()
    stage.edit(5)
    with pytest.raises(ClusterError) as caught:
        stage.actuator.write(target, (9,))
    assert caught.value.status == 409
    assert stage.minimum() == 5


def test_a_restore_can_be_repeated(stage: Stage) -> None:
    stage.write(7)
    stage.restore()
    after = stage.picture()
    stage.restore()
    assert stage.picture() == after


def test_an_object_that_somebody_else_controls_is_refused_and_left_alone(stage: Stage) -> None:
    before = stage.picture()
    target = stage.adopted()
    assert "made this" in str(target.refusal)
    assert "would revert us" in str(target.refusal)
    workload = workload_of(key=target.key, floor=target.floor, baseline=target.baseline, refusal=target.refusal)
    (decision,) = step(Observation(NOW, 60.0, (workload,), {}))
    assert decision.reason == Reason.REFUSED
    assert (decision.change, decision.plan, decision.restore) == (0, None, False)  # so nothing is carried out
    assert stage.picture() == before


def test_what_somebody_else_took_over_while_we_held_it_can_still_be_given_back(stage: Stage) -> None:
    before = stage.picture()
    stage.write(7)
    assert stage.adopted().managed
    stage.restore()
    assert stage.picture() == before
