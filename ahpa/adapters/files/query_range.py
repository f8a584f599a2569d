"""The JSON of Prometheus' query_range, and why other answers of Prometheus are none.

https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from __future__ import annotations

from collections.abc import Mapping

from ahpa.adapters.files.labels import Labels, names_of
from ahpa.adapters.files.samples import Samples
from ahpa.adapters.files.table import MOST_SERIES, Table
from ahpa.adapters.files.text import NOT_ENOUGH, InputError, Remark

_HISTOGRAM = (
    "a native histogram, which is no number: ask for sum(histogram_count(rate(NAME[5m]))), which counts per second "
    "(histogram_quantile(0.95, ...) is a latency and no demand)"
)
_MOMENT = "the answer of query, which tells of one moment: ask /api/v1/query_range, with start, end and step"
_MOST_SAID = 200


def parse(source: str, body: object, remark: Remark) -> list[Table]:
    """A table per series; `remark` is told of warnings. Raises InputError."""
    if isinstance(body, Mapping):
        if body.get("status") == "error":
            kind = body.get("errorType") or "error"
            said = f"{str(body.get('error'))[:_MOST_SAID]!r}"
            raise InputError(f"{source}:1: Prometheus answered with an error ({str(kind)[:40]}): {said}; ask it anew")
        for words in warnings(body):
            remark(words)
    result = _result(source, body)
    if not result:
        raise InputError(f"{source}: the answer holds no series", NOT_ENOUGH)
    if len(result) > MOST_SERIES:
        raise InputError(f"{source}: {len(result)} series; at most {MOST_SERIES}")
    series = [labels_of(one.get("metric") if isinstance(one, dict) else None) for one in result]
    tables: list[Table] = []
    names: set[str] = set()
    for i, (one, name, labels) in enumerate(zip(result, names_of(series), series, strict=True)):
        found = one.get("values") if isinstance(one, dict) else None
        if isinstance(one, dict) and "histograms" in one:
            raise InputError(f"{source}: series {i + 1} ({name[:80]!r}) is {_HISTOGRAM}")
        if not isinstance(found, Samples):
            hint = f"; this is {_MOMENT}" if isinstance(one, dict) and "value" in one else ""
            raise InputError(f"{source}: series {i + 1} has no values{hint}")
        if name in names:
            raise InputError(f"{source}: series {i + 1}: {name[:80]!r} comes twice")
        names.add(name)
        if found.problem is not None:
            raise InputError(f"{source}: {found.problem.format(name=repr(name[:80]))}")
        tables.append(Table(found.stamps, found.values[None], (name,), None, source, (labels,), closing=True))
    return tables


def warnings(body: Mapping[str, object]) -> list[str]:
    """What the server says against its own answer, in words: Prometheus' and Thanos' warnings, the partial answers of
    VictoriaMetrics."""
    out = []
    partial = any(body.get(key) is True for key in ("isPartial", "partial"))
    warned, noted = _texts(body.get("warnings")), _texts(body.get("infos"))
    if warned or partial:
        said = ": " + "; ".join(warned) if warned else ""
        out.append(f"the server warned that this answer may be incomplete{said}")
    if noted:
        out.append(f"the server notes: {'; '.join(noted)}")
    return out


def _texts(found: object) -> list[str]:
    return [str(one)[:_MOST_SAID] for one in found[:3]] if isinstance(found, list) else []


def _result(source: str, body: object) -> list[object]:
    data = body.get("data", body) if isinstance(body, dict) else body
    result = data.get("result") if isinstance(data, dict) else data
    kind = data.get("resultType", "matrix") if isinstance(data, dict) else "matrix"
    if isinstance(result, list) and kind == "matrix":
        return result
    if isinstance(data, dict) and kind in ("vector", "scalar"):
        raise InputError(f"{source}:1: not the answer of query_range (a matrix) but {_MOMENT}")
    if kind == "streams":
        raise InputError(f"{source}:1: log lines of Loki; ask it for a metric, as sum(rate({{...}}[5m]))")
    keys = f"; it has {', '.join(sorted(map(repr, body))[:5])[:100]}" if isinstance(body, dict) else ""
    raise InputError(
        f"{source}:1: not the answer of query_range (a matrix), nor JSON of VictoriaMetrics' export, CloudWatch, "
        f"InfluxDB 1.x, Graphite or Datadog{keys}; export CSV (timestamp,value) instead"
    )


def labels_of(found: object) -> Labels:
    """The labels of a `metric` object."""
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, Mapping) else {}
