"""`python -m benchmarks.annotations`: how long it takes to read one object's annotations, however hostile."""

from __future__ import annotations

import time

import numpy as np

from ahpa.core.policy.rules import parse_policy
from tests.core.hostile_policies import BY_HAND, generated

COUNT = 10_000


def main() -> None:
    parse_policy({"ahpa.dev/time-zone": "Europe/Berlin"})  # reads the table of zones, 8 ms once in a process
    taken = []
    for noted in [*BY_HAND, *generated(COUNT, seed=1)]:
        began = time.process_time()  # of the processor: others may use the machine
        parse_policy(noted)
        taken.append(1000 * (time.process_time() - began))
    median, p99 = np.quantile(taken, (0.5, 0.99))
    print(f"{len(taken)} objects: median {median:.3f} ms, p99 {p99:.3f} ms (to stay under 1 ms), ", end="")
    print(f"longest {max(taken):.2f} ms (to stay under 10 ms)")


if __name__ == "__main__":
    main()
