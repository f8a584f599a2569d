"""Annotations are hostile until parsed: right ones mean what they say, wrong ones are named, none raises."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ahpa.core.policy.parameters import PARAMETERS, Parameter
from ahpa.core.policy.rules import level_of, parse_policy
from ahpa.core.policy.values import AHPA_STRATEGY, PREFIX, STATE, Policy
from tests.core.hostile_policies import BY_HAND


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda p: p.name)
def test_every_example_in_the_table_is_accepted(parameter: Parameter) -> None:
    parsed = parse_policy({PREFIX + parameter.name: parameter.example})
    # A cost needs its twin; that is the only complaint an example may earn.
    assert all("belong together" in problem for problem in parsed.problems)
    assert not parsed.warnings


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("quantile", "0.95", 0.95),
        ("quantile", "95", 0.95),
        ("quantile", "99.9%", 0.999),
        ("quantile", "0.5", 0.5),
        ("quantile", "50", 0.5),
        ("late-target", "0.1%", 0.001),
        ("late-target", "0.001", 0.001),
        ("lead", "1h30m", 5400.0),
        ("lead", "90s", 90.0),
        ("target-per-replica", "2.5", 2.5),
        ("target-per-replica", "0.5", 0.5),
        ("lead", "0s", 0.0),
        ("lead", "1m0.5s", 60.5),
        ("demand", "a", "a"),
        ("demand", "a-2", "a-2"),
        ("min", "0", 0),
        ("manage-target", "true", True),
        ("min", "3", 3),
        ("paused", "true", True),
        ("release", "50%", 0.5),
    ],
)
def test_what_a_value_means(name: str, text: str, value: object) -> None:
    parsed = parse_policy({PREFIX + name: text})
    assert parsed.problems == ()
    assert getattr(parsed.policy, name.replace("-", "_")) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("min", "１２"),  # int() reads full-width digits as 12
        ("min", "1_000"),
        ("min", " 7 "),
        ("min", "-1"),
        ("min", "9" * 5000),
        ("quantile", "nan"),
        ("quantile", "1e400"),
        ("quantile", "0.3"),
        ("quantile", "100"),
        ("late-target", "0"),
        ("late-target", "100%"),
        ("lead", ""),
        ("lead", "5"),
        ("lead", "5m\n"),
        ("lead", "99999999h"),
        ("demand", '"} or vector(1'),
        ("demand", "-a"),
        ("demand", "A"),
        ("demand", "a" * 64),
        ("target-per-replica", "inf"),
        ("target-per-replica", "0"),
        ("mode", "Apply"),
        ("paused", "yes"),
    ],
)
def test_a_bad_value_is_named_and_the_default_stays(name: str, text: str) -> None:
    parsed = parse_policy({PREFIX + name: text})
    assert len(parsed.problems) == 1
    assert PREFIX + name in parsed.problems[0]
    assert "for example" in parsed.problems[0]
    assert parsed.policy == Policy()


def test_all_problems_are_reported_together() -> None:
    parsed = parse_policy({PREFIX + "min": "x", PREFIX + "max": "y", PREFIX + "mode": "z"})
    assert len(parsed.problems) == 3


def test_an_unknown_key_is_a_warning_with_the_nearest_name() -> None:
    parsed = parse_policy({PREFIX + "quantil": "0.9"})
    assert parsed.problems == ()
    assert "did you mean ahpa.dev/quantile?" in parsed.warnings[0]


@pytest.mark.parametrize(
    ("annotations", "said"),
    [
        ({"min": "5", "max": "3"}, "ahpa.dev/min: 5 is above ahpa.dev/max: 3"),
        (
            {"replica-cost": "2"},
            "ahpa.dev/replica-cost and ahpa.dev/late-cost belong together; one is missing",
        ),
        ({"late-cost": "2"}, "ahpa.dev/replica-cost and ahpa.dev/late-cost belong together; one is missing"),
        (
            {"replica-cost": "51", "late-cost": "100"},
            "ahpa.dev/late-cost must be at least twice ahpa.dev/replica-cost, else predicting is not worth it",
        ),
        (
            {"quantile": "0.9", "late-target": "1%"},
            "ahpa.dev/late-target, ahpa.dev/quantile: give only one of them",
        ),
        (
            {"quantile": "0.9", "replica-cost": "2", "late-cost": "100"},
            "ahpa.dev/quantile, ahpa.dev/replica-cost: give only one of them",
        ),
        ({"min": "3", "max": "3"}, None),
        ({"min": "3"}, None),
        ({"max": "3"}, None),
        ({"replica-cost": "50", "late-cost": "100"}, None),
        ({"late-target": "1%"}, None),
    ],
)
def test_contradictions_are_problems(annotations: dict[str, str], said: str | None) -> None:
    parsed = parse_policy({PREFIX + k: v for k, v in annotations.items()})
    assert parsed.problems == (() if said is None else (said,))


def test_a_hostile_name_or_value_is_cut_in_what_is_said_of_it() -> None:
    parsed = parse_policy({PREFIX + "q" * 200: "1", PREFIX + "min": "9" * 200, AHPA_STRATEGY: "z" * 200})
    assert parsed.warnings == (f"{(PREFIX + 'q' * 200)[:80]} is not a parameter",)
    assert parsed.problems == (
        f"ahpa.dev/min: {'9' * 64!r} is not a whole number (for example '1')",
        f"{AHPA_STRATEGY}: {'z' * 64!r} is not observer, auto, proactive, scalingUpOnly, reactive; "
        "or set ahpa.dev/mode",
    )
    assert parsed.requested, "somebody asked for us, though not in words that we know"


def test_one_bad_annotation_keeps_no_other_from_being_read() -> None:
    """Names are read in their order; `bogus` is no parameter, and `max` no number."""
    parsed = parse_policy({PREFIX + "bogus": "1", PREFIX + "max": "x", PREFIX + "min": "3", PREFIX + "mode": "apply"})
    assert (parsed.policy.min, parsed.policy.mode, parsed.requested) == (3, "apply", True)
    assert (len(parsed.problems), len(parsed.warnings)) == (1, 1)


def test_what_the_operator_set_counts_where_the_owner_says_nothing() -> None:
    policy = parse_policy({PREFIX + "min": "3"}, Policy(mode="apply", min=1, max=9)).policy
    assert (policy.mode, policy.min, policy.max) == ("apply", 3, 9)


def test_only_what_is_ours_is_read_and_our_own_record_is_no_parameter() -> None:
    ours = {PREFIX + "min": "3", AHPA_STRATEGY: "auto"}
    parsed = parse_policy({**ours, STATE: "1", "other.io/min": "7"})
    assert parsed.raw == ours
    assert (parsed.warnings, parsed.problems) == ((), ())


@pytest.mark.parametrize(
    ("strategy", "mode", "unlike"),
    [
        ("observer", "observe", None),
        ("auto", "apply", None),
        ("proactive", "apply", "the reactive autoscaler stays in charge above the floor"),
        ("scalingUpOnly", "apply", "the autoscaler goes on lowering"),
        ("reactive", "off", None),
    ],
)
def test_users_of_alibabas_ahpa_are_understood(strategy: str, mode: str, unlike: str | None) -> None:
    """And told where ours does something else than theirs."""
    parsed = parse_policy({AHPA_STRATEGY: strategy})
    assert (parsed.requested, parsed.policy.mode, parsed.problems, parsed.warnings) == (True, mode, (), ())
    if unlike is None:
        assert parsed.inert == ()
    else:
        assert parsed.inert[0].startswith(f"{AHPA_STRATEGY}: {strategy} is taken for ahpa.dev/mode: {mode}; ")
        assert unlike in parsed.inert[0]


def test_our_own_mode_wins_over_alibabas() -> None:
    assert parse_policy({AHPA_STRATEGY: "auto", PREFIX + "mode": "off"}).policy.mode == "off"


def test_without_a_mode_nobody_asked_for_us() -> None:
    assert not parse_policy({PREFIX + "quantile": "0.9"}).requested
    assert not parse_policy({"other.io/mode": "apply"}).requested
    assert parse_policy({}).policy.mode == "observe"


def test_costs_give_the_newsvendors_level() -> None:
    assert level_of(Policy(replica_cost=2.0, late_cost=100.0)) == pytest.approx(0.98)
    assert level_of(Policy(quantile=0.9)) == 0.9
    assert level_of(Policy(replica_cost=2.0)) is level_of(Policy(late_cost=2.0)) is level_of(Policy()) is None


_NAMES = st.sampled_from([PREFIX + p.name for p in PARAMETERS] + [AHPA_STRATEGY, PREFIX + "x", PREFIX])


@given(st.dictionaries(_NAMES, st.text(max_size=80), max_size=6))
def test_no_text_makes_the_parser_raise_or_leave_the_ranges(annotations: dict[str, str]) -> None:
    policy = parse_policy(annotations).policy
    assert 0 < policy.late_target < 1
    assert policy.quantile is None or 0.5 <= policy.quantile < 1
    assert policy.mode in ("observe", "apply", "off")
    assert 0 < policy.release < 1
    assert policy.lead is None or 0 <= policy.lead < 4e8


@pytest.mark.parametrize(("text", "seconds"), [("50ms", 0.05), ("1s500ms", 1.5), ("20s", 20.0), ("2m", 120.0)])
def test_a_service_time_may_be_short(text: str, seconds: float) -> None:
    assert parse_policy({PREFIX + "service-time": text}).policy.service_time == seconds
    assert parse_policy({PREFIX + "service-time": "0s"}).problems


@pytest.mark.parametrize("annotations", BY_HAND, ids=[f"{''.join(a)}-{i}" for i, a in enumerate(BY_HAND)])
def test_what_nobody_should_write_is_a_problem_with_its_key(annotations: dict[str, str]) -> None:
    (key,) = annotations
    parsed = parse_policy({PREFIX + "mode": "observe", **annotations})
    assert any(key in problem and len(problem) < 400 for problem in parsed.problems)
    assert replace(parsed.policy, mode="observe") == Policy()


def test_of_ten_thousand_unknown_keys_a_few_are_named() -> None:
    """Each had its hint looked for: one tenant's object took half a second of every round."""
    parsed = parse_policy({f"{PREFIX}quantil{i}": "1" for i in range(10_000)})
    assert len(parsed.warnings) == 9
    assert parsed.warnings[-1] == "9992 further keys under ahpa.dev/ are not parameters"
    eight = parse_policy({f"{PREFIX}quantil{i}": "1" for i in range(8)}).warnings
    assert len(eight) == 8
    assert not any("further" in warning for warning in eight)


@pytest.mark.parametrize("size", [4_000, 4_001, 250_000])
def test_of_annotations_without_measure_no_more_is_kept_than_reads_the_same_again(size: int) -> None:
    """A quarter of a MiB of windows, and ten thousand keys of somebody's own under our prefix: a journal of both is
    read to the same end, and takes some KiB."""
    windows = "0 8 * * 1-5 .. 0 20 * * 1-5 min=5;".ljust(size, " ")
    noise = {f"ahpa.dev/x{number}": "y" * 20 for number in range(10_000)}
    first = parse_policy({"ahpa.dev/mode": "apply", "ahpa.dev/windows": windows, **noise})
    assert sum(len(key) + len(text) for key, text in first.raw.items()) < 5_000
    again = parse_policy(first.raw)
    assert (again.policy, again.problems) == (first.policy, first.problems)
