"""All services at once, and ahpa itself."""

from __future__ import annotations

from ahpa.ports import HORIZONS
from dashboards.panels import COURSES, Board, Panel, Query, Row, Variable

T = "kind, namespace, name"
"""What tells a target: a metric of one is asked for by these, as two jobs may scrape it, or two copies show it."""
N = 'namespace=~"$namespace"'
WHO = (("kind", "Kind"), ("namespace", "Namespace"), ("name", "Name"))
NO_FORECAST = "NoForecast|NoRecentData|FollowsPlan|PartialData|DoubtfulData|QualityLost"
NOT_SERVED = "InvalidPolicy|NoCapacity|Refused"
BY = {
    "actual": "as it was",
    "reactive": "reactive alone",
    "fixed": "a fixed number",
    "advised": "with our floors",
}


def each(metric: str, *said: str, offset: str = "") -> str:
    """A metric of every target, once; or as it was so long ago."""
    back = f" offset {offset}" if offset else ""
    return f"max by ({T}) ({metric}{{{', '.join((N, *said))}}}{back})"


def summed(metric: str, by: str) -> str:
    return f'sum(increase({metric}{{{N}, by="{by}"}}[$__range]))'


def within(horizon: str) -> str:
    """The share of services whose demand now lies in the band that was predicted for it so long ago."""
    demand = each("ahpa_demand")
    low, high = (
        each("ahpa_forecast_demand", f'level="{level}"', f'horizon="{horizon}"', offset=horizon)
        for level in ("0.05", "0.95")
    )
    return f"avg(({demand} >= bool {low}) * ({demand} <= bool {high}))"


PROMISED = f"avg({each('ahpa_forecast_level_ratio')})"
REALISED = each("ahpa_forecast_coverage_ratio", 'level!="0.5"')


SAVED = Row(
    "What it saved",
    (
        Panel(
            "stat",
            "Replica-hours",
            "Over the time range: what the services really had, what their reactive scaler alone would have had, "
            "and what a fixed number that is late as rarely would have had; and with our floors, which in observe mode "
            "nobody set. How the others are worked out: ahpa's documentation.",
            tuple(Query(f"{summed('ahpa_replica_seconds_total', by)} / 3600", words, True) for by, words in BY.items()),
            height=5,
        ),
        Panel(
            "stat",
            "Late requests",
            "Over the time range: requests that had to wait for a replica, as it was and in the same other worlds.",
            tuple(Query(summed("ahpa_late_requests_total", by), words, True) for by, words in BY.items()),
            height=5,
        ),
        Panel(
            "timeseries",
            "Replicas, as it was and otherwise",
            "Before peaks ours (advised; actual where it acts) should be above the reactive one, after them not much.",
            (Query(f"sum by (by) (rate(ahpa_replica_seconds_total{{{N}, {COURSES}}}[$__rate_interval]))", "{{by}}"),),
        ),
        Panel(
            "timeseries",
            "Late requests per second, as it was and otherwise",
            "What the replicas of the panel beside it are for; advised: with our floors.",
            (Query(f"sum by (by) (rate(ahpa_late_requests_total{{{N}, {COURSES}}}[$__rate_interval]))", "{{by}}"),),
            unit="reqps",
        ),
    ),
)

FORECASTS = Row(
    "Forecasts",
    (
        Panel(
            "timeseries",
            "Coverage, promised and realised",
            "Of the peaks that floors follow: the share that was promised not to be exceeded, and that was not, "
            "over the last three days. Realised far below promised means floors that come too low (alert "
            "AHPACoverageBroken).",
            (
                Query(PROMISED, "promised"),
                Query(f"avg({REALISED})", "realised, on average"),
                Query(f"quantile(0.1, {REALISED})", "realised, the worst tenth"),
            ),
            unit="percentunit",
            most=1,
        ),
        Panel(
            "timeseries",
            "Minutes within the predicted band, by horizon",
            "Of all services now: the share whose demand lies in the band (5 % to 95 %) that was predicted so "
            "long ago. Nine of ten is as it should be; the first points come after that time.",
            tuple(Query(within(horizon), f"{horizon} ahead") for horizon in HORIZONS),
            unit="percentunit",
            most=1,
        ),
        Panel(
            "timeseries",
            "Why floors are where they are",
            "Services by the reason of their last decision; docs/failure-policy.md explains each word.",
            (Query(f"count by (reason) (max by ({T}, reason) (ahpa_decision_info{{{N}}}))", "{{reason}}"),),
            stacked=True,
            steps=True,
        ),
        Panel(
            "table",
            "Without a forecast, or not served, and why",
            "Services that asked for a plan and have none now. Each one's own sentence is in its Events.",
            (Query(f'max by ({T}, mode, reason) (ahpa_decision_info{{{N}, reason=~"{NO_FORECAST}|{NOT_SERVED}"}})'),),
            columns=(*WHO, ("mode", "Mode"), ("reason", "Reason")),
        ),
    ),
)

REPLICAS = Row(
    "Replicas and starts",
    (
        Panel(
            "timeseries",
            "Replicas: floors, and what is ready",
            "Sums over all services. In observe mode floors are what they would be.",
            (
                Query(f"sum({each('ahpa_floor_replicas')})", "floor"),
                Query(f"sum({each('ahpa_ready_replicas')})", "ready"),
                Query(f"sum({each('ahpa_baseline_replicas')})", "the owners' minimum"),
            ),
            steps=True,
        ),
        Panel(
            "table",
            "Nearest to their maximum",
            "Ready replicas as a share of what the owner allows. At 100 % a forecast of more (reason "
            "TooManyReplicas) changes nothing: raise the maximum, or accept late requests.",
            (Query(f"topk(20, {each('ahpa_ready_replicas')} / {each('ahpa_maximum_replicas')})"),),
            unit="percentunit",
            columns=(*WHO, ("Value", "Of the maximum")),
        ),
        Panel(
            "timeseries",
            "Where the minutes of a start go",
            "Mean seconds of the last starts in each phase, over all services: what to mend for shorter leads.",
            (Query(f"avg by (phase) (max by ({T}, phase) (ahpa_start_phase_seconds{{{N}}}))", "{{phase}}"),),
            unit="s",
            stacked=True,
        ),
        Panel(
            "table",
            "Slowest starts",
            "Seconds from asked for to ready that nine of ten starts keep: so far ahead is planned.",
            (Query(f"topk(20, {each('ahpa_readiness_seconds')})"),),
            unit="s",
            columns=(*WHO, ("Value", "Nine of ten within")),
        ),
    ),
)

ITSELF = Row(
    "ahpa itself",
    (
        Panel(
            "table",
            "Alerts that ring",
            "Of this project's rules (config/components/monitoring); what to do about each: docs/alerts.md.",
            (Query('ALERTS{alertname=~"AHPA.*", alertstate="firing"}'),),
            width=6,
            height=6,
            columns=(("alertname", "Alert"), ("severity", "Severity")),
        ),
        Panel(
            "stat",
            "Who leads",
            "1: this copy holds the Lease, and may write. Each Lease is held by one.",
            (Query("max by (lease, instance) (ahpa_leader)", "{{lease}} {{instance}}", True),),
            width=6,
            height=6,
        ),
        Panel(
            "stat",
            "Since the last round, and the last learning",
            "Rounds come each minute, refits each hour.",
            (
                Query("time() - max(ahpa_last_tick_timestamp_seconds)", "round", True),
                Query("time() - max(ahpa_last_refit_timestamp_seconds)", "learning", True),
            ),
            unit="s",
            width=6,
            height=6,
        ),
        Panel(
            "stat",
            "History read",
            "How much of the history to learn from was read since the start, by the copy that has least.",
            (Query("min(ahpa_history_complete_ratio)", "read", True),),
            unit="percentunit",
            width=6,
            height=6,
        ),
        Panel(
            "timeseries",
            "How long rounds and refits take",
            "Means. A round of more than a minute delays the next.",
            tuple(
                Query(
                    f"sum(rate(ahpa_{job}_duration_seconds_sum[$__rate_interval])) "
                    f"/ sum(rate(ahpa_{job}_duration_seconds_count[$__rate_interval]))",
                    words,
                )
                for job, words in (("tick", "round"), ("refit", "refit"))
            ),
            unit="s",
        ),
        Panel(
            "timeseries",
            "Memory",
            "Of each copy: what the kernel counts for its container, the limit, and the main process alone.",
            (
                Query("max by (instance) (ahpa_memory_working_set_bytes)", "{{instance}} container"),
                Query("max by (instance) (ahpa_memory_limit_bytes)", "{{instance}} limit"),
                Query(
                    "max by (instance) (process_resident_memory_bytes and on (instance) ahpa_build_info)",
                    "{{instance}} process",
                ),
            ),
            unit="bytes",
        ),
        Panel(
            "timeseries",
            "Writes to targets per second",
            "By what became of them: done, failed (refused or no answer), conflict (tried again in the next round).",
            (Query("sum by (result) (rate(ahpa_writes_total[$__rate_interval]))", "{{result}}"),),
        ),
        Panel(
            "timeseries",
            "What went wrong, per second",
            "Demand queries without an answer that could be trusted, rounds and refits that failed or were skipped.",
            (
                Query("sum(rate(ahpa_metrics_errors_total[$__rate_interval]))", "demand queries"),
                Query("sum(rate(ahpa_job_errors_total[$__rate_interval]))", "rounds and refits that failed"),
                Query("sum(rate(ahpa_rounds_skipped_total[$__rate_interval]))", "rounds and refits that were skipped"),
            ),
        ),
        Panel(
            "timeseries",
            "Data that were not lowered on, per second",
            "Services, round by round, by why their data were not trusted.",
            (Query("sum by (reason) (rate(ahpa_distrusted_total[$__rate_interval]))", "{{reason}}"),),
            stacked=True,
        ),
        Panel(
            "timeseries",
            "Watched collections: seconds since the API server said something",
            "After a minute they are not believed. A kind that the cluster does not have is not shown.",
            (
                Query(
                    "max by (collection) (ahpa_watch_silent_seconds and ahpa_watch_lists_total > 0)", "{{collection}}"
                ),
            ),
            unit="s",
        ),
    ),
)

FLEET = Board(
    "ahpa-fleet",
    "ahpa: fleet",
    "All services that ahpa plans for: what it saved, what its forecasts are worth, who needs a look, and ahpa itself.",
    (Variable("namespace", "label_values(ahpa_floor_replicas, namespace)", many=True),),
    (SAVED, FORECASTS, REPLICAS, ITSELF),
)
