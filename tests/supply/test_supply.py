"""What we ship is known by name, version, licence and hash, and may be shipped."""

from __future__ import annotations

import json
import re
from importlib.metadata import distribution
from pathlib import Path

import pytest

from supply.__main__ import PAGE
from supply.installed import programs_of
from supply.licenses import licenses, page, refused
from supply.lock import BASE, FULL, Pin, pins
from supply.sbom import bill

ROOT = Path(__file__).parents[2]
CORE, LOCKED = list(pins(BASE.read_text())), list(pins(FULL.read_text()))
FOUND = licenses(LOCKED)


@pytest.mark.parametrize(("lock", "locked"), [(BASE, CORE), (FULL, LOCKED)], ids=["base", "full"])
def test_every_line_of_the_lock_is_read(lock: Path, locked: list[Pin]) -> None:
    lines = [line for line in lock.read_text().splitlines() if re.match(r"\w", line)]
    assert len(locked) == len(lines)
    assert all(pin.hashes for pin in locked)


def test_the_locks_are_parts_of_one_resolution() -> None:
    """Or what was tested is another version than what an image holds."""
    base, dask, full, dev = (
        set(pins((ROOT / f"requirements/{name}.txt").read_text())) for name in ("base", "dask", "full", "dev")
    )
    assert base < dask < full < dev
    assert not {"pandas", "scipy", "statsmodels", "prophet", "cmdstanpy", "distributed"} & {pin.name for pin in base}


@pytest.mark.parametrize("text", ["click>=8", "click==8.5.1", "-e .", "click==8.5.1 --hash=md5:00"])
def test_a_line_that_is_no_pin_with_a_hash_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="this is no pin with hashes"):
        list(pins(text))


@pytest.mark.parametrize("name", FOUND)
def test_every_licence_is_one_that_we_may_ship(name: str) -> None:
    _, license = FOUND[name]
    assert license, "it names no licence: read its wheel, and decide"
    assert refused(license) == ()


@pytest.mark.parametrize(
    ("license", "wrong"),
    [("AGPL-3.0-only", ("AGPL-3.0-only",)), ("GPL-3.0-or-later", ("GPL-3.0-or-later",)), ("MIT", ()),
     ("MIT AND AGPL-3.0-only", ("AGPL-3.0-only",)), ("AGPL-3.0-only OR MIT", ()),
     ("(MIT AND Zlib) OR GPL-2.0-only", ()),
     ("GNU Affero General Public License v3", ("GNU Affero General Public License v3",)),
     ("SSPL-1.0 AND BUSL-1.1", ("SSPL-1.0", "BUSL-1.1"))],
)  # fmt: skip
def test_what_would_bind_our_users_is_refused(license: str, wrong: tuple[str, ...]) -> None:
    assert refused(license) == wrong


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(licenses(CORE), FOUND), "run `make licenses` and commit what it writes"


def test_the_bill_names_each_package_of_the_lock_once_and_is_the_same_each_time() -> None:
    first, again = (json.dumps(bill(LOCKED, "0.1.0"), indent=1) for _ in range(2))
    assert first == again
    components = json.loads(first)["components"]
    assert sorted(each["name"] for each in components) == sorted(pin.name for pin in LOCKED if pin.here({}))
    refs = [each["bom-ref"] for each in components]
    assert len(set(refs)) == len(refs)
    assert all(each["licenses"] and each["externalReferences"][0]["hashes"] for each in components)


def test_another_version_than_the_lock_has_is_not_described_as_if_it_were_that() -> None:
    other = [pin for pin in LOCKED if pin.name == "click"]
    with pytest.raises(ValueError, match=r"click is installed in version .*, and the lock has 0\.0"):
        bill([type(pin)(pin.name, "0.0", pin.marker, pin.hashes) for pin in other], "0.1.0")


def test_what_prophet_brings_compiled_is_listed_by_hash() -> None:
    """Nobody can tell from the package's name what was compiled into it."""
    programs = {program.path.rpartition("/")[2]: program.sha256 for program in programs_of(distribution("prophet"))}
    assert {"prophet_model.bin", "stanc"} <= programs.keys()
    assert any(name.startswith("libtbb.so") for name in programs)
    assert all(re.fullmatch("[0-9a-f]{64}", each) for each in programs.values())


def test_the_image_stands_on_one_base_by_digest() -> None:
    """A tag is another image tomorrow. Who has another base gives it as an argument, for both stages at once."""
    text = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["${BASE}"] * 2
    (base,) = re.findall(r"^ARG BASE=(\S+)", text, re.MULTILINE)
    assert re.fullmatch(r"python:3\.\d+-slim@sha256:[0-9a-f]{64}", base)


def test_every_lock_that_an_image_may_be_built_of_reaches_the_builder() -> None:
    """`REQUIREMENTS=dask` could not be built: .dockerignore kept its lock away."""
    let_in = re.findall(r"^!requirements/(\w+)\.txt", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert let_in == ["base", "dask", "full"]


@pytest.mark.parametrize("file", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda file: file.name)
def test_every_lock_is_by_hash_and_of_packages_alone(file: Path) -> None:
    """No index, no URL, no folder of somebody's machine."""
    assert list(pins(file.read_text()))
    assert not re.search(r"^-|://|file:", file.read_text(), re.MULTILINE)
