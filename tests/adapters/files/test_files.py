"""Claims about reading demand and writing results."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest
from ahpa.adapters.files.read import inputs, read
from ahpa.adapters.files.results import directory, file_names, safe_name, write_ticks, write_whole
from ahpa.adapters.files.worlds import read_service, read_tiers
from hypothesis import given
from hypothesis import strategies as st

from ahpa.adapters.files.cells import number, plain, stamp
from ahpa.adapters.files.text import InputError
from ahpa.simulation.outcome import Outcome, Run
from ahpa.simulation.requests import Requests

T0 = 1_700_000_040


def put(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    data = text.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def series(text: str = "") -> str:
    return "timestamp,value\n" + (text or f"{T0},1\n{T0 + 60},2\n{T0 + 180},4\n")


@pytest.mark.parametrize("name", ["chat.csv", "chat.csv.gz"])
def test_a_gap_is_missing_and_never_zero(tmp_path: Path, name: str) -> None:
    (panel,) = read(put(tmp_path, name, series()))
    assert panel.keys == ("chat",)
    assert (panel.start, panel.step) == (T0, 60.0)
    np.testing.assert_array_equal(panel.values, [[1, 2, np.nan, 4]])


def test_a_wide_file_is_a_panel_of_its_columns(tmp_path: Path) -> None:
    (panel,) = read(put(tmp_path, "fleet.csv", f"timestamp,a,b\n{T0},1,\n{T0 + 60},2,5\n"))
    assert panel.keys == ("a", "b")
    np.testing.assert_array_equal(panel.values, [[1, 2], [np.nan, 5]])


def test_zones_are_understood(tmp_path: Path) -> None:
    """The same moments in three spellings: daylight saving shifts nothing."""
    rows = "2023-11-14T22:14:00Z,1\n2023-11-14T23:15:00+01:00,2\n2023-11-14T17:16:00-05:00,3\n"
    (panel,) = read(put(tmp_path, "z.csv", series(rows)))
    assert panel.start == T0
    np.testing.assert_array_equal(panel.values, [[1, 2, 3]])


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte order mark"])
def test_query_range_is_read_with_its_labels(tmp_path: Path, mark: str) -> None:
    result = [
        {"metric": {"__name__": "x", "namespace": "n", "service": s}, "values": [[T0, "1"], [T0 + 60, "NaN"]]}
        for s in ("a", "b")
    ]
    body = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    panels = read(put(tmp_path, "r.json", mark + json.dumps(body)))
    assert [p.keys for p in panels] == [("n/a",), ("n/b",)]
    np.testing.assert_array_equal(panels[0].values, [[1, np.nan]])


def test_an_answer_of_prometheus_is_one_long_line(tmp_path: Path) -> None:
    """Two services' fortnight of minutes are 1.3 MB without a line end."""
    values = [[T0 + 60 * i, str(i % 1000 / 8)] for i in range(20_000)]
    result = [{"metric": {"service": name}, "values": values} for name in "abc"]
    text = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}, separators=(",", ":"))
    assert len(text) > 2**20
    assert "\n" not in text
    panels = read(put(tmp_path, "r.json", text))
    assert [panel.values.shape for panel in panels] == [(1, 20_000)] * 3


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte order mark"])
def test_openmetrics_is_read_with_its_stamps(tmp_path: Path, mark: str) -> None:
    text = f'# TYPE c gauge\nc{{service="a"}} 1 {T0}\nc{{service="a"}} 2.5 {T0 + 60}\n# EOF\n'
    (panel,) = read(put(tmp_path, "m.txt", mark + text))
    np.testing.assert_array_equal(panel.values, [[1, 2.5]])


@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz"])
def test_a_list_of_requests_is_sorted_by_its_stamps(tmp_path: Path, name: str) -> None:
    """As logs are: in the order of their ends, zones mixed, a blank line, a header in capitals."""
    text = f"Timestamp,Duration\n{T0 + 61}.25,2\n\n2023-11-14T23:14:00.5+01:00,90.125\n{T0 + 61},0\n"
    found = inputs(put(tmp_path, name, text))
    assert isinstance(found, Requests)
    assert found.name == "log"
    assert (found.came - T0 * 1_000_000).tolist() == [500_000, 61_000_000, 61_250_000]
    assert found.held.tolist() == [90_125_000, 1, 2_000_000]
    (panel,) = read(tmp_path / name)
    assert (panel.keys, panel.start, panel.step) == (("log",), T0, 60.0)
    np.testing.assert_allclose(panel.values, [[90.125 / 60]], atol=1e-6)  # the last minute may be cut short


CELLS = st.one_of(
    st.from_regex(r"[0-9]{1,6}(\.[0-9]{0,3})?", fullmatch=True),
    st.from_regex(r"[0-9]{1,11}(\.[0-9]{0,12})?", fullmatch=True),
    st.sampled_from(["", ".", ".5", "1.2.3", "1e5", "-1", "nan", " 7", "9" * 18, "9" * 19, "1700000000123", "x"]),
)


@given(st.integers(1, 3), st.lists(st.lists(CELLS, min_size=1, max_size=4), min_size=1, max_size=5), st.booleans())
def test_plain_rows_are_read_as_one_by_one(columns: int, cells: list[list[str]], ended: bool) -> None:
    """What is read at once is what each cell says, and it is read at once where all cells are plain."""
    data = "\n".join(",".join(row) for row in cells) + ("\n" if ended else "")
    found = plain(data.encode(), columns)
    lines = [line.split(",") for line in data.removesuffix("\n").split("\n")]
    told = [[stamp(row[0]), *map(number, row[1:])] for row in lines]
    if found is not None:
        assert found.tolist() == told
        return
    simple = all(re.fullmatch(r"[0-9]{1,6}(\.[0-9]{0,3})?", cell) for row in lines for cell in row)
    assert not simple or any(len(row) != columns for row in lines)


@pytest.mark.parametrize("text", ["1_0", "０", " 1", "1e999", "0x10", "-1", "inf", "1,5", "=1+1", "1" * 70])
def test_what_python_calls_a_number_is_not_enough(text: str) -> None:
    assert number(text) is None


@pytest.mark.parametrize("text", ["2024-01-01", "2024-01-01T00:00:00", "1700000000000", "-5", "now", "２０２４"])
def test_stamps_without_zone_or_in_other_units_are_refused(text: str) -> None:
    assert stamp(text) is None


def test_names_stay_inside_the_directory_and_apart() -> None:
    hostile = ["../../etc/passwd", "/abs", "..", "a/b", "a b", "A b", "=1+1", "", "x" * 300, "ä", "ns/ä"]
    names = file_names(hostile)
    assert len({n.lower() for n in names.values()}) == len(hostile)
    assert all("/" not in n and not n.startswith(".") and 0 < len(n) <= 104 for n in names.values())
    assert safe_name("team/chat") == "team_chat"


def test_nothing_is_written_through_a_symlink(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    out = tmp_path / "out"
    out.mkdir()
    (out / "ticks").symlink_to(elsewhere)
    with pytest.raises(InputError, match="symlink"):
        directory(out, "ticks")
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (out / "report.json").symlink_to(victim)
    write_whole(out / "report.json", b"{}")
    assert victim.read_text() == "precious"
    assert (out / "report.json").read_bytes() == b"{}"


def test_ticks_have_the_promised_columns_and_the_inputs_unit(tmp_path: Path) -> None:
    """Demand of 2 requests in flight is 60 requests a minute of 2 s; written twice it is the same bytes."""
    column = np.array([1.0, 2.0])
    outcome = Outcome(1.0, 0.0, 0.0, 0, 0, 0, 0.0, 0.0, 0.0, 10.0)
    times = T0 + 60.0 * np.arange(2)
    run = Run("s", "kpa", "", outcome, 60.0, times, 2 * column, column, column, column, column, column)
    write_ticks(tmp_path, "s", run, 2 / 60)
    path = tmp_path / "s.kpa.csv.gz"
    first = path.read_bytes()
    write_ticks(tmp_path, "s", run, 2 / 60)
    assert path.read_bytes() == first
    lines = gzip.decompress(first).decode().splitlines()
    assert lines[0] == "timestamp,demand,ready,starting,floor,desired,late"
    assert lines[1] == f"{T0},60,1,1,1,1,1"


SERVICE = """
apiVersion: serving.knative.dev/v1
kind: Service
metadata:
  name: chat
  annotations: {ahpa.dev/late-target: "1%", ahpa.dev/manage-target: "true"}
spec:
  template:
    metadata:
      annotations:
        autoscaling.knative.dev/target-utilization-percentage: "80"
        autoscaling.knative.dev/min-scale: "2"
    spec:
      containerConcurrency: 8
      containers: [{image: model}]
"""


def test_a_knative_service_says_how_it_scales(tmp_path: Path) -> None:
    told = read_service(put(tmp_path, "svc.yaml", SERVICE), 4)
    assert (told.name, told.concurrency, told.kpa.total_value, told.kpa.min_scale) == ("chat", 8, 8.0, 2)
    assert told.kpa.target_value == pytest.approx(6.4)
    assert (told.policy.policy.late_target, told.policy.policy.manage_target) == (0.01, True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kind: Deployment\nspec: {}\n", "no Knative Service"),
        ("a: [1,\n  b\n", ":3: not YAML"),
        ("a: &x [1]\nb: *x\n", ":2: YAML aliases"),
        (SERVICE.replace('"80"', '"800"'), "target-utilization-percentage"),
        (SERVICE.replace('"1%"', '"1.5"'), "ahpa.dev/late-target"),
        (SERVICE.replace("Concurrency: 8", "Concurrency: many"), "containerConcurrency"),
        ("!!python/object/apply:os.system ['true']\n", "not YAML"),
    ],
    ids=["other kind", "broken", "alias", "bad annotation", "bad policy", "bad concurrency", "python tag"],
)
def test_a_service_that_cannot_be_read_is_refused_with_words(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_service(put(tmp_path, "svc.yaml", text), 4)


def test_tiers_are_read_in_their_order(tmp_path: Path) -> None:
    text = (
        "- {name: warm, replicas: 3, lag-p50: 20s, lag-p95: 40s, price: 1}\n"
        "- {name: new, lag-p50: 5m, lag-p95: 8m, price: 2.5}\n"
    )
    readiness, prices = read_tiers(put(tmp_path, "tiers.yaml", text))
    assert [tier.name for tier in readiness.tiers] == ["warm", "new"]
    assert readiness.tiers[1].lag.quantile(0.5) == pytest.approx(300)
    assert prices == (1.0, 2.5)
    with pytest.raises(InputError, match="tier 1"):
        read_tiers(put(tmp_path, "bad.yaml", "- {name: warm, lag-p50: 90s, lag-p95: 20s}\n"))
