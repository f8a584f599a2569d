"""Claims about series that are parts of one service."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ahpa.adapters.files.demand import read_panels
from ahpa.adapters.files.parts import Joining, added
from ahpa.adapters.files.text import InputError
from forecasting.panel import Panel
from tests.adapters.files.examples import T0, put

NAN = np.nan


def answer(*series: tuple[dict[str, str], int, Sequence[float]]) -> str:
    """(labels, the first step, values) of each."""
    result = [
        {"metric": labels, "values": [[T0 + 60 * (first + i), str(v)] for i, v in enumerate(values)]}
        for labels, first, values in series
    ]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}})


ROLLOUT = answer(({"revision_name": "cart-1"}, 0, [5, 6, 4, 1]), ({"revision_name": "cart-2"}, 2, [2, 5, 7]))
PODS = answer(
    *(({"service": s, "pod": f"{s}-{i}", "instance": f"10.0.0.{i}"}, 0, [1, 2]) for s in "ab" for i in (1, 2))
)


def summed(*labels: str) -> Joining:
    return Joining(frozenset(labels))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (ROLLOUT, "these 2 series differ only by revision_name: sum them, .* with --sum revision_name; .*--apart"),
        (PODS, "these 2 series differ only by instance and pod: .*--sum instance --sum pod"),
        (answer(({"le": "1"}, 0, [1, 2]), ({"le": "2"}, 0, [1, 2])), "buckets of a histogram: export its _count"),
    ],
    ids=["a rollout", "pods of two services", "buckets"],
)
def test_parts_of_a_service_are_refused_by_their_label(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_panels(put(tmp_path, "r.json", text))


def test_parts_are_refused_in_every_format(tmp_path: Path) -> None:
    long = f"timestamp,pod,value\n{T0},a,1\n{T0 + 60},a,2\n{T0},b,1\n{T0 + 60},b,2\n"
    wide = f'Time,"{{pod=""a""}}","{{pod=""b""}}"\n{T0},1,1\n{T0 + 60},2,2\n'
    text = "".join(f'x{{pod="{p}"}} {i + 1} {T0 + 60 * i}\n' for p in "ab" for i in (0, 1))
    lines = "".join(
        json.dumps({"metric": {"pod": p}, "values": [1, 2], "timestamps": [1000 * T0, 1000 * T0 + 60_000]}) + "\n"
        for p in "ab"
    )
    for i, content in enumerate((long, wide, text, lines)):
        file = put(tmp_path, f"{i}.csv", content)
        with pytest.raises(InputError, match="these 2 series differ only by pod: sum them"):
            read_panels(file)
        (panel,) = read_panels(file, summed("pod"))
        np.testing.assert_array_equal(panel.values, [[2, 4]])


def test_a_rollout_is_summed_over_its_revisions(tmp_path: Path) -> None:
    """Before its first sample and after its last a Revision was not there."""
    (panel,) = read_panels(put(tmp_path, "r.json", ROLLOUT), summed("revision_name"))
    np.testing.assert_array_equal(panel.values, [[5, 6, 6, 6, 7]])
    assert panel.start == T0 - 60


def test_each_service_is_summed_by_itself(tmp_path: Path) -> None:
    panels = read_panels(put(tmp_path, "r.json", PODS), summed("pod", "instance"))
    assert [panel.keys for panel in panels] == [("service=a",), ("service=b",)]
    assert [panel.values.tolist() for panel in panels] == [[[2, 4]], [[2, 4]]]


def test_services_told_apart_by_such_a_label_are_services(tmp_path: Path) -> None:
    panels = read_panels(put(tmp_path, "r.json", ROLLOUT), Joining(apart=frozenset({"revision_name"})))
    assert [panel.keys for panel in panels] == [("revision_name=cart-1",), ("revision_name=cart-2",)]


def test_series_of_several_services_are_no_parts(tmp_path: Path) -> None:
    series = (({"service": s, "pod": f"{s}-0"}, 0, [1.0, 2.0]) for s in "abc")
    assert len(read_panels(put(tmp_path, "r.json", answer(*series)))) == 3


def test_a_label_that_nothing_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no series has the label 'pot'; labels here are: instance, pod, service"):
        read_panels(put(tmp_path, "r.json", PODS), summed("pot"))
    with pytest.raises(InputError, match="no series has the label 'pod'; labels here are: none"):
        read_panels(put(tmp_path, "a.csv", f"timestamp,value\n{T0},1\n{T0 + 60},2\n"), summed("pod"))


def row(values: list[float], start: float = 0.0, step: float = 60.0) -> Panel:
    return Panel.of(start, step, values)


def test_a_short_gap_is_not_observed_and_a_long_one_not_there() -> None:
    """Five minutes are a scrape that failed; longer, and the Revision had no traffic."""
    short = added("f", "a", [row([1, NAN, NAN, 1, 1]), row([2, 2, 2, 2, 2])])
    np.testing.assert_array_equal(short.values, [[3, NAN, NAN, 3, 3]])
    long = added("f", "a", [row([1, *[NAN] * 6, 1]), row([2] * 8)])
    np.testing.assert_array_equal(long.values, [[3, *[2] * 6, 3]])


def test_parts_on_other_grids_are_refused() -> None:
    with pytest.raises(InputError, match="steps of 60 s and 30 s; sum them in the query"):
        added("f", "a", [row([1, 2]), row([1, 2], step=30)])
    with pytest.raises(InputError, match="steps that begin apart"):
        added("f", "a", [row([1, 2]), row([1, 2], start=20)])


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("chat-7d9f8c6b5-x2x4z", "chat-7d9f8c6b5-b8zkq", "cart"), ["2 series are called as pods of 'chat' are"]),
        (("chat-00001-deployment-5f8c7d9b6-x2x4z", "chat-00001-deployment-5f8c7d9b6-bbbbb"),
         ["2 series are called as pods of 'chat-00001-deployment' are"]),
        (("chat-7d9f8c6b5-x2x4z", "cart-7d9f8c6b5-x2x4z"), []),
        (("chat-europe-north", "chat-america-south"), []),
    ],
    ids=["a Deployment's", "a Revision's", "one of each", "regions"],
)  # fmt: skip
def test_columns_that_are_called_as_pods_are_are_not_silently_services(
    tmp_path: Path, names: tuple[str, ...], said: list[str]
) -> None:
    """Each was given replicas of its own, and nobody was told."""
    path = tmp_path / "pods.csv"
    rows = "".join(f"{60 * minute}" + ",1" * len(names) + "\n" for minute in range(1, 5))
    path.write_text(f"timestamp,{','.join(names)}\n{rows}")
    remarks: list[str] = []
    (panel,) = read_panels(path, remark=remarks.append)
    assert panel.keys == names
    assert [remark.partition(": ")[2].partition(",")[0] for remark in remarks] == said
