"""Bounds by the clock, in the words of our windows."""

from __future__ import annotations

import pytest

from ahpa.migration import alibaba, crane, kapacity, keda
from ahpa.migration.migrated import Migrated
from tests.migration.examples import AHPA, CRANE, KAPACITY, KEDA, at, item_of, short, told

MOVES = [
    (alibaba.from_ahpa, AHPA, "spec.instanceBounds[0].bounds[0]",
     "* 7-9 ? * MON-FRI min=10 max=50 from=2023-06-01T00:00 until=2123-06-01T00:00"),
    (crane.from_crane, CRANE, "spec.crons[0]", "0 8 ? * * .. 0 20 ? * * min=5 zone=Europe/Berlin"),
    (crane.from_crane, CRANE.replace("timezone: Europe/Berlin, ", ""), "spec.crons[0]",
     "0 8 ? * * .. 0 20 ? * * min=5 zone=UTC"),
    (kapacity.from_kapacity, KAPACITY, "spec.portraitProviders[1].cron.crons[0]",
     "0 11 * * * .. 0 14 * * * min=6 zone=UTC"),
    (keda.from_keda, KEDA, "spec.triggers[0]", "30 8 * * 1-5 .. 0 18 * * 1-5 min=10 zone=Europe/Berlin"),
]  # fmt: skip


@pytest.mark.parametrize(("translate", "text", "field", "window"), MOVES, ids=short)
def test_a_bound_by_the_clock_becomes_a_window(translate: object, text: str, field: str, window: str) -> None:
    assert callable(translate)
    out = translate(item_of(text))
    assert isinstance(out, Migrated)
    noted = at(out.result, "metadata/annotations")
    assert isinstance(noted, dict)
    assert noted["ahpa.dev/windows"] == window
    assert told(out, field).startswith(f"ahpa.dev/windows: {window}")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (AHPA, "it names no time zone"),
        (AHPA.replace("Strategy: auto", "Strategy: observer"), "nobody keeps it until ahpa.dev/mode is apply"),
        (AHPA.replace("maxReplicas: 50, minReplicas: 10", "maxReplicas: 20"), "bounds our floor"),
        (AHPA.replace("* 7-9 ? * MON-FRI", "often"), "left out: "),
        (AHPA.replace("2023-06-01 00:00:00", "soon"), "left out: "),
    ],
    ids=short,
)
def test_what_a_window_cannot_say_is_told(text: str, says: str) -> None:
    out = alibaba.from_ahpa(item_of(text))
    assert says in told(out, "spec.instanceBounds[0].bounds[0]")
    assert out.needs_you


CLOCK = "30 8 * * 1-5 .. 0 18 * * 1-5 min=10 zone=Europe/Berlin"


@pytest.mark.parametrize(
    ("there", "then"),
    [
        ("0 0 * * * .. 0 6 * * * max=4", f"0 0 * * * .. 0 6 * * * max=4; {CLOCK}"),
        ("0 0 * * * .. 0 6 * * * max=4;\n", f"0 0 * * * .. 0 6 * * * max=4; {CLOCK}"),
        (CLOCK, CLOCK),
        (f"{CLOCK}\n0 0 * * * .. 0 6 * * * max=4", f"{CLOCK}; 0 0 * * * .. 0 6 * * * max=4"),
    ],
)
def test_the_windows_that_a_scaled_object_has_stay_beside_those_of_its_clocks(there: str, then: str) -> None:
    """The note says to take the trigger out, so its window has to be there; moved twice, it is there once."""
    item = item_of(KEDA)
    item["metadata"]["annotations"] = {"ahpa.dev/windows": there, "ahpa.dev/mode": "apply"}
    out = keda.from_keda(item)
    assert at(out.result, "metadata/annotations") == {"ahpa.dev/windows": then, "ahpa.dev/mode": "apply"}
