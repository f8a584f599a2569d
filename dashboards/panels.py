"""Panels, and a dashboard of them, as Grafana's classic JSON model has them.

Sources: Grafana's "Dashboard JSON model" (docs/sources/dashboards/build-dashboards/view-dashboard-json-model), and for
the options of each panel its schema in github.com/grafana/grafana-foundation-sdk. Only panels that every Grafana has:
row, stat, state-timeline, table, timeseries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

Json = dict[str, object]

SCHEMA_VERSION = 39
"""Some years old, so that older Grafanas read it too; newer ones bring it up to date when they load it."""
COLUMNS = 24
COURSES = 'by=~"actual|reactive|fixed|advised"'
"""What was, and what would have been; the fifth, `modelled`, is for the interval (docs/decisions/0082)."""
SOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
LETTERS = "ABCDEFGHIJKL"


@dataclass(frozen=True)
class Query:
    """One PromQL."""

    expr: str
    legend: str = ""
    """What its lines are called, with labels as `{{name}}`."""
    instant: bool = False
    """Only its value at the end of the time range."""


@dataclass(frozen=True)
class Panel:
    """One picture."""

    kind: str
    title: str
    text: str
    """What it shows, and what to make of it: the little (i) beside the title."""
    queries: tuple[Query, ...]
    unit: str = "short"
    width: int = 12
    height: int = 8
    stacked: bool = False
    steps: bool = False
    """Lines hold their value until the next."""
    most: float | None = None
    bands: tuple[tuple[str, str], ...] = ()
    """Lines by their legends: the upper and the lower edge of an area."""
    columns: tuple[tuple[str, str], ...] = ()
    """Of a table: the label or value, and its head; all others are left out."""


@dataclass(frozen=True)
class Row:
    """A heading, and what is under it."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Variable:
    """What a reader chooses: the values of a label."""

    name: str
    query: str
    many: bool = False


@dataclass(frozen=True)
class Board:
    """One dashboard."""

    uid: str
    title: str
    text: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]
    since: str = "now-24h"
    until: str = "now"
    links: tuple[Json, ...] = field(default=())


def board(said: Board) -> Json:
    """Its JSON."""
    return {
        "uid": said.uid,
        "title": said.title,
        "description": said.text,
        "tags": ["ahpa", "autoscaling"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "1m",
        "time": {"from": said.since, "to": said.until},
        "timepicker": {},
        "annotations": {"list": []},
        "links": list(said.links),
        "templating": {"list": [_datasource(), *(_variable(each) for each in said.variables)]},
        "panels": list(_laid_out(said.rows)),
    }


def _laid_out(rows: Iterable[Row]) -> Iterable[Json]:
    """From left to right and from top to bottom."""
    number, y = 1, 0
    for row in rows:
        place = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
        yield {"id": number, "type": "row", "title": row.title, "collapsed": False, "gridPos": place, "panels": []}
        number, y, x, tallest = number + 1, y + 1, 0, 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                y, x, tallest = y + tallest, 0, 0
            place = {"x": x, "y": y, "w": panel.width, "h": panel.height}
            yield {"id": number, "gridPos": place, **_panel(panel)}
            number, x, tallest = number + 1, x + panel.width, max(tallest, panel.height)
        y += tallest


def _panel(said: Panel) -> Json:
    custom = _lines(said) if said.kind == "timeseries" else _CUSTOM[said.kind]
    defaults: Json = {"unit": said.unit, "color": {"mode": "palette-classic"}, "custom": custom}
    if said.kind == "timeseries":
        defaults["min"] = 0
    if said.most is not None:
        defaults["max"] = said.most
    out: Json = {
        "type": said.kind,
        "title": said.title,
        "description": said.text,
        "datasource": SOURCE,
        "targets": [_target(said, query, letter) for query, letter in zip(said.queries, LETTERS, strict=False)],
        "fieldConfig": {"defaults": defaults, "overrides": _overrides(said.bands)},
        "options": _OPTIONS[said.kind],
    }
    if said.columns:
        out["transformations"] = _only(said.columns)
    return out


def _target(panel: Panel, query: Query, letter: str) -> Json:
    instant = query.instant or panel.kind == "table"
    return {
        "refId": letter,
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "instant": instant,
        "range": not instant,
        "format": "table" if panel.kind == "table" else "time_series",
    }


def _lines(said: Panel) -> Json:
    return {
        "drawStyle": "line",
        "lineInterpolation": "stepAfter" if said.steps else "linear",
        "lineWidth": 1,
        "fillOpacity": 60 if said.stacked else 0,
        "showPoints": "never",
        "spanNulls": 300_000,  # milliseconds: a scrape or two that are missing
        "stacking": {"mode": "normal" if said.stacked else "none", "group": "A"},
    }


_CUSTOM: dict[str, Json] = {
    "state-timeline": {"fillOpacity": 70, "lineWidth": 0},
    "stat": {},
    "table": {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True, "inspect": False},
}

_LEGEND: Json = {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []}
_OPTIONS: dict[str, Json] = {
    "timeseries": {"legend": _LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}},
    "state-timeline": {
        "legend": {**_LEGEND, "showLegend": False},
        "tooltip": {"mode": "single", "sort": "none"},
        "mergeValues": True,
        "showValue": "never",
        "rowHeight": 0.8,
        "alignValue": "left",
    },
    "stat": {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "auto",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    },
    "table": {"showHeader": True, "cellHeight": "sm", "frameIndex": 0},
}


def _overrides(bands: Sequence[tuple[str, str]]) -> list[Json]:
    """The area between two lines, without the lines."""

    def of(name: str, *properties: Json) -> Json:
        thin: list[Json] = [{"id": "custom.lineWidth", "value": 0}, {"id": "color", "value": _BAND_COLOR}]
        return {"matcher": {"id": "byName", "options": name}, "properties": [*thin, *properties]}

    out = []
    for upper, lower in bands:
        below: list[Json] = [{"id": "custom.fillBelowTo", "value": lower}, {"id": "custom.fillOpacity", "value": 20}]
        out += [of(upper, *below), of(lower)]
    return out


_BAND_COLOR: Json = {"mode": "fixed", "fixedColor": "blue"}


def _only(columns: Sequence[tuple[str, str]]) -> list[Json]:
    """A table of these columns in this order, whatever else the series say of themselves."""
    names = [name for name, _ in columns]
    return [
        {"id": "merge", "options": {}},
        {"id": "filterFieldsByName", "options": {"include": {"names": names}}},
        {
            "id": "organize",
            "options": {
                "excludeByName": {},
                "indexByName": {name: place for place, name in enumerate(names)},
                "renameByName": dict(columns),
            },
        },
    ]


def _datasource() -> Json:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "regex": "",
        "refresh": 1,
        "hide": 0,
        "multi": False,
        "includeAll": False,
        "current": {"text": "", "value": ""},
        "options": [],
    }


def _variable(said: Variable) -> Json:
    out: Json = {
        "name": said.name,
        "label": said.name.capitalize(),
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": said.query, "refId": "variable"},
        "definition": said.query,
        "refresh": 2,  # when the time range changes
        "sort": 1,
        "hide": 0,
        "multi": said.many,
        "includeAll": said.many,
        "current": {"text": "All", "value": "$__all"} if said.many else {"text": "", "value": ""},
        "options": [],
    }
    return {**out, "allValue": ".*"} if said.many else out
