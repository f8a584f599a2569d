"""One service, from the days before until tomorrow."""

from __future__ import annotations

from ahpa.ports import HORIZONS
from dashboards.panels import COURSES, Board, Panel, Query, Row, Variable

ONE = 'kind="$kind", namespace="$namespace", name="$name"'


def the(metric: str, *said: str, by: str = "", offset: str = "") -> str:
    """A metric of the service, once: two jobs may scrape it, or two copies show it."""
    back = f" offset {offset}" if offset else ""
    return f"max{f' by ({by})' if by else ''} ({metric}{{{', '.join((ONE, *said))}}}{back})"


def predicted(level: str, horizon: str) -> str:
    """What was predicted of this moment so long ago: it reaches as far beyond now."""
    return the("ahpa_forecast_demand", f'level="{level}"', f'horizon="{horizon}"', offset=horizon)


DEMAND = the("ahpa_demand")

AHEAD = Row(
    "Demand and replicas",
    (
        Panel(
            "timeseries",
            "Demand, and what was predicted of it",
            "The band and its middle were predicted a day before, so they reach until tomorrow; the line of an "
            "hour before reaches an hour. In the unit of the service's query. Of ten minutes nine should lie in "
            "the band.",
            (
                Query(DEMAND, "demand"),
                Query(predicted("0.5", "24h"), "predicted a day before"),
                Query(predicted("0.5", "1h"), "predicted an hour before"),
                Query(predicted("0.95", "24h"), "upper edge, a day before"),
                Query(predicted("0.05", "24h"), "lower edge, a day before"),
            ),
            width=24,
            height=10,
            bands=(("upper edge, a day before", "lower edge, a day before"),),
        ),
        Panel(
            "timeseries",
            "Replicas",
            "The floor rises before a peak by as much as starts take, so that what is ready has risen when it "
            "comes. In observe mode the floor is what it would be.",
            (
                Query(the("ahpa_floor_replicas"), "floor"),
                Query(the("ahpa_ready_replicas"), "ready"),
                Query(the("ahpa_baseline_replicas"), "its owner's minimum"),
                Query(the("ahpa_maximum_replicas"), "its owner's maximum"),
            ),
            width=24,
            steps=True,
        ),
        Panel(
            "state-timeline",
            "Decisions",
            "The reason of the decision in force: docs/failure-policy.md explains each word, the Events on the "
            "object have the sentences with their numbers.",
            (Query(the("ahpa_decision_info", by="reason"), "{{reason}}"),),
            width=24,
            height=6,
        ),
    ),
)

WORTH = Row(
    "What its forecasts are worth",
    (
        Panel(
            "timeseries",
            "Predicted peak over the lead",
            "The largest demand of the time that a start takes, in the middle and at the level that the floor "
            "follows, beside the demand now.",
            (Query(the("ahpa_forecast_peak", by="level"), "at {{level}}"), Query(DEMAND, "demand")),
        ),
        Panel(
            "timeseries",
            "Off by, by horizon",
            "Between the demand and the middle that was predicted so long ago, in the unit of the query.",
            tuple(Query(f"abs({DEMAND} - {predicted('0.5', horizon)})", f"{horizon} ahead") for horizon in HORIZONS),
        ),
        Panel(
            "timeseries",
            "Coverage, promised and realised",
            "Of the peaks that the floor follows, over the last three days.",
            (
                Query(the("ahpa_forecast_level_ratio"), "promised"),
                Query(the("ahpa_forecast_coverage_ratio", 'level!="0.5"'), "realised"),
            ),
            unit="percentunit",
            most=1,
        ),
        Panel(
            "timeseries",
            "Errors beside those of reacting alone",
            "Below 1 forecasting is better; above 1.5 the forecast loses its say (QualityLost).",
            (Query(the("ahpa_forecast_error_ratio"), "forecast / reacting"),),
        ),
    ),
)

COST = Row(
    "Late requests and replicas",
    (
        Panel(
            "timeseries",
            "Late requests, as a share",
            "As measured or worked out lately, and what the chosen setting and no floor would have had.",
            (
                Query(the("ahpa_late_ratio"), "lately"),
                Query(the("ahpa_setting_late_ratio", by="floor"), "floor: {{floor}}"),
            ),
            unit="percentunit",
        ),
        Panel(
            "timeseries",
            "Replicas, as it was and otherwise",
            "What it had, what its reactive scaler alone would have had, a fixed number that is late as rarely, and "
            "with our floors (advised), which in observe mode nobody set.",
            (Query(f"sum by (by) (rate(ahpa_replica_seconds_total{{{ONE}, {COURSES}}}[$__rate_interval]))", "{{by}}"),),
        ),
        Panel(
            "timeseries",
            "How full replicas are filled",
            "The share of its slots to which the scaler is told to fill a replica while the forecast is trusted; "
            "no line: to its owner's own.",
            (Query(the("ahpa_target_utilization_ratio"), "told to fill to"),),
            unit="percentunit",
            most=1,
        ),
        Panel(
            "timeseries",
            "Floor not followed",
            "1 where fewer replicas are asked for than the floor that is in force: another writer, or a scaler "
            "that is switched off (alert AHPAFloorIgnored).",
            (Query(the("ahpa_floor_ignored"), "not followed"),),
            most=1,
            steps=True,
        ),
    ),
)

STARTS = Row(
    "Starts",
    (
        Panel(
            "timeseries",
            "From asked for to ready",
            "Seconds that nine of ten starts keep, by tier of nodes: so far ahead is planned.",
            (Query(the("ahpa_readiness_seconds", by="tier"), "{{tier}}"),),
            unit="s",
        ),
        Panel(
            "timeseries",
            "Where the minutes go",
            "Mean seconds of the last starts in each phase. Nothing before a start was seen from end to end.",
            (Query(the("ahpa_start_phase_seconds", by="phase"), "{{phase}}"),),
            unit="s",
            stacked=True,
        ),
    ),
)

SERVICE = Board(
    "ahpa-service",
    "ahpa: service",
    "One service: what was asked of it, what was foreseen, what was decided, and what that was worth.",
    (
        Variable("namespace", "label_values(ahpa_floor_replicas, namespace)"),
        Variable("kind", 'label_values(ahpa_floor_replicas{namespace="$namespace"}, kind)'),
        Variable("name", 'label_values(ahpa_floor_replicas{namespace="$namespace", kind="$kind"}, name)'),
    ),
    (AHEAD, WORTH, COST, STARTS),
    since="now-2d",
    until="now+1d",
)
