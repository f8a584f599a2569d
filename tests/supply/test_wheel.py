"""What is published is the repository's two packages, whole, and nothing else; and what they need is said."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator
from configparser import ConfigParser
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.xdist_group("wheel")  # one of the workers builds it

ROOT = Path(__file__).parents[2]
ROOMS = ("ahpa", "forecasting")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BUILD = """
from setuptools import build_meta
print(build_meta.build_sdist("out"))
print(build_meta.build_wheel("out"))
"""
NEVER_IMPORTED = {"tzdata"}
"""zoneinfo reads it."""
WITH_OTHERS = {"dask": "distributed", "tornado": "distributed", "pandas": "prophet"}
"""What an extra brings along."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of both files, built of a copy, as building leaves things behind."""
    there = tmp_path_factory.mktemp("built")
    for room in ROOMS:
        shutil.copytree(ROOT / room, there / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tests/supply", there / "tests")
    for name in ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, there)
    subprocess.run([sys.executable, "-c", BUILD], cwd=there, check=True, capture_output=True)
    return there / "out"


@pytest.fixture(scope="module")
def wheel(built: Path) -> Iterator[ZipFile]:
    (file,) = built.glob("*.whl")
    with ZipFile(file) as found:
        yield found


def ours() -> set[str]:
    """Every file of our packages."""
    files = (file for room in ROOMS for file in (ROOT / room).rglob("*") if file.is_file())
    return {file.relative_to(ROOT).as_posix() for file in files if "__pycache__" not in file.parts}


def test_the_wheel_is_our_packages_whole_and_nothing_else(wheel: ZipFile) -> None:
    """No tests, no testbed; but the queries, and whatever else is no Python."""
    info = {name for name in wheel.namelist() if name.startswith("ahpa-") and ".dist-info/" in name}
    assert set(wheel.namelist()) - info == ours()
    assert {"ahpa/py.typed", "forecasting/py.typed", "ahpa/adapters/prometheus/queries.yaml"} <= ours()
    assert any(name.endswith("licenses/LICENSE") for name in info)


def test_the_source_can_be_built_from_and_holds_no_tests(built: Path) -> None:
    (file,) = built.glob("*.tar.gz")
    with tarfile.open(file) as found:
        names = {name.partition("/")[2] for name in found.getnames()}
    assert names >= ours() | {"pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"}
    assert {name.split("/")[0] for name in names if "/" in name} == {*ROOMS, "ahpa.egg-info"}


def test_both_commands_run_from_what_was_built(wheel: ZipFile, tmp_path: Path) -> None:
    """Not from the repository: its folder is on no path here."""
    wheel.extractall(tmp_path / "site")
    points = ConfigParser()
    points.read_string(
        next(wheel.read(name).decode() for name in wheel.namelist() if name.endswith("entry_points.txt"))
    )
    assert set(points["console_scripts"]) == {"ahpa", "kubectl-ahpa"}
    for point in points["console_scripts"].values():
        module, _, name = point.partition(":")
        code = f"import sys; sys.argv[1:] = ['--help']; from {module} import {name}; {name}()"
        env = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "serve" in done.stdout or "explain" in done.stdout


def test_the_queries_are_found_where_it_is_installed(wheel: ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path / "site")
    code = "from ahpa.adapters.prometheus import queries; print(queries.__file__, len(queries.load_queries(None)))"
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    where, count = done.stdout.split()
    assert Path(where).is_relative_to(tmp_path)
    assert int(count) > 0


def imported() -> set[str]:
    """Top-level modules of others that our packages import, wherever in a file, but for types alone."""
    found: set[str] = set()
    for file in (ROOT / name for name in ours() if name.endswith(".py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {each.name.partition(".")[0] for each in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                found.add(str(node.module).partition(".")[0])
    return found - sys.stdlib_module_names - {*ROOMS, "_typeshed"}


def test_what_is_imported_is_asked_for_and_what_is_asked_for_is_imported() -> None:
    """Or a package comes only as long as another one happens to bring it."""
    every = [*PROJECT["dependencies"], *chain(*PROJECT["optional-dependencies"].values())]
    asked = {canonicalize_name(Requirement(each).name) for each in every}
    names = packages_distributions()
    needed = {canonicalize_name(WITH_OTHERS.get(module) or names[module][0]) for module in imported()}
    assert needed == asked - NEVER_IMPORTED - {"ahpa"}
