"""The inputs of test T19: each writes one file and says how `ahpa backtest` must refuse it."""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HEADER = "timestamp,value\n"
LIST = "timestamp,duration\n"


def rows(count: int, step: int = 60, first: int = 1_700_000_040, value: str = "5") -> str:
    return "".join(f"{first + step * i},{value}\n" for i in range(count))


GOOD = HEADER + rows(5)


@dataclass(frozen=True)
class Case:
    """`write` makes the input in a directory and returns its path."""

    name: str
    write: Callable[[Path], Path]
    says: str
    """Part of the message."""
    code: int = 2


def _file(name: str, content: bytes | str, says: str, code: int = 2, suffix: str = "csv") -> Case:
    data = content.encode() if isinstance(content, str) else content

    def write(folder: Path) -> Path:
        path = folder / f"in.{suffix}"
        path.write_bytes(data)
        return path

    return Case(name, write, says, code)


def _lazy(name: str, make: Callable[[], bytes], says: str, code: int = 2, suffix: str = "csv") -> Case:
    def write(folder: Path) -> Path:
        path = folder / f"in.{suffix}"
        path.write_bytes(make())
        return path

    return Case(name, write, says, code)


def _at(name: str, make: Callable[[Path], Path], says: str) -> Case:
    return Case(name, make, says)


def _packed(block: bytes, count: int) -> bytes:
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=6, mtime=0) as packed:
        packed.write(HEADER.encode())
        for _ in range(count):
            packed.write(block)
    return out.getvalue()


def _bomb() -> bytes:
    """A megabyte and a half that unpacks to 500 MiB of rows."""
    return _packed(b"1700000000,5\n" * 2**16, 600)


def _lying_bomb() -> bytes:
    """The same, saying of itself that it is a kilobyte."""
    return _bomb()[:-4] + (1024).to_bytes(4, "little")


def _long(header: str) -> bytes:
    """Two million rows, a second apart, of which the last is bad."""
    return (header + rows(1_999_999, 1, value="5.25") + "1799999999,x\n").encode()


def _small_bomb() -> bytes:
    """50 KB that unpack to 50 MiB in one line."""
    return _packed(b"1" * 2**20, 50)


def _lying_gzip() -> bytes:
    """The length in the trailer says 10 bytes."""
    data = bytearray(gzip.compress((HEADER + rows(50)).encode()))
    data[-4:] = (10).to_bytes(4, "little")
    return bytes(data)


def _fifo(folder: Path) -> Path:
    path = folder / "pipe.csv"
    os.mkfifo(path)
    return path


def _loop(folder: Path) -> Path:
    path = folder / "loop.csv"
    path.symlink_to(path)
    return path


def _huge(folder: Path) -> Path:
    """300 MiB of nothing, which takes no disk."""
    path = folder / "huge.csv"
    with path.open("wb") as out:
        out.truncate(300 * 2**20)
    return path


def _directory(folder: Path) -> Path:
    path = folder / "folder.csv"
    path.mkdir()
    return path


_PROM = '{"status":"success","data":{"resultType":"matrix","result":[%s]}}'
_SERIES = '{"metric":{},"values":[%s]}'


def _pairs(count: int) -> bytes:
    return (_PROM % (_SERIES % ('[1,"1"],' * (count - 1) + '[1,"1"]'))).encode()


def _linked(folder: Path) -> Path:
    path = folder / "linked.csv"
    path.symlink_to("/dev/zero")
    return path


CASES: tuple[Case, ...] = (
    # Archives and sizes
    _lazy("gzip bomb of rows", _bomb, "rows", suffix="csv.gz"),
    _lazy("gzip bomb that lies", _lying_bomb, "rows", suffix="csv.gz"),
    _lazy("ten million short rows", lambda: _packed(b"1,1\n" * 2**16, 160), "more than 2,000,000", suffix="csv.gz"),
    _lazy("gzip bomb of one line", _small_bomb, "unpacks to far more", suffix="csv.gz"),
    _lazy("gzip with a lying length", _lying_gzip, "the gzip is damaged", suffix="csv.gz"),
    _lazy("gzip cut short", lambda: gzip.compress(GOOD.encode())[:-12], "the gzip is damaged", suffix="csv.gz"),
    _lazy("gzip in name only", lambda: b"\x1f\x8b" + b"junk" * 100, "gzip is damaged", suffix="csv.gz"),
    _lazy("gzip in gzip", lambda: gzip.compress(gzip.compress(GOOD.encode())), ":1: ", suffix="csv.gz"),
    _lazy("line of 100 MB", lambda: HEADER.encode() + b"1" * 100_000_000, ":2: a line of more than"),
    _lazy("header of 2 MB", lambda: b"timestamp," + b"a," * 2**20 + b"\n", ":1: a line of more than"),
    _lazy("5,000 columns", lambda: ("timestamp," + ",".join(f"c{i}" for i in range(5000)) + "\n").encode(), "columns"),
    _at("file of 300 MiB", _huge, "300 MiB; at most"),
    _lazy("a bad cell in row two million", lambda: _long(HEADER), ":2000001: 'x' of 'in'"),
    _lazy("a bad cell in request two million", lambda: _long(LIST), ":2000001: 'x' is not a duration"),
    # Not files
    _at("a pipe that never ends", _fifo, "not a regular file"),
    _at("a symlink to itself", _loop, "symbolic links"),
    _at("a symlink to a device", _linked, "not a regular file"),
    _at("a directory", _directory, "not a regular file"),
    _at("a device", lambda folder: Path("/dev/zero"), "not a regular file"),
    _at("absent", lambda folder: folder / "absent.csv", "No such file"),
    _at("a name of 5,000 letters", lambda folder: folder / ("a" * 5000), "File name too long"),
    # Encodings
    _file("NUL byte", GOOD.replace("5\n", "\0\n", 1), ":2: a NUL byte"),
    _file("UTF-16", GOOD.encode("utf-16"), ":1: "),
    _file("Latin-1", b"timestamp,value\n1700000000,\xe9\n", ":2: not UTF-8"),
    _file("digits of another script", HEADER + "1700000000,１２\n", ":2: "),
    # Cells
    _file("formula", HEADER + "1700000000,=1+1\n1700000060,5\n", ":2: '=1+1'"),
    _file("words", HEADER + "1700000000,many\n", ":2: 'many'"),
    _file("underscored number", HEADER + "1700000000,1_000\n", ":2: '1_000'"),
    _file("overflow", HEADER + "1700000000,1e400\n", ":2: "),
    _file("infinity", HEADER + "1700000000,inf\n", ":2: 'inf'"),
    _file("negative demand", HEADER + "1700000000,-4\n", ":2: '-4'"),
    _file("thousands separator", HEADER + '1700000000,"1,000"\n', ":2: '1,000': write it without commas"),
    _file("two decimal marks", "timestamp;value\n1700000000;1,5\n1700000060;1.5\n", ":3: both 1.5 and 1,5"),
    _file("a quote that does not end", 'timestamp,value\n1700000000,"1\n', ":2: a quoted cell that does not end"),
    _file("too few columns", "timestamp,a,b\n1700000000,1\n", ":2: 2 columns; the header has 3"),
    _file("no header", rows(5), ":1: the header"),
    _file("wrong columns", "date,count\n2024-01-01,1\n", ":1: the header"),
    _file("the same column twice", "timestamp,a,a\n1700000000,1,2\n", ":1: every column"),
    # Time
    _file("stamp without zone", HEADER + "2024-01-01T00:00:00,1\n", "with a zone"),
    _file("milliseconds", HEADER + "1700000000000,1\n1700000060000,1\n", ":2: '1700000000000'"),
    _file("unsorted", HEADER + rows(3) + "1700000000,1\n", ":5: the stamp is older than"),
    _file("duplicate", HEADER + rows(3) + "1700000160,1\n", ":5: the stamp is the same as"),
    _file(
        "storage that was thinned out",
        HEADER + rows(400) + rows(150, 300, 1_700_024_100),
        ":402: from here on samples are 300 s",
    ),
    _file("a counter's reset", HEADER + rows(6000) + "1700360100,1000000000000\n", "requests in flight; at most", 4),
    _file("milliseconds", HEADER + "1700000040000,5\n", ":2: '1700000040000' is not epoch seconds", 2),
    _file("mixed steps", HEADER + rows(9) + "1700000550,1\n", ":11: mixed steps"),
    _file("year 5000", HEADER + "1700000000,1\n1700000060,1\n95617584000,1\n", "a gap of"),
    _file("steps of 90 seconds", HEADER + rows(5000, 90), "steps of 90 s"),
    # Not enough
    _file("empty file", "", "empty", 4),
    _file("only a header", HEADER, "no samples", 4),
    _file("one point", HEADER + rows(1), "one sample", 4),
    _file("all NaN", HEADER + rows(9, value="NaN"), "no value", 4),
    _file("an hour", HEADER + rows(60), "days of data", 4),
    # Lists of requests
    _file("negative duration", LIST + "1700000000.5,2\n1700000001,-1\n", ":3: '-1' is not a duration"),
    _file("duration that is none", LIST + "1700000000.5,NaN\n", ":2: 'NaN' is not a duration"),
    _file("no duration", LIST + "1700000000.5,\n", ":2: '' is not a duration"),
    _file("infinite duration", LIST + "1700000000.5,inf\n", ":2: 'inf' is not a duration"),
    _file("a duration in milliseconds", LIST + "1700000000.5,150000\n", ":2: a duration of 150000 s; at most a day"),
    _file("a duration of 1e300", LIST + "1700000000.5,1e300\n", ":2: a duration of 1e+300 s"),
    _file("a request of two durations", LIST + "1700000000.5,1,2\n", ":2: 3 columns"),
    _file("a request without zone", LIST + "2024-01-01T00:00:00,1\n", ":2: '2024-01-01T00:00:00' is not epoch"),
    _file("a request in milliseconds", LIST + "1700000000500,1\n", ":2: '1700000000500' is not epoch"),
    _file("a request of 1970", LIST + "1700000000.5,1\n1700000001.5,1\n0,1\n", ":2: 19676 days after"),
    _file("no requests at all", LIST, "no requests", 4),
    _file("one request", LIST + "1700000000.5,1\n", "days of data", 4),
    _lazy("three million requests", lambda: (LIST + "1700000000.5,1\n" * 3_000_000).encode(), "more than 2,000,000"),
    _lazy("a list that goes wrong late", lambda: (LIST + "1.5,1\n" * 300_000 + "x,1\n").encode(), ":300002: 'x'"),
    _lazy("a request line of 2 MB", lambda: (LIST + "1" * 2**21 + "\n").encode(), ":2: a line of more than"),
    # Prometheus and OpenMetrics
    _file("broken JSON", '{"status":"success",\n"data":', ":2: not JSON", suffix="json"),
    _file("deep JSON", "[" * 200_000, "nested too deep", suffix="json"),
    _file("JSON NaN", _PROM % (_SERIES % '[NaN,"1"]'), "NaN is not JSON", suffix="json"),
    _file("an error of Prometheus", '{"status":"error","error":"query timed out"}', "timed out", suffix="json"),
    _file("a vector", '{"data":{"resultType":"vector","result":[]}}', "a matrix", suffix="json"),
    _file("no series", _PROM % "", "no series", 4, suffix="json"),
    _file("a sample that is none", _PROM % (_SERIES % '[1700000000,"1"],[true,"1"]'), "sample 2", suffix="json"),
    _lazy("32 MB of pairs", lambda: _pairs(4_000_000), "more than 2,000,000 samples", suffix="json"),
    _lazy("a series of ten years", lambda: _pairs(700_000), "a series of more than 600,000 samples", suffix="json"),
    _lazy("64 MB of objects", lambda: b"[" + b"{}," * 21_000_000 + b"{}]", "far more objects", suffix="json"),
    _lazy("60 MB of numbers", lambda: b"[" + b"1," * 30_000_000 + b"1]", "far more objects", suffix="json"),
    _lazy(
        "a series of texts",
        lambda: (_PROM % (_SERIES % ('"ab",' * 9_000_000 + '"ab"'))).encode(),
        "far more objects",
        suffix="json",
    ),
    _lazy("65 MB of one text", lambda: b'{"a":"' + b"x" * 68_000_000 + b'"}', ":1: a line of more than", suffix="json"),
    _file(
        "a stamp of 400 digits",
        _PROM % (_SERIES % f'[{"9" * 400},"1"]'),
        "sample 1 of 'series' is [9999",
        suffix="json",
    ),
    _file("a stamp of 5,000 digits", _PROM % (_SERIES % f'[{"9" * 5000},"1"]'), "not JSON", suffix="json"),
    _file("a stamp of 1e999", _PROM % (_SERIES % '[1e999,"1"]'), "sample 1 of", suffix="json"),
    _file("a value of false", _PROM % (_SERIES % "[1700000000,false]"), "sample 1 of", suffix="json"),
    _file("a value that is a number", _PROM % (_SERIES % "[1700000000,0]"), "sample 1 of", suffix="json"),
    _file("a sample of three", _PROM % (_SERIES % '[1700000000,"1",2]'), "sample 1 of", suffix="json"),
    _file("a sample of 900 brackets", _PROM % (_SERIES % ("[" * 900 + "]" * 900)), "sample 1 of", suffix="json"),
    _file("a sample of null", _PROM % (_SERIES % "null"), "sample 1 of 'series' is None", suffix="json"),
    _file(
        "a name of braces",
        _PROM % '{"metric":{"a":"{x}{0}"},"values":[[{},"1"]]}',
        "sample 1 of 'a={x}{0}' is [{},",
        suffix="json",
    ),
    _lazy(
        "an export of 60 MB",
        lambda: b'{"metric":{},"values":[' + b"1," * 15_000_000 + b'1],"timestamps":[' + b"1," * 15_000_000 + b"1]}",
        "more than 2,000,000 samples",
        suffix="jsonl",
    ),
    _lazy(
        "an export of one long line",
        lambda: b'{"metric":{},"values":[' + b"1," * 700_000 + b'1],"timestamps":[' + b"1," * 700_000 + b"1]}",
        ":1: far more than 600,000 samples of one series",
        suffix="jsonl",
    ),
    _file(
        "an export with deep labels", '{"metric":' + '{"a":' * 90 + '1,"timestamps":', ":1: not JSON", suffix="jsonl"
    ),
    _lazy(
        "a label for each row",
        lambda: ("timestamp,pod,value\n" + "".join(f"1700000000,p{i},1\n" for i in range(200_000))).encode(),
        "more than 2000 series",
    ),
    _file("OpenMetrics without stamps", "# TYPE a gauge\na 5\n# EOF\n", ":2: the sample has no timestamp"),
    _file("text after EOF", "# TYPE a gauge\na 5 1700000000\n# EOF\nb 1 1\n", ":4: text after"),
)
