"""`python -m benchmarks.process`: how quickly the command answers and how small the idle controller is.

Wall seconds are medians beside a peer in the same run (`python -c pass`), memory is resident (Linux).
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

RUNS = 9
_PEAK = """
import ahpa.cli, ahpa.service.loop, ahpa.service.rounds
from ahpa.adapters.processes.memory import give_freed_arrays_back
give_freed_arrays_back()
from apscheduler.schedulers.background import BackgroundScheduler
from kubernetes import client
from prometheus_api_client import PrometheusConnect
client.ApiClient(client.Configuration())
from forecasting.choice.models import models
models()
print(open('/proc/self/status').read())
import sys
print('LOADED', [name for name in ('pandas', 'scipy', 'statsmodels', 'prophet', 'matplotlib') if name in sys.modules])
"""


def seconds(words: list[str]) -> float:
    """Median wall seconds of a command."""
    taken = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run(words, check=True, capture_output=True)
        taken.append(time.perf_counter() - began)
    return median(taken)


def main() -> None:
    ahpa = str(Path(sys.executable).with_name("ahpa"))
    bare, help_ = seconds([sys.executable, "-c", "pass"]), seconds([ahpa, "--help"])
    load = seconds([ahpa, "serve", "--help"])
    print(f"python -c pass     {bare:6.3f} s")
    print(f"ahpa --help        {help_:6.3f} s   {help_ / bare:.1f} x   (to stay under 0.3 s)")
    print(f"ahpa serve --help  {load:6.3f} s   {load / bare:.1f} x")
    said = subprocess.run([sys.executable, "-c", _PEAK], check=True, capture_output=True, text=True).stdout
    found = re.search(r"VmRSS:\s+(\d+) kB", said)
    assert found is not None
    print(f"controller, idle   {int(found.group(1)) / 1024:6.1f} MiB   (to stay under 100 MiB)")
    print(f"model libraries loaded by then: {said.rpartition('LOADED')[2].strip()}")


if __name__ == "__main__":
    main()
