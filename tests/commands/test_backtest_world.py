"""Claims about the world that `ahpa backtest` is told: requests, services, tiers, bounds, and the model."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from ahpa.commands.world import Wish, policy_of
from ahpa.core.policy.values import Policy
from tests.commands.examples import OWNED, T0, coarse, fleet, request_list, run


def test_a_list_of_requests_is_simulated_one_by_one(tmp_path: Path) -> None:
    """The report says whose durations count; demand is what the arrivals of a minute ask for: three in flight, and
    twenty more in the minute of the long one."""
    out = tmp_path / "out"
    done = run(request_list(tmp_path), "--out", out, "--test-days", 1, "--policies", "static", "--no-sweep")
    assert done.exit_code == 0, done.output
    report = json.loads((out / "report.json").read_text())
    assert report["assumptions"]["service time"] == "each request's own, 33.2 s in the mean"
    with gzip.open(out / "ticks" / "log.static.csv.gz", "rt") as stream:
        demand = [float(row["demand"]) for row in csv.DictReader(stream)]
    assert sum(demand) == pytest.approx(1440 * 3 + 24 * 20)
    assert demand[1] == 3 + 20  # the list's last minute may have been cut short: the days end before it


def test_a_service_that_scales_on_request_rate_is_simulated(tmp_path: Path) -> None:
    """50 requests per second at 20 x 70 % each: the KPA keeps 4 replicas, whose slots could take 20 each."""
    text = "timestamp,value\n" + "".join(f"{T0 + 60 * i},3000\n" for i in range(3 * 1440))
    counts, service = tmp_path / "one.csv", tmp_path / "svc.yaml"
    counts.write_text(text)
    service.write_text(
        "{apiVersion: serving.knative.dev/v1, kind: Service, metadata: {name: a}, spec: {template: {metadata: "
        '{annotations: {autoscaling.knative.dev/metric: rps, autoscaling.knative.dev/target: "20"}}, '
        "spec: {containerConcurrency: 4}}}}"
    )
    out = tmp_path / "out"
    done = run(counts, "--service", service, "--out", out, "--test-days", 1, "--policies", "kpa,static", "--no-sweep",
               "--service-time", "0.2s")  # fmt: skip
    assert done.exit_code == 0, done.output
    report = json.loads((out / "report.json").read_text())
    fills = report["assumptions"]["the scaler fills replicas to"]
    assert fills == "14 requests per second each, of 20 that its slots can serve"
    with gzip.open(out / "ticks" / "one.kpa.csv.gz", "rt") as stream:
        desired = [float(row["desired"]) for row in csv.DictReader(stream)]
    assert np.median(desired) == 4


def test_money_counts_the_tiers_prices(tmp_path: Path) -> None:
    tiers = tmp_path / "tiers.yaml"
    tiers.write_text(
        "- {name: warm, replicas: 1, lag-p50: 20s, lag-p95: 40s, price: 1}\n"
        "- {name: new, lag-p50: 5m, lag-p95: 8m, price: 3}\n"
    )
    done = run(fleet(tmp_path, names=("a",)), "--tiers", tiers, "--out", tmp_path / "o", "--test-days", 1,
               "--policies", "kpa", "--no-sweep", "-o", "json")  # fmt: skip
    assert done.exit_code == 0, done.output
    policy = json.loads((tmp_path / "o" / "report.json").read_text())["series"][0]["policies"]["kpa"]
    assert policy["replicaHours"] < policy["money"] < 3 * policy["replicaHours"]


def test_tiers_and_the_service_are_among_the_assumptions(tmp_path: Path) -> None:
    """The report spoke of the last tier's lag as if all replicas had it, and of the Service not at all."""
    tiers, service = tmp_path / "tiers.yaml", tmp_path / "svc.yaml"
    tiers.write_text(
        "- {name: warm, replicas: 3, lag-p50: 20s, lag-p95: 40s, price: 1}\n"
        "- {name: new, lag-p50: 5m, lag-p95: 8m, price: 3}\n"
    )
    service.write_text(OWNED)
    done = run(fleet(tmp_path, names=("a",)), "--tiers", tiers, "--service", service, "--out", tmp_path / "o",
               "--test-days", 1, "--policies", "fixed-max", "--no-sweep")  # fmt: skip
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "o" / "report.json").read_text())["assumptions"]
    assert told["the Service"] == (
        f"chat of {service}: containerConcurrency 4, metric concurrency, min-scale 1, max-scale 2"
    )
    assert told["tier warm"] == "3 replicas: median 20 s, 95 % within 40 s; 1 for a replica-hour"
    assert told["tier new"] == "all further replicas: median 5 min, 95 % within 8 min; 3 for a replica-hour"
    assert told["tiers"] == f"of {tiers}; they fill in this order"
    assert told["money"].startswith("the replica-hours on each tier times its price")
    assert "from asked for to ready" not in told
    assert f"of {service}" in (tmp_path / "o" / "report.html").read_text()


def test_without_tiers_one_lag_is_assumed_of_all(tmp_path: Path) -> None:
    done = run(fleet(tmp_path, names=("a",)), "--lag-p50", "60s", "--out", tmp_path / "o", "--test-days", 1,
               "--policies", "fixed-max", "--no-sweep")  # fmt: skip
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "o" / "report.json").read_text())["assumptions"]
    assert told["from asked for to ready"] == "median 60 s, 95 % within 100 s"
    assert not {"the Service", "tiers", "money"} & told.keys()


def test_the_owners_bounds_bind_every_policy(tmp_path: Path) -> None:
    """At most two replicas where more are needed: nobody gets further, and the report says why; one at least."""
    service = tmp_path / "svc.yaml"
    service.write_text(OWNED)
    done = run(fleet(tmp_path, names=("a",)), "--service", service, "--out", tmp_path / "o", "--test-days", 1,
               "--policies", "static,fixed-max", "--service-time", "6s", "--no-sweep")  # fmt: skip
    assert done.exit_code == 0, done.output
    (series,) = json.loads((tmp_path / "o" / "report.json").read_text())["series"]
    assert series["policies"]["static"]["knob"] == "floor 2"
    assert series["policies"]["fixed-max"]["knob"] == "2 replicas"
    assert any("the owner's maximum is 2, but the busiest minute needs" in note for note in series["notes"])
    quiet = run(fleet(tmp_path, names=("a",)), "--service", service, "--out", tmp_path / "q", "--test-days", 1,
                "--policies", "fixed-max", "--service-time", "0.1s", "--late-target", "0.5", "--no-sweep")  # fmt: skip
    assert quiet.exit_code == 0, quiet.output
    (series,) = json.loads((tmp_path / "q" / "report.json").read_text())["series"]
    assert series["policies"]["fixed-max"]["atLateTarget"]["knob"] == "1 replica"


OURS = ("--test-days", "1", "--policies", "ahpa", "--quantile", "0.9", "--no-sweep", "--jobs", "1")


def model_of(out: Path) -> str:
    told: str = json.loads((out / "report.json").read_text())["assumptions"]["the model"]
    return told


def test_any_model_looks_ahead_for_ahpa(tmp_path: Path) -> None:
    """It ticks through the days like any other, is named in the report, and has answers of its own."""
    file = coarse(tmp_path)
    found = {}
    for model in ("last-value", "seasonal-naive"):
        out = tmp_path / model
        done = run(file, "--model", model, "--out", out, *OURS)
        assert done.exit_code == 0, done.output
        assert model_of(out).startswith(f"{model}: learns from")
        found[model] = json.loads((out / "report.json").read_text())["series"][0]["policies"]["ahpa"]
    assert found["last-value"] != found["seasonal-naive"]


def test_the_model_that_a_service_asks_for_looks_ahead_for_it(tmp_path: Path) -> None:
    """Its annotation counts, and an option before it."""
    service = tmp_path / "svc.yaml"
    service.write_text(OWNED.replace("{name: chat}", "{name: chat, annotations: {ahpa.dev/model: last-value}}"))
    for said, model in ((), "last-value"), (("--model", "seasonal-naive"), "seasonal-naive"):
        out = tmp_path / model
        done = run(coarse(tmp_path), "--service", service, "--out", out, *OURS, *said)
        assert done.exit_code == 0, done.output
        assert model_of(out).startswith(model)


def test_without_a_word_it_is_the_fleet_model() -> None:
    """The service's own default, so that both expect the same."""
    assert policy_of(Wish(None, None, False, None, True), None).model == Policy().model == "fleet"


@pytest.mark.slow
def test_ours_is_judged_by_the_fleet_model(tmp_path: Path) -> None:
    """The whole way with the real model: two policies, a day, coverage and advice."""
    out = tmp_path / "out"
    done = run(fleet(tmp_path, days=4, names=("a",)), "--out", out, "--test-days", 1, "--policies", "ahpa,kpa",
               "--no-sweep", "--jobs", 1)  # fmt: skip
    assert done.exit_code == 0, done.output
    policy = json.loads((out / "report.json").read_text())["series"][0]["policies"]["ahpa"]
    assert policy["lateRatio"] < 0.05
    assert 0.8 < policy["coverage"]["0.95"] <= 1
