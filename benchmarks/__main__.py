"""`python -m benchmarks` (`make bench`): every measurement, one after the other; each can be run by its own name."""

from __future__ import annotations

import subprocess
import sys

MEASUREMENTS = {
    "process": "start of the command, memory of the idle controller",
    "annotations": "how long hostile annotations take to read",
    "memory": "the controller at its largest, while it refits (half an hour)",
    "fleet": "the service by size: ticks, requests, memory, writes (half an hour)",
    "fleet_queries": "reading the demand of 10,000 services from a real Prometheus (some minutes)",
    "settings": "what trying and choosing the settings adds to a tick and a refit",
    "page": "the page of 100 to 10,000 services",
    "savings": "what is counted as saved, beside the exact world (half an hour)",
    "autoscalers": "our KPA and HPA against the real Go code (builds it on first use)",
    "backtest": "the backtest by days and by services",
    "forecasting": "accuracy against peers, cost by size (half an hour and more)",
    "results": "the backtest on real traces, written to docs/results.md (half an hour and more)",
}


def main() -> int:
    asked = sys.argv[1:] or list(MEASUREMENTS)
    for name in asked:
        if name not in MEASUREMENTS:
            print(f"{name} is not one of {', '.join(MEASUREMENTS)}", file=sys.stderr)
            return 2
    failed = 0
    for name in asked:
        print(f"\n== {name}: {MEASUREMENTS[name]}", flush=True)
        failed |= subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
