"""The copy of the history on a volume: what was held comes back, and in any doubt nothing does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ahpa.adapters.files.history import FORMAT, NAME, Dropped, load, save
from ahpa.history.kept import Kept
from ahpa.history.snapshot import Extent, Piece, Snapshot
from tests.history.world import KEEPING, MINUTE, Source, everything, hour, kept, queries, source

ORIGIN = "http://prometheus.monitoring:9090"


def loaded(folder: Path, now: float, origin: str = ORIGIN) -> Snapshot | None:
    return load(folder, origin, MINUTE, KEEPING.history, now)


def world_and_copy(folder: Path) -> tuple[Source, Kept]:
    """All of a small fleet was read, and saved."""
    world = source(np.random.default_rng(3), 3, late=0.0)
    for values in world.truth.values():
        values[np.isnan(values)] = 1.0  # else those minutes would be asked for again
    reader = kept(world)
    hour(world, reader)
    while reader.fill():
        pass
    save(folder, reader.snapshot(), ORIGIN)
    return world, reader


def test_after_a_restart_only_what_came_meanwhile_is_read(tmp_path: Path) -> None:
    world, before = world_and_copy(tmp_path)
    saved = world.now
    world.now += 3 * 60
    again = kept(world)
    copy = loaded(tmp_path, world.now * MINUTE)
    assert copy is not None
    again.restore(copy, world.now * MINUTE)
    world.asked.clear()
    first = everything(world, again)
    np.testing.assert_array_equal(first.panel.values, everything(world, world).panel.values.astype(np.float32))
    rounds, *filled = world.asked[:-1]
    assert rounds == (3, world.now - 60, world.now)
    assert min(begin for _, begin, _ in filled) >= saved - 4 * 60  # the second look at what was young
    assert again.complete == 1
    assert before.complete == 1


def test_nothing_was_saved(tmp_path: Path) -> None:
    assert loaded(tmp_path, 0.0) is None


def signed(content: bytes) -> bytes:
    return content + hashlib.sha256(content).digest()


def lines(*what: object) -> bytes:
    return signed(b"".join(json.dumps(each).encode() + b"\n" for each in what))


OF = hashlib.sha256(ORIGIN.encode()).hexdigest()
HEAD = [FORMAT, OF, 60.0, 1200, 1260, 60]
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "damaged": lambda content: content[:5000] + b"x" + content[5001:],
    "damaged: cut": lambda content: content[:-1],
    "damaged: longer": lambda content: content + b"x",
    "damaged: empty": lambda content: b"",
    "damaged: of another": lambda content: b"PK\x03\x04" * 100,
    "version": lambda content: lines(["ahpa history 1", 60.0, 1200, 1260, 60]),
    "version: text": lambda content: lines([FORMAT, OF, "60", "1200", 1260, 60]),
    "line": lambda content: lines({"a": 1}),
    "line: deep": lambda content: signed(b"[" * 100_000 + b"\n"),
    "line: endless": lambda content: signed(b"[" * 5_000_000),
    "step": lambda content: lines([FORMAT, OF, 30.0, 1200, 1260, 60]),
    "step: no hour": lambda content: lines([FORMAT, OF, 60.0, 1201, 1260, 60]),
    "length": lambda content: lines([FORMAT, OF, 60.0, 1200 - 60 * 60 * 24, 1260, 60]),
    "no time": lambda content: lines([FORMAT, OF, 60.0, -6 * 10**400, 1260, 60]),
}
NOW = 1260 * 60.0


@pytest.mark.parametrize("what", DAMAGES)
def test_a_copy_in_any_doubt_is_dropped(what: str, tmp_path: Path) -> None:
    world_and_copy(tmp_path)
    path = tmp_path / NAME
    path.write_bytes(DAMAGES[what](path.read_bytes()))
    with pytest.raises(Dropped, match=what.partition(":")[0]):
        loaded(tmp_path, NOW)


BAD_PIECES: dict[str, bytes] = {
    "series of no name": lines(HEAD, [[1, 2]]),
    "series twice": lines(HEAD, [["a", "b"], ["a", "b"]]),
    "more series than a piece has": lines(HEAD, [[str(i), "q"] for i in range(257)]),
    "no values": lines(HEAD, [["a", "b"]]),
    "no end": lines(HEAD),
}


@pytest.mark.parametrize("what", BAD_PIECES)
def test_what_no_save_wrote_is_dropped_though_its_digest_is_true(what: str, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(BAD_PIECES[what])
    copy = loaded(tmp_path, NOW)
    assert copy is not None
    with pytest.raises(Dropped):
        list(copy.pieces)


def test_a_copy_from_the_future_or_too_old_or_behind_a_link_is_dropped(tmp_path: Path) -> None:
    world, _ = world_and_copy(tmp_path)
    now = world.now * MINUTE
    for when, why in ((now - 3600, "newer"), (now + KEEPING.history, "old")):
        with pytest.raises(Dropped, match=why):
            loaded(tmp_path, when)
    (tmp_path / NAME).rename(tmp_path / "elsewhere")
    (tmp_path / NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Dropped, match="cannot be read"):
        loaded(tmp_path, now)


def test_a_copy_of_another_prometheus_is_dropped(tmp_path: Path) -> None:
    """The same queries mean other services there."""
    world, _ = world_and_copy(tmp_path)
    with pytest.raises(Dropped, match="another Prometheus"):
        loaded(tmp_path, world.now * MINUTE, "http://prometheus.staging:9090")


def test_numbers_that_cannot_be_a_demand_are_not_taken_from_a_copy(tmp_path: Path) -> None:
    world = source(np.random.default_rng(3), 1, late=0.0)
    last = world.now
    extent = Extent(MINUTE, last - 120, last, 60)
    values = np.full((1, 120), 5.0, np.float32)
    values[0, :3] = -1.0, np.inf, np.nan
    tables = [np.full((1, 2), 255, kind) for kind in (np.uint32, np.uint8, np.uint8)]
    ((key, query),) = queries(world).items()
    save(tmp_path, Snapshot(extent, iter([Piece({key: query}, values, *tables)])), ORIGIN)
    copy = loaded(tmp_path, last * MINUTE)
    assert copy is not None
    reader = kept(world)
    reader.restore(copy, last * MINUTE)
    seen = reader.read({key: query}, (last - 120) * MINUTE, last * MINUTE, MINUTE).panel.values[0]
    truth = world.truth[query][last - 120 - world.first :][:3].astype(np.float32)
    assert all(got == 5.0 or np.isnan(got) or got == true for got, true in zip(seen[:3], truth, strict=True))


def test_a_volume_that_is_full_leaves_the_last_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, reader = world_and_copy(tmp_path)
    before = (tmp_path / NAME).read_bytes()

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="space"):
        save(tmp_path, reader.snapshot(), ORIGIN)
    assert [(path.name, path.read_bytes() == before) for path in tmp_path.iterdir()] == [(NAME, True)]
