"""What is to be tested, and what it must reach: T1 to T22 of our reliability list, in few words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Listed:
    """One test of the list."""

    test: str
    what: str
    bar: str
    """What it must reach, at full size."""


LIST = (
    Listed("T1", "damaged series, all models", "nothing raised; finite; 0 ≤ floor ≤ cap; a fit at most 10 s"),
    Listed("T2", "bad annotations", "nothing raised; nothing written to who is wrong; neighbours served; p99 1 ms"),
    Listed("T3", "names that would change a query", "0 queries of another shape"),
    Listed(
        "T4", "a Prometheus that fails in every way", "0 lowering writes; round ≤ 30 s; +150 MiB; normal a round later"
    ),
    Listed(
        "T5", "an API server that fails in every way", "0 lost edits; 0 wrong objects; ≤ 20 writes/s; ≤ 1 list/s a kind"
    ),
    Listed("T6", "leadership under every fault", "two-leader time 0.00 s; takeover ≤ lease + 2 retries"),
    Listed("T7", "kill -9 at random points", "settled within a round; 0 lost baselines; 0 half-written states"),
    Listed("T8", "owners' edits during our writes", "0 lost edits"),
    Listed(
        "T9", "faults of workers", "controller alive; pool back ≤ 2 s; others refitted; the culprit left out after 2"
    ),
    Listed("T10", "clocks that jump, machines that sleep", "next tick ≤ 2 periods; 0 lowering writes"),
    Listed("T11", "scale", "round, refit, memory and writes within the bars of 1,000 and 10,000 services"),
    Listed("T12", "fairness between namespaces", "others' data at most 2 rounds old"),
    Listed("T13", "soak with faults and changes of leader", "all invariants; ≤ 1 MiB per 1,000 rounds; 0 missed"),
    Listed("T14", "each guard with all others off; mutants", "each holds alone; ≥ 90 % of mutants killed"),
    Listed("T15", "a load that grows with what it is given", "floor ≤ cap; ≤ 2 changes of direction; no growth after"),
    Listed("T16", "metrics vanish at the peak, or before it", "never below the floor for a hold; then ≤ 10 % a round"),
    Listed("T17", "switched off while calls fail", "all as their owners had it within 60 s"),
    Listed("T18", "upgrade and downgrade with records on objects", "0 needless writes; unknown keys kept"),
    Listed("T19", "hostile files on the command line", "refused ≤ 1 s, ≤ 200 MiB, with the line"),
    Listed("T20", "the same input in many processes", "byte-equal"),
    Listed("T21", "rights and fences on a real API server", "allowed and refused exactly as written"),
    Listed(
        "T22",
        "each fault can be seen",
        "one counter by reason, and an Event or a log line; ready and alive all the while",
    ),
)
