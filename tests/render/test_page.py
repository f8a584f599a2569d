"""The service's page says what was decided and cannot be made to say anything else."""

from __future__ import annotations

from ahpa.core.controller import step
from ahpa.core.observation import Observation
from ahpa.core.readiness import Lag, Readiness, Tier
from ahpa.render.page import page
from tests.core.conftest import NOW, outlook_of, workload_of


def test_each_target_has_a_row_with_its_reason() -> None:
    workloads = (workload_of(), workload_of(key="hpa/shop/api", floor=9))
    text = page(zip(workloads, step(Observation(NOW, 60.0, workloads, {})), strict=True), NOW)
    assert text.count("<tr>") == 3
    assert "hpa/shop/api" in text
    assert "no forecast was made yet" in text
    assert "Tue 14 Nov 2023 22:13 UTC" in text


def test_a_hostile_name_adds_no_markup() -> None:
    workload = workload_of(key="<script>alert(1)</script>")
    text = page([(workload, step(Observation(NOW, 60.0, (workload,), {}))[0])], NOW)
    assert "<script" not in text


def test_without_targets_it_says_so() -> None:
    assert "Nobody asked for us yet" in page([], float("nan"))


def test_the_lag_is_told_for_each_tier() -> None:
    tiers = (Tier("warm", Lag.of(45, 45), replicas=2, nodes="warm-*"), Tier("new", Lag.of(300, 300)))
    two, one = workload_of(readiness=Readiness(tiers)), workload_of(readiness=Readiness(tiers[1:]))
    shown = [page([(each, step(Observation(NOW, 60.0, (each,), {}))[0])], NOW) for each in (two, one, workload_of())]
    assert ">warm 45 s (assumed), new 5 min (assumed)<" in shown[0]
    assert ">new 5 min (assumed)<" in shown[1]
    assert ">2 min (assumed)<" in shown[2]


def test_how_many_starts_are_behind_a_lag_is_told() -> None:
    learned = workload_of(readiness=Readiness((Tier("warm", Lag(4.0, 0.1, 1), 2), Tier("new", Lag(5.0, 0.1, 30)))))
    text = page([(learned, step(Observation(NOW, 60.0, (learned,), {}))[0])], NOW)
    assert "(1 start), new 2.81 min (30 starts)<" in text


def test_the_unit_stands_beside_the_expected_peak() -> None:
    workload = workload_of(unit="requests/s")
    observation = Observation(NOW, 60.0, (workload,), {workload.key: outlook_of(40.0)})
    assert ">40.0 requests/s (p99)<" in page([(workload, step(observation)[0])], NOW)
