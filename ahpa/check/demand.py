"""What Prometheus gives: how often it scrapes, how far back it goes, what it has of each service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ahpa.check.finding import Finding, Outcome
from ahpa.core.words import seconds
from ahpa.ports import DemandSource, Reading
from ahpa.service.listing import Asked, Listing
from ahpa.service.settings import RECENT_SECONDS, Settings
from forecasting.panel import Floats

TYPICAL, SLOWEST = "half of all targets", "the slowest twentieth"
_INTERVAL = "quantile({share}, 300 / count_over_time(up[5m]))"
SCRAPES = {TYPICAL: _INTERVAL.format(share=0.5), SLOWEST: _INTERVAL.format(share=0.95)}
"""Seconds between two scrapes of a target; targets that came less than five minutes ago seem slower."""
UP = "count(up)"
PODS = "count(kube_pod_info)"
"""Of kube-state-metrics."""
HOUR = 3600.0
LEAST_HISTORY = 2 * 86_400.0
"""Two days: with less there is no day to compare another with (docs/limits.md)."""
MOST_SAID = 20
"""So many services are named for one trouble."""


def demand_findings(source: DemandSource, listing: Listing | None, settings: Settings, url: str, now: float) -> (
    Iterator[Finding]
):  # fmt: skip
    """One line after the other; `listing` None: who asked for us could not be seen. Raises nothing."""
    recent = source.read(SCRAPES | {"up": UP, "pods": PODS}, now - RECENT_SECONDS, now, settings.step_seconds)
    if "up" in recent.problems:
        do = "look into --prometheus and its credentials; from outside the cluster use kubectl port-forward"
        yield Finding(Outcome.UNREACHABLE, "prometheus", url, recent.problems["up"], do)
        return
    yield _up(_newest(recent, "up"), url)
    yield _scrapes({name: _newest(recent, name) for name in SCRAPES}, settings.step_seconds, url)
    yield _state_metrics(_newest(recent, "pods"), url)
    yield _retention(source, settings, url, now)
    if listing is not None:
        yield from _services(source, listing, settings, now)


def clock_findings(skews: Mapping[str, float], most: float) -> Iterator[Finding]:
    """`skews`: by server, the seconds that our clock is ahead of it; beyond `most` nothing is lowered."""
    for server, skew in skews.items():
        said = f"our clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} it"
        if abs(skew) > most:
            said += f"; beyond {most:g} s nothing is lowered"
            yield Finding(Outcome.FAILED, "clock", server, said, "let both machines follow NTP")
        elif abs(skew) > most / 3:
            yield Finding(Outcome.WARNING, "clock", server, said, "let both machines follow NTP")
        else:
            yield Finding(Outcome.OK, "clock", server, f"no more than {most / 3:g} s apart")


def _up(count: float | None, url: str) -> Finding:
    if count is None:
        said = "answers, and has no series `up`: it scrapes nothing, or shows us another tenant"
        return Finding(Outcome.WARNING, "prometheus", url, said, "is it the one that scrapes your services?")
    return Finding(Outcome.OK, "prometheus", url, f"answers, and scrapes {count:.0f} targets")


def _scrapes(intervals: Mapping[str, float | None], step: float, url: str) -> Finding:
    """rate() over one step needs two samples in it."""
    known = {name: interval for name, interval in intervals.items() if interval is not None}
    if not known:
        return Finding(Outcome.WARNING, "scrape interval", url, "cannot be found: there are no samples of `up`")
    told = ", ".join(f"{name} every {interval:.0f} s" for name, interval in known.items())
    if max(known.values()) * 2 <= step * 1.1:  # a tenth of tolerance: count_over_time may miss one at the edge
        return Finding(Outcome.OK, "scrape interval", url, f"{told}; a step of {step:g} s has two")
    outcome = Outcome.FAILED if known.get(TYPICAL, 0.0) * 2 > step * 1.1 else Outcome.WARNING
    said = f"{told}: a rate() over a step of {step:g} s sees nothing of what is scraped less than twice in it"
    return Finding(outcome, "scrape interval", url, said, f"scrape every {step / 2:g} s, or raise --step")


def _state_metrics(pods: float | None, url: str) -> Finding:
    if pods is None:
        said = "no kube-state-metrics: starts of replicas are seen only while we look, and learned anew after a restart"
        return Finding(Outcome.WARNING, "kube-state-metrics", url, said, "let Prometheus scrape kube-state-metrics")
    return Finding(Outcome.OK, "kube-state-metrics", url, f"tells of {pods:.0f} pods")


def _retention(source: DemandSource, settings: Settings, url: str, now: float) -> Finding:
    asked = settings.history_seconds
    reading = source.read({"up": UP}, now - asked, now, max(HOUR, settings.step_seconds))
    age = _oldest(reading.panel.values[0], reading.panel.step)
    if "up" in reading.problems or age is None:
        why = reading.problems.get("up", "it has nothing of `up`")
        return Finding(Outcome.WARNING, "history", url, f"cannot be found: {why}")
    if age < asked - 2 * reading.panel.step:
        said = f"goes back {seconds(age)} of the {seconds(asked)} that --history asks for"
        return Finding(Outcome.WARNING, "history", url, said, "keep more (--storage.tsdb.retention.time), or wait")
    return Finding(Outcome.OK, "history", url, f"goes back {seconds(asked)}, as --history asks")


def _services(source: DemandSource, listing: Listing, settings: Settings, now: float) -> Iterator[Finding]:
    """How many of those that asked for us have demand now, and how much of a past; and who has not, and why."""
    for kind, error in listing.unlisted.items():
        if error.status != 404:
            yield Finding(Outcome.FAILED, "targets", kind, f"cannot be listed: {error}", "look at the rights above")
    if not listing.asked:
        said = "nobody asked for us yet"
        yield Finding(Outcome.OK, "targets", "services", said, "annotate one with ahpa.dev/mode=observe")
        return
    queried = [asked for asked in listing.asked if asked.query is not None]
    yield from _unasked([asked for asked in listing.asked if asked.query is None and asked.parsed.policy.mode != "off"])
    recent = source.read(listing.queries, now - RECENT_SECONDS, now, settings.step_seconds)
    past = source.read(listing.queries, now - settings.history_seconds, now, max(HOUR, settings.step_seconds))
    rows = dict(zip(recent.panel.keys, recent.panel.values, strict=True))
    ages = {key: _oldest(row, past.panel.step) for key, row in zip(past.panel.keys, past.panel.values, strict=True)}
    silent = {asked.target.key: why for asked in queried if (why := _silent(asked, recent, rows[asked.series]))}
    young = {
        asked.target.key: f"{seconds(ages[asked.series] or 0.0)} of history; with less than two days nothing repeats"
        for asked in queried
        if asked.target.key not in silent and (ages[asked.series] or 0.0) < min(LEAST_HISTORY, settings.history_seconds)
    }
    yield Finding(Outcome.OK, "queries", "services", f"{len(queried) - len(silent)} of {len(queried)} answer")
    yield from _named(silent, "queries", "kubectl ahpa explain shows the query; ask Prometheus for it")
    yield from _named(young, "history", "wait, or back-fill; `ahpa.dev/event` tells what is known beforehand")


def _unasked(refused: Sequence[Asked]) -> Iterator[Finding]:
    yield from _named(
        {each.target.key: "; ".join(each.parsed.problems) or each.target.no_demand or "nothing measures it"
         for each in refused},
        "queries", "docs/annotations.md says what may be set",
    )  # fmt: skip


def _silent(asked: Asked, recent: Reading, row: Floats) -> str:
    """Why one gives nothing now; empty: it does."""
    if (problem := recent.problems.get(asked.series)) is not None:
        return problem
    if np.isfinite(row).any():
        return ""
    return f"nothing in the last hour: {asked.query}"


def _named(troubles: Mapping[str, str], what: str, do: str) -> Iterator[Finding]:
    for key in sorted(troubles)[:MOST_SAID]:
        yield Finding(Outcome.WARNING, what, key, troubles[key], do)
    if len(troubles) > MOST_SAID:
        yield Finding(Outcome.WARNING, what, "services", f"{len(troubles) - MOST_SAID} more likewise")


def _newest(reading: Reading, key: str) -> float | None:
    row = reading.panel.values[reading.panel.keys.index(key)]
    seen = row[np.isfinite(row)]
    return float(seen[-1]) if len(seen) else None


def _oldest(row: Floats, step: float) -> float | None:
    """Seconds since the first observed step of a row that ends now."""
    seen = np.flatnonzero(np.isfinite(row))
    return float(len(row) - seen[0]) * step if len(seen) else None
