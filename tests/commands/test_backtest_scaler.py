"""Claims about the autoscaler that `ahpa backtest` is told: which one, from which file, and what it must be asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.files.test_hpa_yaml import HPA, KEDA, KNATIVE
from tests.commands.examples import OWNED, fleet, run

QUICK = ("--test-days", "1", "--policies", "hpa,kpa,static,fixed-max", "--no-sweep", "--late-target", "50%")


def told(tmp_path: Path, *arguments: str | Path) -> dict[str, Any]:
    """The report of a quick backtest."""
    out = tmp_path / "out"
    done = run(fleet(tmp_path, names=("a",)), "--out", out, *QUICK, *arguments)
    assert done.exit_code == 0, done.output
    report: dict[str, Any] = json.loads((out / "report.json").read_text())
    return report


def put(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "scaler.yaml"
    path.write_text(text)
    return path


def test_without_a_word_it_is_knatives(tmp_path: Path) -> None:
    report = told(tmp_path)
    assert report["scaler"] == "kpa"
    assert report["assumptions"]["the scaler"].startswith("Knative's KPA, exactly; the floors of ahpa, ")


def test_an_hpa_is_asked_for_by_name(tmp_path: Path) -> None:
    """The report says which scaler was used, and that of the service comes first."""
    report = told(tmp_path, "--scaler", "hpa")
    assert report["scaler"] == "hpa"
    assert report["assumptions"]["the scaler"].startswith(
        "Kubernetes' HPA, exactly: every 15 s, tolerance 10 % up and 10 % down, stabilised over 0 s up and 5 min down; "
    )
    assert report["assumptions"]["the scaler fills replicas to"] == "2.8 of 4 slots"
    (series,) = report["series"]
    assert next(iter(series["policies"])) == "hpa"


@pytest.mark.parametrize(
    ("text", "option", "fills"),
    [
        (HPA, "--hpa", "2.8 of 4 slots"),
        (HPA.replace("requests_in_flight", "requests_per_second").replace("2800m", "1500m"), "--hpa", "3 of 4 slots"),
        (KEDA, "--hpa", "2.4 of 4 slots"),
        (KNATIVE, "--service", "3 of 4 slots"),
    ],
    ids=["in flight", "per second of 2 s", "cpu share", "knative's"],
)
def test_the_target_comes_from_the_file(tmp_path: Path, text: str, option: str, fills: str) -> None:
    report = told(tmp_path, option, put(tmp_path, text))
    assert report["scaler"] == "hpa"
    assert report["assumptions"]["the scaler fills replicas to"] == fills


def test_the_bounds_and_the_behavior_come_from_the_file(tmp_path: Path) -> None:
    path = put(tmp_path, HPA)
    report = told(tmp_path, "--hpa", path)
    assert report["assumptions"]["the HPA"] == (
        f"chat of {path}: minReplicas 2, maxReplicas 20, metric Pods requests_in_flight"
    )
    assert "20 % down, stabilised over 0 s up and 60 s down" in report["assumptions"]["the scaler"]
    (series,) = report["series"]
    assert series["policies"]["static"]["knob"] == "floor 2"


def test_what_a_file_cannot_say_is_asked_for_and_then_taken(tmp_path: Path) -> None:
    path = put(tmp_path, HPA.replace("requests_in_flight", "queue_time_seconds"))
    asked = run(fleet(tmp_path, names=("a",)), "--out", tmp_path / "no", *QUICK, "--hpa", path)
    assert asked.exit_code == 2
    assert "metric queue_time_seconds does not say which share" in asked.output
    assert "--target-utilization" in asked.output
    report = told(tmp_path, "--hpa", path, "--target-utilization", "0.5")
    assert report["assumptions"]["the scaler fills replicas to"] == "2 of 4 slots"


def test_a_service_of_one_class_can_be_tried_under_the_other(tmp_path: Path) -> None:
    """The same target and bounds."""
    report = told(tmp_path, "--service", put(tmp_path, OWNED), "--scaler", "hpa")
    assert report["scaler"] == "hpa"
    (series,) = report["series"]
    assert series["policies"]["fixed-max"]["knob"] == "2 replicas"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--hpa", "{file}", "--service", "{file}"), "--service and --hpa: give the one that scales"),
        (("--hpa", "absent.yaml"), "absent.yaml"),
        (("--hpa", "{file}", "--knative-config", "{file}"), "--knative-config: only with --service"),
        (("--scaler", "keda"), "'keda' is not one of 'kpa', 'hpa'"),
    ],
)
def test_what_does_not_fit_together_is_refused(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    file = str(put(tmp_path, HPA))
    words = [word.replace("{file}", file) for word in arguments]
    done = run(fleet(tmp_path, names=("a",)), "--out", tmp_path / "out", *words)
    assert done.exit_code == 2
    assert says in done.output
