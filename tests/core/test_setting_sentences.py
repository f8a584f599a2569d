"""What a decision says of the setting that it follows."""

from __future__ import annotations

import pytest

from ahpa.core.capacity import Part
from ahpa.core.controller import step
from ahpa.core.observation import Limits, Observation
from ahpa.core.setting import Record, Rule, Setting
from tests.core.conftest import NOW, outlook_of, workload_of


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        (Setting.fill(0.99), "raise 1 -> 6: peak 16 requests in flight (p99) within 180 s needs 6 at 2.8 each"),
        (
            Setting(Rule.SLOTS, 0.99),
            "raise 1 -> 5: peak 16 requests in flight (p99) and 4 for noise within 180 s needs 5 at 4 each, full",
        ),
        (
            Setting(Rule.CONSTANT, 0.99, 4),
            "raise 1 -> 4: 4 all the time did best lately; peak 16 requests in flight (p99) within 180 s",
        ),
        (
            Setting(Rule.FILL, 0.99, record=Record(3.0, 0.034, 6.12, 0.09, 4.9)),
            "raise 1 -> 6: peak 16 requests in flight (p99) within 180 s needs 6 at 2.8 each; with it 3.4 % late at "
            "6.12 replicas in the last 3 days, more than the 0.1 % wanted; with no floor 9 % at 4.9",
        ),
        (
            Setting(Rule.CONSTANT, 0.99, 0, record=Record(1.5, 0.001, 5.0, 0.001, 5.0)),
            "keep 1: no floor did best lately; peak 16 requests in flight (p99) within 180 s; with it 0.1 % late at 5 "
            "replicas in the last 1.5 days",
        ),
    ],
)
def test_each_setting_is_said_in_its_own_words(setting: Setting, says: str) -> None:
    workload = workload_of(unit="requests in flight", per_replica=2.8, utilization=0.7, setting=setting)
    outlook = outlook_of(16.0)
    (decision,) = step(Observation(NOW, 60.0, (workload,), {workload.key: outlook}, Limits(raise_least=9)))
    assert decision.message == says


def test_the_parts_of_a_service_in_slots_are_full_ones() -> None:
    parts = (Part("a", 0.5, 2.8), Part("b", 0.5, 2.8))
    setting = Setting(Rule.SLOTS, 0.99)
    workload = workload_of(unit="requests in flight", per_replica=2.8, utilization=0.7, setting=setting, parts=parts)
    seen = Observation(NOW, 60.0, (workload,), {workload.key: outlook_of(16.0)}, Limits(raise_least=9))
    (decision,) = step(seen)
    assert decision.message.endswith("needs 6: a 3 (50 % at 4 each, full), b 3 (50 % at 4 each, full)")
