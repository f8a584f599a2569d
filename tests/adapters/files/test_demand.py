"""Claims about reading demand: missing is not zero, whatever the format."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ahpa.adapters.files.demand import read_demand, read_panels
from ahpa.simulation.requests import Requests
from tests.adapters.files.examples import T0, put


def series(text: str = "") -> str:
    return "timestamp,value\n" + (text or f"{T0},1\n{T0 + 60},2\n{T0 + 180},4\n")


@pytest.mark.parametrize("name", ["chat.csv", "chat.csv.gz"])
def test_a_gap_is_missing_and_never_zero(tmp_path: Path, name: str) -> None:
    (panel,) = read_panels(put(tmp_path, name, series()))
    assert panel.keys == ("chat",)
    assert (panel.start, panel.step) == (T0, 60.0)
    np.testing.assert_array_equal(panel.values, [[1, 2, np.nan, 4]])


def test_a_wide_file_is_a_panel_of_its_columns(tmp_path: Path) -> None:
    (panel,) = read_panels(put(tmp_path, "fleet.csv", f"timestamp,a,b\n{T0},1,\n{T0 + 60},2,5\n"))
    assert panel.keys == ("a", "b")
    np.testing.assert_array_equal(panel.values, [[1, 2], [np.nan, 5]])


def test_zones_are_understood(tmp_path: Path) -> None:
    """The same moments in three spellings: daylight saving shifts nothing."""
    rows = "2023-11-14T22:14:00Z,1\n2023-11-14T23:15:00+01:00,2\n2023-11-14T17:16:00-05:00,3\n"
    (panel,) = read_panels(put(tmp_path, "z.csv", series(rows)))
    assert panel.start == T0
    np.testing.assert_array_equal(panel.values, [[1, 2, 3]])


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte order mark"])
def test_query_range_is_read_with_its_labels(tmp_path: Path, mark: str) -> None:
    result = [
        {"metric": {"__name__": "x", "namespace": "n", "service": s}, "values": [[T0, "1"], [T0 + 60, "NaN"]]}
        for s in ("a", "b")
    ]
    body = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    panels = read_panels(put(tmp_path, "r.json", mark + json.dumps(body)))
    assert [p.keys for p in panels] == [("n/a",), ("n/b",)]
    np.testing.assert_array_equal(panels[0].values, [[1, np.nan]])


def test_an_answer_of_prometheus_is_one_long_line(tmp_path: Path) -> None:
    """Two services' fortnight of minutes are 1.3 MB without a line end."""
    values = [[T0 + 60 * i, str(i * 7919 % 1000 / 8)] for i in range(20_000)]
    result = [{"metric": {"service": name}, "values": values} for name in "abc"]
    text = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}, separators=(",", ":"))
    assert len(text) > 2**20
    assert "\n" not in text
    panels = read_panels(put(tmp_path, "r.json", text))
    assert [panel.values.shape for panel in panels] == [(1, 20_000)] * 3


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte order mark"])
def test_openmetrics_is_read_with_its_stamps(tmp_path: Path, mark: str) -> None:
    text = f'# TYPE c gauge\nc{{service="a"}} 1 {T0}\nc{{service="a"}} 2.5 {T0 + 60}\n# EOF\n'
    (panel,) = read_panels(put(tmp_path, "m.txt", mark + text))
    np.testing.assert_array_equal(panel.values, [[1, 2.5]])


@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz"])
def test_a_list_of_requests_is_sorted_by_its_stamps(tmp_path: Path, name: str) -> None:
    """As logs are: in the order of their ends, zones mixed, a blank line, a header in capitals."""
    text = f"Timestamp,Duration\n{T0 + 61}.25,2\n\n2023-11-14T23:14:00.5+01:00,90.125\n{T0 + 61},0\n"
    found = read_demand(put(tmp_path, name, text))
    assert isinstance(found, Requests)
    assert found.name == "log"
    assert (found.came - T0 * 1_000_000).tolist() == [500_000, 61_000_000, 61_250_000]
    assert found.held.tolist() == [90_125_000, 1, 2_000_000]
    (panel,) = read_panels(tmp_path / name)
    assert (panel.keys, panel.start, panel.step) == (("log",), T0, 60.0)
    np.testing.assert_allclose(panel.values, [[90.125 / 60]], atol=1e-6)  # the last minute may be cut short
