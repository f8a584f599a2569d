"""What a number counts, and whether two of them fit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ahpa.core.units import (
    BYTES,
    CORES,
    IN_FLIGHT,
    MESSAGES,
    PER_SECOND,
    UNITS,
    Capacity,
    Unit,
    UnitError,
    converted,
    credible,
    fit,
    unit_named,
)

TARGET = "its target"


@pytest.mark.parametrize(
    ("value", "unit", "into", "service_seconds", "expected"),
    [
        (70, IN_FLIGHT, IN_FLIGHT, None, 70),
        (70, IN_FLIGHT, PER_SECOND, 0.05, 1400),
        (1400, PER_SECOND, IN_FLIGHT, 0.05, 70),
        (3, PER_SECOND, IN_FLIGHT, 20, 60),
        (120, UNITS["requests-per-minute"], PER_SECOND, None, 2),
        (2, PER_SECOND, UNITS["requests-per-minute"], None, 120),
        (1, IN_FLIGHT, UNITS["requests-per-minute"], 2, 30),
        (500, UNITS["millicores"], CORES, None, 0.5),
        (120, UNITS["tokens-per-minute"], UNITS["tokens-per-second"], None, 2),
        (70, IN_FLIGHT, PER_SECOND, None, None),
        (1, CORES, IN_FLIGHT, 2, None),
        (1, MESSAGES, UNITS["messages-per-second"], 2, None),
        (1, CORES, BYTES, None, None),
    ],
)
def test_a_number_is_converted_by_what_is_known_or_not_at_all(
    value: float, unit: Unit, into: Unit, service_seconds: float | None, expected: float | None
) -> None:
    assert converted(value, unit, into, service_seconds) == pytest.approx(expected)


@given(st.sampled_from(list(UNITS.values())), st.sampled_from(list(UNITS.values())), st.floats(1e-3, 1e3))
def test_a_conversion_there_and_back_changes_nothing(unit: Unit, into: Unit, service_seconds: float) -> None:
    there = converted(7.0, unit, into, service_seconds)
    assert there is None or converted(there, into, unit, service_seconds) == pytest.approx(7.0)


def test_what_counts_the_same_fits_and_nothing_is_assumed() -> None:
    found = fit(Capacity(35.0, PER_SECOND, TARGET), "istio-rps", PER_SECOND)
    assert (found.per_replica, found.unit, found.assumed, found.problem) == (35.0, PER_SECOND, "", "")


def test_what_does_not_fit_is_refused_with_both_units_and_what_to_set() -> None:
    found = fit(Capacity(3.5, PER_SECOND, "the target of chat-00001"), "knative-concurrency", IN_FLIGHT)
    assert found.per_replica is None
    assert found.problem == (
        "knative-concurrency counts requests in flight, but the target of chat-00001 counts requests per second: set "
        "ahpa.dev/demand to a query of requests per second, or ahpa.dev/target-per-replica in requests in flight, or "
        "ahpa.dev/service-time (how long one request takes)"
    )
    other = fit(Capacity(30.0, MESSAGES, TARGET), "istio-rps", PER_SECOND)
    assert other.problem == (
        "istio-rps counts requests per second, but its target counts messages: set ahpa.dev/demand to a query of "
        "messages, or ahpa.dev/target-per-replica in requests per second"
    )
    assert (found.unit, other.unit) == (IN_FLIGHT, PER_SECOND)


def test_a_known_service_time_converts_and_is_named() -> None:
    found = fit(Capacity(0.7, IN_FLIGHT, "the target of chat-00001"), "istio-rps", PER_SECOND, 0.02)
    assert found.per_replica == pytest.approx(35)
    assert found.assumed == "the target of chat-00001 is 0.7 requests in flight of 0.02 s each"


@pytest.mark.parametrize(("counted", "utilization"), [(IN_FLIGHT, 0.7), (PER_SECOND, None)])
def test_how_full_a_target_is_counts_where_requests_in_flight_are_counted(
    counted: Unit, utilization: float | None
) -> None:
    assert fit(Capacity(7.0, IN_FLIGHT, TARGET, 0.7), "a", counted, 0.02).utilization == utilization


def test_a_query_or_a_target_without_a_unit_is_taken_to_count_the_same_and_the_sentence_says_so() -> None:
    plain = fit(Capacity(7.0, IN_FLIGHT, TARGET), "orders", None)
    assert (plain.per_replica, plain.unit) == (7.0, IN_FLIGHT)
    assert plain.assumed == "orders does not say its unit: taken as requests in flight"
    unnamed = fit(Capacity(7.0, None, "the averageValue of its metric work"), "istio-rps", PER_SECOND)
    assert (unnamed.per_replica, unnamed.unit) == (7.0, PER_SECOND)
    assert unnamed.assumed == "the averageValue of its metric work does not say its unit: taken as requests/s"
    nothing = fit(Capacity(7.0, None, TARGET), "orders", None)
    assert (nothing.per_replica, nothing.unit, nothing.assumed) == (7.0, None, "")


@pytest.mark.parametrize("value", [1e308, 1e300, 5e-324, float("inf"), float("nan"), 0.0, -1.0])
@pytest.mark.parametrize("unit", [IN_FLIGHT, PER_SECOND, None])
def test_a_capacity_that_no_replica_can_have_is_a_problem_and_no_number(value: float, unit: Unit | None) -> None:
    """A tenant writes a target of 1e308 and a service time of 1 ms: converted it is infinite, and over that nothing can
    be divided."""
    found = fit(Capacity(value, IN_FLIGHT, TARGET), "istio-rps", unit, 0.001)
    assert found.per_replica is None
    assert found.unit is (unit or IN_FLIGHT)
    assert found.problem.startswith(f"{TARGET} comes to ")
    assert "set ahpa.dev/target-per-replica" in found.problem
    assert not credible(value)


@pytest.mark.parametrize(("value", "believed"), [(1e-12, True), (0.99e-12, False), (1e18, True), (1.01e18, False)])
def test_a_replica_serves_from_a_picocore_to_an_exabyte(value: float, believed: bool) -> None:
    assert credible(value) is believed


def test_without_a_capacity_the_unit_to_give_it_in_is_named() -> None:
    assert fit(Capacity(None), "istio-rps", PER_SECOND).problem == (
        "nobody said what one replica serves; set ahpa.dev/target-per-replica, in requests/s"
    )
    assert fit(Capacity(None), "istio-rps", PER_SECOND).unit is PER_SECOND
    assert fit(Capacity(None), "orders", None).problem == (
        "nobody said what one replica serves; set ahpa.dev/target-per-replica"
    )


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("requests-in-flight", IN_FLIGHT),
        ("concurrency", IN_FLIGHT),
        ("rps", PER_SECOND),
        ("rpm", UNITS["requests-per-minute"]),
        ("cores", CORES),
    ],
)
def test_a_unit_is_known_by_its_name(name: str, unit: Unit) -> None:
    assert unit_named(name) is unit


def test_a_unit_that_nobody_knows_is_refused_with_those_that_are() -> None:
    with pytest.raises(
        UnitError, match=r"no unit 'furlongs'; there are requests-in-flight, .*ratio, replicas, concurrency, rps"
    ):
        unit_named("furlongs")
    with pytest.raises(UnitError, match=f"no unit '{'f' * 40}'; "):
        unit_named("f" * 200)
