"""`python -m benchmarks page`: what it costs to make the page of 100, 1,000 and 10,000 services, in CPU seconds.

The rounds are those of a small shop on fakes, copied by other names: what is measured is the page, not the service.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from ahpa.ports import TargetRound
from ahpa.service.showing import Shown
from ahpa.site.as_json import as_json
from ahpa.site.asked import Asked
from ahpa.site.fleet_page import page
from ahpa.site.running import Running
from ahpa.site.seen import Seen
from tests.site.stage import Shop

SIZES = (100, 1000, 10_000)


def copied(each: TargetRound, number: int) -> TargetRound:
    """The same round of another service."""
    target = replace(each.target, namespace=f"team-{number % 50:03}", name=f"service-{number:05}")
    decision, workload = replace(each.decision, key=target.key), replace(each.workload, key=target.key)
    return replace(each, target=target, decision=decision, workload=workload)


def same(shown: Shown) -> Shown:
    """The round that is looked at."""
    return shown


def made(running: Running) -> object:
    """The lines of a round."""
    return Seen(running).round()


def markup(seen: Seen, asked: Asked) -> bytes:
    """A page, of lines that were made before."""
    return page(seen.fleet(asked), asked).encode()


def json(seen: Seen, asked: Asked) -> bytes:
    """The same as JSON."""
    return as_json(seen.fleet(asked))


def seconds(work: Callable[[], object]) -> float:
    """The least of three."""
    found = []
    for _ in range(3):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def main() -> None:
    """A row for each size."""
    shop = Shop().live(2)
    rounds = shop.at.service.shown.rounds
    print("| services | noted, each round | lines, once a round | HTML of 1,000 at most | its KiB | JSON |")
    print("|---:|---:|---:|---:|---:|---:|")
    for count in SIZES:
        shown = Shown(shop.at.service.shown.at, tuple(copied(rounds[i % len(rounds)], i) for i in range(count)))
        seen = Seen(replace(shop.site._seen.running, shown=partial(same, shown)))
        asked = Asked(size=1000, sort="peak", down=True)
        noted = seconds(partial(seen.running.chronicle.note, shown.at, shown.rounds))
        lines = seconds(partial(made, seen.running))
        html, said = seconds(partial(markup, seen, asked)), seconds(partial(json, seen, asked))
        size = len(markup(seen, asked)) / 1024
        print(f"| {count:,} | {noted:.3f} s | {lines:.3f} s | {html:.3f} s | {size:.0f} | {said:.3f} s |", flush=True)


if __name__ == "__main__":
    main()
