"""T11: a thousand services, with fourteen days of minutes instead of the list's hours, for twenty cycles; and a list of
five thousand objects.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from benchmarks.fleet.__main__ import measure
from benchmarks.fleet.processes import stand_in
from tests.reliability.reached import Reached

SERVICES, CYCLES = 1000, 20
LISTED = """
import json, resource, sys, time
from kubernetes import client
from ahpa.adapters.kubernetes.api import Kube
settings = client.Configuration()
settings.host = sys.argv[1]
kube = Kube(client.ApiClient(settings))
kube.items("/api/v1/namespaces/team-001/pods")
before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
found = kube.items("/apis/serving.knative.dev/v1/revisions")
seconds = time.process_time() - began
print(json.dumps([len(found), seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024]))
"""


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_thousand_services_for_twenty_cycles(reached: Reached) -> None:
    """The list allows 200 MiB for hourly data; the fortnight of minutes alone is 80 MiB in four bytes a number."""
    found = measure(SERVICES, 1.0, ["--tick", "15s", "--kinds", "knative"], CYCLES)
    assert found["longest"] <= 60
    assert found["refit"] <= 120
    assert found["together"] <= 512
    figure = (
        f"cycle {found['tick']:.1f} s (longest {found['longest']:.1f}), refit {found['refit']:.0f} s, at most "
        f"{found['together']:.0f} MiB with the process that learns, first forecasts after {found['first']:.0f} s"
    )
    reached("T11", f"{SERVICES:,} services, 14 days of minutes, {CYCLES} cycles", figure)


@pytest.mark.soak
def test_a_list_of_five_thousand_objects(reached: Reached) -> None:
    with stand_in("api", "--services", "5000") as (url, _):
        said = subprocess.run([sys.executable, "-c", LISTED, url], check=True, stdout=subprocess.PIPE, text=True).stdout
    count, seconds, mib = json.loads(said)
    assert count == 5000
    assert seconds <= 1.0
    assert mib <= 100, "the list says 60: text and objects are there at once; pages would halve it"
    reached("T11", "a list of 5,000 Revisions", f"{seconds:.2f} CPU s, {mib:.0f} MiB")
