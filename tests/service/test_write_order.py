"""Whose turn it is when there is no time to write to everybody."""

from __future__ import annotations

import json
import time
from dataclasses import replace

from ahpa.adapters.kubernetes.kept import MIN_SCALE
from ahpa.ports import ClusterError
from ahpa.service.leases import Turn
from tests.service.stage import NOW, ROOT, Stage, stage
from tests.service.test_act import names_of


def hanging(at: Stage, names: list[str]) -> tuple[list[float], list[str]]:
    """Writes to these get no answer for ten seconds; the seconds spent so far, and whom a write was tried to."""
    spent, tried = [0.0], []

    def fail(method: str, where: str) -> ClusterError | None:
        name = where.rpartition("/")[2].removesuffix("-00001")
        if method != "PATCH":
            return None
        tried.append(name)
        if name not in names:
            return None
        spent[0] += 10.0
        return ClusterError(0, "no answer")

    at.kube.fail = fail
    at.service._actor = replace(at.service._actor, stopwatch=lambda: time.monotonic() + spent[0])
    return spent, tried


def test_targets_whose_webhook_hangs_do_not_keep_the_others_from_being_written() -> None:
    """Four of them come before fifty others: none of the fifty was written in five rounds."""
    names = names_of(54)
    at = stage(*names)
    spent, tried = hanging(at, names[:4])
    at.tick()
    assert {at.min_scale(name) for name in names[4:]} == {None}, "nobody knows it yet"
    spent[0] = 0.0
    tried.clear()
    at.tick(NOW + 60)
    assert all(int(at.min_scale(name) or 0) >= 4 for name in names[4:])
    assert [name for name in tried if name in names[:4]] == names[:4], "they are tried all the same"
    assert set(tried[-4:]) == set(names[:4])
    at.kube.fail, spent[0] = lambda method, where: None, 0.0
    at.tick(NOW + 120)
    assert all(int(at.min_scale(name) or 0) >= 4 for name in names)


def test_raises_are_written_before_releases_and_before_both_those_whom_the_last_round_left_out() -> None:
    at = stage("chat", "chat-b", "chat-c")
    night = NOW + 12 * 3600
    at.service.refit(night)
    for name, floor in (("chat", "40"), ("chat-b", "1"), ("chat-c", "40")):
        at.kube.edit(
            f"{ROOT}/services/{name}",
            {"metadata": {"annotations": {"ahpa.dev/baseline": json.dumps({f"{name}-00001": None})}}},
        )
        at.kube.edit(
            f"{ROOT}/revisions/{name}-00001", {"metadata": {"annotations": {MIN_SCALE: floor}}}, manager="ahpa"
        )
    at.kube.edit(f"{ROOT}/services/chat-b", {"metadata": {"annotations": {"ahpa.dev/min": "9"}}})
    at.service._turn = Turn(frozenset(), frozenset(), writes=True, reigns=0, share=1.0, settled=True)
    _, tried = hanging(at, [])
    at.service._memory.left_out = ("knative/shop/chat-c",)
    at.tick(night)
    revisions = [name for i, name in enumerate(tried) if name not in tried[:i]]
    assert revisions == ["chat-c", "chat-b", "chat"]


def test_writes_keep_their_pace_and_only_writes_do() -> None:
    waits: list[int] = []
    at = stage("chat", "other", pace=lambda: waits.append(len(at.kube.writes)))
    at.tick()
    assert waits == [0, 1, 2, 3], "a record and a floor for each, and it is asked before the write"
    for minute in range(1, 5):
        at.tick(NOW + 60 * minute)
    assert waits == list(range(len(at.kube.writes)))
    at.service.refit(NOW + 300)
    assert waits == list(range(len(at.kube.writes)))


def test_a_plan_that_changes_nothing_waits_for_nothing_and_counts_as_no_write() -> None:
    """Each planned target took its turn in the rate of writes in every round: 400 that were settled filled a tick."""
    waits: list[int] = []
    at = stage("chat", "other", pace=lambda: waits.append(1))
    for minute in range(6):
        at.tick(NOW + 60 * minute)
    settled, counted = len(waits), 'ahpa_writes_total{result="done"} '
    before = [line for line in at.metrics().splitlines() if line.startswith(counted)]
    for minute in range(6, 12):
        assert all(each.plan is not None and not each.change for each in at.tick(NOW + 60 * minute).values())
    assert len(waits) == settled == len(at.kube.writes)
    assert [line for line in at.metrics().splitlines() if line.startswith(counted)] == before
