"""JSON answers of CloudWatch, InfluxDB 1.x, Graphite and Datadog. Their stamps are where a step begins.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html,
https://docs.influxdata.com/influxdb/v1/guides/query_data/, https://graphite.readthedocs.io/en/latest/render_api.html,
https://docs.datadoghq.com/api/latest/metrics/#query-timeseries-points
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ahpa.adapters.files.labels import METRIC, Labels, names_of
from ahpa.adapters.files.samples import Samples, any_precision, plain
from ahpa.adapters.files.table import MOST_SERIES, Table
from ahpa.adapters.files.text import NOT_ENOUGH, InputError, Remark

_STATISTICS = ("Sum", "Average", "Maximum", "Minimum", "SampleCount")
_PER_PERIOD = "CloudWatch's statistic Sum counts per period: then say --unit requests-per-step"
Found = Mapping[str, object]


def cloudwatch(source: str, body: Found, remark: Remark) -> list[Table]:
    """get-metric-data: a table per result, the newest first as it comes. Raises InputError."""
    if body.get("NextToken"):
        remark("CloudWatch has more data than this page: get the next ones too (NextToken)")
    series: list[tuple[Labels, Samples]] = []
    for i, one in enumerate(_each(source, body, "MetricDataResults")):
        stamps, values = one.get("Timestamps"), one.get("Values")
        if not isinstance(stamps, list) or not isinstance(values, list) or len(stamps) != len(values):
            raise InputError(f"{source}: result {i + 1} has not as many Timestamps as Values")
        if one.get("StatusCode", "Complete") != "Complete":
            remark(f"CloudWatch says of {str(one.get('Label'))[:80]!r}: {str(one.get('StatusCode'))[:40]}")
        if stamps:
            series.append(({"Label": str(one.get("Label")), "Id": str(one.get("Id"))}, _sorted(stamps, values)))
    remark(_PER_PERIOD)
    labels = [found for found, _ in series]
    alone = len({found["Label"] for found in labels}) == len(labels)
    names = [found["Label"] if alone else f"{found['Label']} ({found['Id']})" for found in labels]
    return _tables(source, names, [], [found for _, found in series])


def cloudwatch_statistics(source: str, body: Found, remark: Remark) -> list[Table]:
    """get-metric-statistics: one table. Raises InputError."""
    points = _each(source, body, "Datapoints")
    told = [name for name in _STATISTICS if points and name in points[0]]
    if len(told) != 1:
        found = ", ".join(told) or "none"
        raise InputError(f"{source}: ask CloudWatch for one of its statistics, as --statistics Sum; here are: {found}")
    samples = _sorted([one.get("Timestamp") for one in points], [one.get(told[0]) for one in points])
    if told == ["Sum"]:
        remark(_PER_PERIOD)
    return _tables(source, [str(body.get("Label") or "series")], [], [samples])


def influx(source: str, body: Found, remark: Remark) -> list[Table]:
    """The answer of InfluxDB 1.x to a query: a table per series and its tags. Raises InputError."""
    labels: list[Labels] = []
    samples = []
    for result in _each(source, body, "results"):
        if result.get("error"):
            raise InputError(f"{source}:1: InfluxDB answered with an error: {str(result['error'])[:200]!r}")
        for one in _each(source, result, "series") if "series" in result else []:
            columns, found = one.get("columns"), one.get("values")
            if not isinstance(columns, list) or len(columns) != 2 or columns[0] != "time":
                raise InputError(f"{source}: InfluxDB's columns are {str(columns)[:80]}; select one field, beside time")
            if not isinstance(found, Samples):
                raise InputError(f"{source}: a series of InfluxDB has no values")
            if result.get("partial") or one.get("partial"):
                remark("InfluxDB says that this answer is partial")
            tags = one.get("tags")
            labels.append({METRIC: str(one.get("name")), **_texts(tags if isinstance(tags, Mapping) else {})})
            samples.append(found)
    return _tables(source, names_of(labels), labels, samples)


def datadog(source: str, body: Found, remark: Remark) -> list[Table]:
    """The answer of Datadog's v1 query: a table per series; its scope is `service:cart,env:prod`. Raises InputError."""
    if body.get("error"):
        raise InputError(f"{source}:1: Datadog answered with an error: {str(body['error'])[:200]!r}")
    labels: list[Labels] = []
    samples = []
    for one in _each(source, body, "series"):
        found = one.get("pointlist")
        if not isinstance(found, Samples):
            raise InputError(f"{source}: a series without pointlist; this is no answer of Datadog's /api/v1/query")
        scope = [part.partition(":") for part in str(one.get("scope") or "").split(",") if ":" in part]
        labels.append({METRIC: str(one.get("metric") or "series"), **{key: value for key, _, value in scope}})
        samples.append(found)
    return _tables(source, names_of(labels), labels, samples)


def graphite(source: str, body: Sequence[object]) -> list[Table]:
    """The answer of Graphite's render with format=json: a table per target. Raises InputError."""
    names, samples = [], []
    for one in body:
        found = one.get("datapoints") if isinstance(one, Mapping) else None
        if not isinstance(one, Mapping) or not isinstance(found, Samples):
            raise InputError(f"{source}: a target of Graphite has no datapoints")
        names.append(str(one.get("target")))
        samples.append(found)
    return _tables(source, names, [], samples)


def _each(source: str, body: Found, key: str) -> list[Mapping[str, object]]:
    found = body.get(key)
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise InputError(f"{source}: {key} is not a list of objects")
    return found


def _texts(found: Mapping[str, object]) -> dict[str, str]:
    return {str(key): str(value) for key, value in found.items() if value not in ("", None)}


def _sorted(stamps: Sequence[object], values: Sequence[object]) -> Samples:
    """Parallel lists as samples, the oldest first."""
    out: list[tuple[float, float]] = []
    for i, (stamp, value) in enumerate(zip(stamps, values, strict=True)):
        when, amount = any_precision(stamp), plain(value)
        if when is None or amount is None:
            shown = f"{str(value)[:40]!r} at {str(stamp)[:40]!r}".replace("{", "{{").replace("}", "}}")
            problem = f"sample {i + 1} of {{name}} is {shown}, not a number of zero or more at a time with a zone"
            return Samples(np.empty(0), np.empty(0), problem)
        out.append((when, amount))
    out.sort()
    return Samples(np.array([when for when, _ in out]), np.array([amount for _, amount in out]), None)


def _tables(source: str, names: Sequence[str], labels: Sequence[Labels], samples: Sequence[Samples]) -> list[Table]:
    """`labels` may be empty: not known."""
    if not samples:
        raise InputError(f"{source}: the answer holds no series", NOT_ENOUGH)
    if len(samples) > MOST_SERIES:
        raise InputError(f"{source}: {len(samples)} series; at most {MOST_SERIES}")
    tables = []
    for i, (name, found) in enumerate(zip(names, samples, strict=True)):
        if found.problem is not None:
            raise InputError(f"{source}: {found.problem.format(name=repr(name[:80]))}")
        told = (labels[i],) if labels else ()
        tables.append(Table(found.stamps, found.values[None], (name,), None, source, told))
    return tables
