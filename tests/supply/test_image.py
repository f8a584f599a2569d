"""The image's steps, done without a Docker daemon, and what comes out of them, run as the manifests run it.

Building takes minutes; who has built one names its folder in AHPA_IMAGE.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.fleet.processes import kubeconfig, stand_in
from supply.image import MOST_MB, Image, table

ROOT = Path(__file__).parents[2]
IMPORTS = """
import importlib, os, pkgutil, sys
for room in ("ahpa", "forecasting"):
    for found in pkgutil.walk_packages(importlib.import_module(room).__path__, room + "."):
        if not found.name.endswith("__main__"):
            try:
                importlib.import_module(found.name)
            except ModuleNotFoundError as error:
                print("missing", error.name, "in", found.name)
for module in list(sys.modules.values()):
    if (cached := getattr(module, "__cached__", None)) and not os.path.exists(cached):
        print("compiled at each start:", module.__name__)
print("looked at", "hundreds" if len(sys.modules) > 800 else len(sys.modules))
"""

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def image() -> Image:
    if (built := os.environ.get("AHPA_IMAGE")) is not None:
        return Image.read(Path(built))
    done = subprocess.run(["sh", ROOT / "supply/image.sh", ROOT / "out/image"], capture_output=True, text=True)
    if done.returncode == 3:
        pytest.skip(done.stderr.strip().rpartition("\n")[2])
    assert done.returncode == 0, done.stderr[-2000:]
    return Image.read(ROOT / "out/image")


@pytest.fixture
def fleet(image: Image) -> Iterator[tuple[str, ...]]:
    """Options that lead to stand-ins of an API server and a Prometheus of three services."""
    three = ("--services", "3")
    with stand_in("api", *three, "--mode", "apply") as (api, _), stand_in("prometheus", *three) as (prometheus, _):
        (image.root / "mnt/kubeconfig").write_text(kubeconfig(api))
        yield "--kubeconfig", "/mnt/kubeconfig", "--prometheus", prometheus


def test_it_is_small_and_one_knows_of_what(image: Image) -> None:
    parts = image.parts()
    assert parts.total() <= MOST_MB * 1e6, table(parts)
    assert (
        not {"package pandas", "package scipy", "package statsmodels", "package prophet", "package pip"} & parts.keys()
    )


def test_it_runs_as_nobody_where_nothing_can_be_written_but_tmp(image: Image) -> None:
    done = image.run("id; for each in / /opt/ahpa/app /var/tmp /dev /tmp; do touch $each/it && echo $each; done",
                     entrypoint=("sh", "-c"))  # fmt: skip
    assert done.stdout.splitlines()[:2] == ["uid=65532 gid=65532 groups=65532", "/tmp"]
    assert "HOME" not in "".join(image.env)


def test_its_command_answers_and_says_nothing_else(image: Image) -> None:
    done = image.run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage:" in done.stdout


def test_all_of_our_code_is_there_and_compiled(image: Image) -> None:
    """But for what only Dask's extra brings."""
    said = image.run("-c", IMPORTS, entrypoint=("python",)).stdout.splitlines()
    assert [line for line in said if "missing distributed" not in line and "missing tornado" not in line] == [
        "looked at hundreds"
    ]


def test_it_watches_a_fleet_once(image: Image, fleet: tuple[str, ...]) -> None:
    done = image.run("serve", "--once", "--dry-run", *fleet)
    assert done.returncode == 0, done.stderr[-2000:]
    told = {row["event"]: row for row in map(json.loads, done.stderr.splitlines())}
    assert told["refit.done"]["targets"] == told["tick.done"]["targets"] == 3
    assert "PeakAhead" in done.stdout


def test_it_checks_a_cluster(image: Image, fleet: tuple[str, ...]) -> None:
    """Of stand-ins that grant nothing, so findings fail; what counts is that each is found."""
    done = image.run("check", *fleet)
    assert done.returncode in (0, 1), done.stderr[-2000:]
    assert "Prometheus" in done.stdout
    assert "Traceback" not in done.stderr


def test_it_draws(image: Image) -> None:
    """matplotlib wants a place for its cache, which is /tmp."""
    (image.root / "mnt/chat.csv").write_text(
        "timestamp,value\n" + "".join(f"{60 * minute},{abs(720 - minute % 1440)}\n" for minute in range(4000))
    )
    done = image.run("python -m ahpa forecast /mnt/chat.csv --plot /tmp/it.svg >/tmp/said && head -c 9 /tmp/it.svg",
                     entrypoint=("sh", "-c"))  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("<?xml")


def test_a_model_that_it_does_not_hold_is_refused_in_words(image: Image) -> None:
    (image.root / "mnt/chat.csv").write_text("timestamp,value\n0,1\n60,1\n")
    done = image.run("forecast", "/mnt/chat.csv", "--model", "prophet")
    assert done.returncode == 2
    assert "pip install 'ahpa[prophet]'" in done.stderr
