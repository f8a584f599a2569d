"""Each alert rings in one fault of a service that lives, by the rules that ship and Prometheus' own evaluator.

The service, its loop and its /metrics are real; the clock is told what time it is, so that hours take seconds and no
round is late on any machine. (Leases and a watch begin in our time, before the story does.) That a real Prometheus can
scrape that text is test_dashboards.py's.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import yaml

from testbed import Series
from testbed.build import find_parts
from testbed.openmetrics import sample_name
from tests.manifests.rules import alerts, spec
from tests.monitoring.faults import FAULTS, START, Fault, nothing_is_wrong
from tests.monitoring.living import ROUND_MINUTES, Clock, played

STORIES = {"none": Fault(nothing_is_wrong), **FAULTS}
NAMED = set(re.findall(r"\bahpa_\w+", " ".join(rule["expr"] for rule in alerts().values())))


def test_there_is_a_fault_for_each_alert() -> None:
    assert FAULTS.keys() == alerts().keys()


@pytest.mark.testbed
@pytest.mark.parametrize("name", STORIES)
def test_a_fault_rings_the_alert_that_is_for_it(name: str, tmp_path: Path) -> None:
    """And no other, but for those that it is named with; where nothing is wrong, none."""
    fault, clock = STORIES[name], Clock(START)
    with fault.made(tmp_path, clock) as copies:
        began = clock.now
        found = played(copies, clock, fault.hours)
    assert_rang(({name} & FAULTS.keys()) | fault.beside, found, round(clock.now - began), tmp_path)


def assert_rang(names: Collection[str], found: Sequence[Series], seconds: int, directory: Path) -> None:
    """These alerts, and no others, at any moment of the last seconds that were scraped."""
    rang = f'group by (alertname) (max_over_time(ALERTS{{alertstate="firing"}}[{seconds}s]))'
    expected = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(names)]
    last = max(round(each.times[-1]) for each in found)
    series = [
        {"series": sample_name(each.name, each.labels), "values": " ".join(words(each, last))}
        for each in found
        if each.name in NAMED
    ]
    interval = f"{ROUND_MINUTES}m"
    (directory / "rules.yaml").write_text(yaml.safe_dump(spec()))
    (file := directory / "told.yaml").write_text(yaml.safe_dump({
        "rule_files": ["rules.yaml"],
        "evaluation_interval": interval,
        "tests": [{
            "interval": interval,
            "input_series": series,
            "promql_expr_test": [{"expr": rang, "eval_time": f"{last}s", "exp_samples": expected}],
        }],
    }))  # fmt: skip
    asked = [str(find_parts().binaries["promtool"]), "test", "rules", str(file)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def words(one: Series, last: int) -> Iterator[str]:
    """As promtool has it: one for each scrape from the beginning of 1970 to `last`, unix seconds. Of a series that is
    no longer there a scrape leaves a mark, after which it is absent at once."""
    next_at, interval = 0, 60 * ROUND_MINUTES
    for at, value in zip(np.round(one.times / interval).astype(int), one.values, strict=True):
        if next_at and at > next_at:
            yield "stale"
            next_at += 1
        if at > next_at:
            yield f"_x{at - next_at}"
        yield repr(float(value))
        next_at = at + 1
    if next_at * interval <= last:
        yield "stale"
