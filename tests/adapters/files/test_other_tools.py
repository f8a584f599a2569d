"""Claims about JSON and text of Prometheus and other servers, saved to a file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ahpa.adapters.files.demand import read_panels
from ahpa.adapters.files.text import InputError
from tests.adapters.files.examples import T0, put

ONE, TWO = T0, T0 + 60
FIRST, SECOND = "2023-11-14T22:14:00Z", "2023-11-14T22:15:00+00:00"


def matrix(*values: object, metric: dict[str, str] | None = None, **more: object) -> str:
    result = [{"metric": metric or {}, "values": [[T0 + 60 * i, v] for i, v in enumerate(values)]}]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}, **more})


def exported(*values: object, first: int = 0, **metric: str) -> str:
    stamps = [1000 * (T0 + 60 * (first + i)) for i in range(len(values))]
    return json.dumps({"metric": {"__name__": "x", **metric}, "values": values, "timestamps": stamps}) + "\n"


@pytest.mark.parametrize("word", ["NaN", "+Inf", "-Inf"])
def test_what_is_no_number_was_not_observed_as_read_live(tmp_path: Path, word: str) -> None:
    (panel,) = read_panels(put(tmp_path, "r.json", matrix("1", word, "3")))
    np.testing.assert_array_equal(panel.values, [[1, np.nan, 3]])


def test_a_rate_has_as_many_digits_as_prometheus_writes(tmp_path: Path) -> None:
    """One request in five minutes, and one in a week."""
    (panel,) = read_panels(put(tmp_path, "r.json", matrix("0.0033333333333333335", "0.0000016534391534391535")))
    np.testing.assert_allclose(panel.values, [[1 / 300, 1 / 604_800]])


def test_a_stamp_of_prometheus_closes_its_step(tmp_path: Path) -> None:
    """As read live: the sample of 01:00 is of the hour from 00:00, and what ends at 00:00 is forecast from there."""
    result = [{"metric": {}, "values": [[86_400 + 3600 * i, "1"] for i in range(25)]}]
    (panel,) = read_panels(put(tmp_path, "h.json", json.dumps({"data": {"resultType": "matrix", "result": result}})))
    assert (panel.start, panel.step, panel.end) == (82_800, 3600, 2 * 86_400)


@pytest.mark.parametrize("name", ["e.jsonl", "e.jsonl.gz"])
def test_the_export_of_victoriametrics_is_read(tmp_path: Path, name: str) -> None:
    """A series may be cut in several lines, in any order; null is not observed."""
    text = exported(3, None, first=2, service="b") + exported(7, 8, service="a") + exported(1, 2.5, service="b")
    b, a = read_panels(put(tmp_path, name, text))
    assert (a.keys, b.keys) == (("service=a",), ("service=b",))
    np.testing.assert_array_equal(b.values, [[1, 2.5, 3, np.nan]])
    assert (b.start, b.end) == (T0 - 60, T0 + 180)


def test_scrapes_a_few_milliseconds_off_are_on_their_grid(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    stamps = (1000 * (T0 + 15 * np.arange(400)) + rng.integers(-9, 9, 400)).tolist()
    line = json.dumps({"metric": {"a": "b"}, "values": [1.5] * 400, "timestamps": stamps})
    (panel,) = read_panels(put(tmp_path, "e.json", line))
    assert (panel.step, panel.values.shape) == (15.0, (1, 400))


CLOUDWATCH = {"Id": "m1", "Label": "RequestCount", "Timestamps": [SECOND, FIRST], "Values": [2.0, 1.5],
              "StatusCode": "Complete"}  # fmt: skip


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"MetricDataResults": [CLOUDWATCH]}, "RequestCount"),
        ({"Label": "RequestCount", "Datapoints": [{"Timestamp": SECOND, "Sum": 2.0, "Unit": "Count"},
                                                  {"Timestamp": FIRST, "Sum": 1.5, "Unit": "Count"}]}, "RequestCount"),
        ([{"target": "stats.cart", "datapoints": [[1.5, ONE], [2, TWO]]}], "stats.cart"),
        ({"status": "ok", "series": [{"metric": "hits", "scope": "service:cart",
                                      "pointlist": [[ONE * 1000, 1.5], [TWO * 1000, 2.0]]}]}, "service=cart"),
        ({"results": [{"series": [{"name": "hits", "tags": {"service": "cart"}, "columns": ["time", "mean"],
                                   "values": [[FIRST, 1.5], [SECOND, 2]]}]}]}, "service=cart"),
        ({"results": [{"series": [{"name": "hits", "columns": ["time", "mean"],
                                   "values": [[ONE * 10**9, 1.5], [TWO * 10**9, 2]]}]}]}, "hits"),
    ],
    ids=["CloudWatch", "CloudWatch statistics", "Graphite", "Datadog", "InfluxDB", "InfluxDB in nanoseconds"],
)  # fmt: skip
def test_other_servers_answers_are_read_from_where_a_step_begins(tmp_path: Path, body: object, name: str) -> None:
    (panel,) = read_panels(put(tmp_path, "a.json", json.dumps(body)))
    assert (panel.keys, panel.start, panel.step) == ((name,), T0, 60.0)
    np.testing.assert_array_equal(panel.values, [[1.5, 2]])


@pytest.mark.parametrize(
    "text",
    [
        f'x{{service="a"}} 1.5 {ONE}\nx{{service="a"}} NaN {TWO}\n',
        f'# TYPE x gauge\nx{{service="a"}} 1.5 {ONE}000\nx{{service="a"}} +Inf {TWO}000\n',
        f'{{__name__="x", service="a"}} 1.5 {ONE}000\n{{__name__="x", service="a"}} NaN {TWO}000\n',
    ],
    ids=["OpenMetrics", "federate, in milliseconds", "promtool tsdb dump"],
)
def test_text_with_stamps_is_read(tmp_path: Path, text: str) -> None:
    (panel,) = read_panels(put(tmp_path, "x.txt", text))
    assert (panel.keys, panel.start) == (("service=a",), T0 - 60)
    np.testing.assert_array_equal(panel.values, [[1.5, np.nan]])


HISTOGRAM = {"metric": {"service": "cart"}, "histograms": [[ONE, {"count": "1", "sum": "1"}]]}
MOMENT = {"metric": {"service": "cart"}, "value": [ONE, "1"]}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"data": {"resultType": "matrix", "result": [HISTOGRAM]}},
         r"series 1 \('service=cart'\) is a native histogram.*histogram_count\(rate"),
        ({"data": {"resultType": "vector", "result": [MOMENT]}}, "of query, which tells of one moment.*query_range"),
        ({"data": {"result": [MOMENT]}}, "of query, which tells of one moment.*query_range"),
        ({"data": {"resultType": "streams", "result": []}}, "log lines of Loki.*rate"),
        ({"status": "error", "errorType": "timeout", "error": "query timed out"}, r"error \(timeout\).*timed out"),
        ({"results": [{"error": "no such database"}]}, "InfluxDB answered with an error: 'no such database'"),
        ({"results": [{"series": [{"columns": ["time", "a", "b"], "values": []}]}]}, "select one field"),
        ({"Datapoints": [{"Timestamp": FIRST, "Sum": 1, "Average": 1}]}, "of its statistics.*here are: Sum, Average"),
        ({"MetricDataResults": [{**CLOUDWATCH, "Values": [1, -2]}]}, "sample 2 of 'RequestCount' is '-2'"),
        ({"aggregations": {}}, "nor JSON of .*it has 'aggregations'; export CSV"),
    ],
    ids=lambda v: v[:30] if isinstance(v, str) else "",
)  # fmt: skip
def test_what_is_not_read_is_named_with_the_way_out(tmp_path: Path, body: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_panels(put(tmp_path, "a.json", json.dumps(body)))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"metric": {"a": "b"}, "timestamps": [1], "values": [1, 2]}', ":2: not a series with as many timestamps"),
        ('{"metric": {"a": "b"}, "timestamps": [1], "values": [-1]}', ":2: sample 1 is '-1' at '1'"),
        ('{"metric"', ":2: not JSON"),
    ],
)
def test_a_bad_line_of_an_export_is_named(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_panels(put(tmp_path, "e.jsonl", exported(1, 2, service="a") + line))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (matrix("1", "2", warnings=["store-2: deadline exceeded"]), "may be incomplete: store-2: deadline exceeded"),
        (matrix("1", "2", isPartial=True), "may be incomplete"),
        (matrix("1", "2", infos=["metric might not be a counter"]), "the server notes: metric might not be a counter"),
        (json.dumps({"MetricDataResults": [{**CLOUDWATCH, "StatusCode": "PartialData"}]}), "PartialData"),
        (json.dumps({"MetricDataResults": [CLOUDWATCH], "NextToken": "x"}), "more data than this page"),
        (json.dumps({"MetricDataResults": [CLOUDWATCH]}), "--unit requests-per-step"),
        (matrix(*map(str, range(200))), "only rises and never falls"),
    ],
    ids=["warnings", "isPartial", "infos", "PartialData", "NextToken", "Sum", "never falls"],
)
def test_what_speaks_against_an_answer_is_told(tmp_path: Path, text: str, says: str) -> None:
    told: list[str] = []
    assert read_panels(put(tmp_path, "a.json", text), remark=told.append)
    assert any("a.json: " in words and says in words for words in told)


def test_each_of_several_counters_is_known_by_its_own_name(tmp_path: Path) -> None:
    rows = (f"{T0 + 60 * i},{m},cart,{i}\n" for m in ("hits_total", "other") for i in range(200))
    with pytest.raises(InputError, match="hits_total,service=cart' only rises"):
        read_panels(put(tmp_path, "a.csv", "timestamp,metric,service,value\n" + "".join(rows)))


def test_a_raw_counter_is_refused(tmp_path: Path) -> None:
    """Which began anew once; a file that says the metric's name needs no reset to be known."""
    values = [str(i * 60 % 12_000) for i in range(400)]
    for text in (matrix(*values), matrix(*map(str, range(400)), metric={"__name__": "x_total", "service": "series"})):
        with pytest.raises(InputError, match=r"series' only rises, as a raw counter does: wrap it in rate\(\)"):
            read_panels(put(tmp_path, "a.json", text))
