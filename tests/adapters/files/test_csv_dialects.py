"""Claims about CSV as other tools write it: Grafana's legends, quoted cells, semicolons, a row per series and time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ahpa.adapters.files.demand import read_demand, read_panels
from ahpa.adapters.files.text import InputError
from ahpa.simulation.requests import Requests
from tests.adapters.files.examples import T0, put

GRAFANA = '"Time","{namespace=""shop"", service=""cart""}","{namespace=""shop"", service=""search""}"\n'
ONE, TWO = T0, T0 + 60


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (f"{GRAFANA}{ONE},1.5,3\n{TWO},2,\n", ("shop/cart", "shop/search")),
        (f"{GRAFANA}{ONE}000,1.5,3\n{TWO}000,2,\n", ("shop/cart", "shop/search")),
        (f'"Time","cart","search"\n"{ONE}","1.5","3"\n"{TWO}","2",""\n', ("cart", "search")),
        (f"sep=;\r\nTime;cart;search\r\n{ONE};1,5;3\r\n{TWO};2;\r\n", ("cart", "search")),
        (f"timestamp;cart;search\n{ONE};1,5;3\n2023-11-14T22:15:00.000Z;2;\n", ("cart", "search")),
        (f"timestamp\tcart\tsearch\n{ONE}\t1.5\t3\n{TWO}\t2\t\n", ("cart", "search")),
        (f'time,"a, b",c\n{ONE},"1,5",3\n{TWO},2,NaN\n', ("a, b", "c")),
        (f'Time,"up{{job=""a, b""}}",x\n{ONE},1.5,3\n{TWO},2,null\n', ("job=a, b", "x")),
        (f",timestamp,cart,search\n0,{ONE},1.5,3\n1,{TWO},2,\n", ("cart", "search")),
    ],
    ids=["legends", "milliseconds of Grafana", "all quoted", "sep=;", "semicolons and stamps with points", "tabs",
         "a quoted decimal comma", "a legend and a name", "a data frame's index"],
)  # fmt: skip
def test_a_row_per_time_is_read(tmp_path: Path, text: str, names: tuple[str, ...]) -> None:
    (panel,) = read_panels(put(tmp_path, "panel.csv", text))
    assert (panel.keys, panel.start, panel.step) == (names, T0, 60.0)
    np.testing.assert_array_equal(panel.values, [[1.5, 2], [3, np.nan]])


CART, SEARCH = (f'{{namespace="shop", service="{name}"}}' for name in ("cart", "search"))
LONG = [f"{ONE},x:rate,shop,cart,1.5", f"{TWO},x:rate,shop,cart,2", f"{ONE},x:rate,shop,search,3",
        f"{TWO},x:rate,shop,search,NaN"]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "timestamp,metric,namespace,service,value\n" + "\n".join(LONG),
        "timestamp,metric,namespace,service,value\n" + "\n".join(LONG[i] for i in (0, 2, 1, 3)),
        "timestamp,__name__,namespace,service,value\n" + "\n".join(LONG).replace("NaN", "+Inf"),
        ",timestamp,metric,namespace,service,value\n" + "".join(f"{i},{row}\n" for i, row in enumerate(LONG)),
        f"Series;Time;Value\n{CART};{ONE};1,5\n{CART};{TWO};2\n{SEARCH};{ONE};3\n{SEARCH};{TWO};\n",
        "#group,false\n#default,\n_time,_value,namespace,service\n2023-11-14T22:14:00Z,1.5,shop,cart\n2023-11-14T22:15:00Z,2,shop,cart\n"
        f"{ONE},3,shop,search\n{TWO},,shop,search\n",
    ],
    ids=["by series", "by time", "infinite", "with an index", "Grafana's series as rows", "InfluxDB"],
)  # fmt: skip
def test_a_row_per_series_and_time_is_read(tmp_path: Path, text: str) -> None:
    cart, search = read_panels(put(tmp_path, "long.csv", text))
    assert (cart.keys, search.keys) == (("shop/cart",), ("shop/search",))
    assert cart.start == search.start == T0
    np.testing.assert_array_equal(cart.values, [[1.5, 2]])
    np.testing.assert_array_equal(search.values, [[3, np.nan]])


def test_a_service_may_be_called_value(tmp_path: Path) -> None:
    (panel,) = read_panels(put(tmp_path, "w.csv", f"timestamp,value,other\n{ONE},1,2\n{TWO},3,4\n"))
    assert panel.keys == ("value", "other")


def test_a_list_of_requests_may_have_semicolons(tmp_path: Path) -> None:
    found = read_demand(put(tmp_path, "log.csv", f"timestamp;duration\n{ONE};0,5\n{TWO};1,25\n"))
    assert isinstance(found, Requests)
    assert found.held.tolist() == [500_000, 1_250_000]


def test_plain_blocks_with_semicolons_are_as_rows_one_by_one(tmp_path: Path) -> None:
    rows = [(T0 + 60 * i, i * 7919 % 1000 / 8) for i in range(500)]
    semicolons = "timestamp;value\n" + "".join(f"{at};{v:.3f}\n".replace(".", ",") for at, v in rows)
    quoted = "timestamp,value\n" + "".join(f'{at},"{v:.3f}"\n' for at, v in rows)
    (fast,), (slow,) = (read_panels(put(tmp_path, f"{i}.csv", text)) for i, text in enumerate((semicolons, quoted)))
    np.testing.assert_array_equal(fast.values, [[v for _, v in rows]])
    np.testing.assert_array_equal(slow.values, fast.values)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"timestamp;a\n{ONE};1,5\n{TWO};1.500\n", r":3: both 1\.5 and 1,5"),
        (f'timestamp,a\n{ONE},"12,500"\n', r":2: '12,500': write it without commas"),
        (f'timestamp,a\n{ONE},"1.234,5"\n', r":2: '1\.234,5' of 'a' is not a number"),
        (
            f"Time,a\n{ONE},9.69 req/s\n",
            r":2: '9\.69 req/s' of 'a' is not a number .*Grafana's .Formatted data. switched off",
        ),
        (f"Time,a\n{ONE},0.97 K\n", r":2: '0\.97 K' of 'a' is not a number .*; it has a unit"),
        (f"Time,a\n{ONE},-5\n", r":2: '-5' of 'a' is not a number of zero or more$"),
        (f"Time,a\n{ONE}000,1\n{TWO},1\n", ":3: seconds, and milliseconds elsewhere"),
        ("Time,a\n2025-10-26 00:00:00,20\n", ":2: '2025-10-26 00:00:00' is not epoch seconds or RFC 3339 with a zone"),
        (f"timestamp,pod,value\n{ONE},a,many\n", ":2: 'many' is not a number"),
        (f"timestamp,pod,value\n{ONE},a\n", ":2: 2 columns; the header has 3"),
        (f"timestamp,pod,value\n{ONE},a,1\n{ONE},a,1\n", ":3: the stamp is the same as"),
        ("sep=;\n", "no samples"),
        ("<!doctype html><title>Sign in</title>\n", ":1: a web page, as a login gives one"),
        (f'Time,"{{a=""1""}}","{{a=""1""}}"\n{ONE},1,2\n', ":1: every column needs its own name; 'a=1' comes twice"),
    ],
)
def test_what_is_not_read_is_named_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_panels(put(tmp_path, "x.csv", text))
