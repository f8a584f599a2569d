"""The alerts as files, and by Prometheus' own evaluator. Each by a fault in a service: tests/monitoring."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from ahpa.adapters.telemetry.metrics import Metrics
from ahpa.core.decision import Reason
from testbed.build import find_parts
from tests.manifests.rules import alerts, spec

SCENARIOS = Path(__file__).with_name("alerts_test.yaml")
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/alerts.md"


@pytest.mark.testbed
@pytest.mark.xdist_group("alerts")
def test_alerts_ring_when_they_should_and_not_before(tmp_path: Path) -> None:
    """The scenarios are in alerts_test.yaml. Descriptions and links are fixed words, and left out there."""
    rules = spec()
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        rule["annotations"] = {"summary": rule["annotations"]["summary"]}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    (tmp_path / SCENARIOS.name).write_text(SCENARIOS.read_text())
    words = [str(find_parts().binaries["promtool"]), "test", "rules", str(tmp_path / SCENARIOS.name)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_a_moment_at_which_it_rings_and_one_at_which_it_does_not() -> None:
    cases = [case for test in yaml.safe_load(SCENARIOS.read_text())["tests"] for case in test["alert_rule_test"]]
    expected = {(case["alertname"], bool(case["exp_alerts"])) for case in cases}
    assert expected == {(name, rings) for name in alerts() for rings in (True, False)}


def test_each_alert_says_how_bad_it_is_and_where_to_read_what_to_do() -> None:
    """One section of docs/alerts.md for each, in the same order, where the site has it."""
    assert yaml.safe_load((ROOT / "mkdocs.yml").read_text())["use_directory_urls"] is False, "else it is alerts/"
    sections = re.findall(r"^## (AHPA\w+)$", PAGE.read_text(), re.MULTILINE)
    assert sections == list(alerts())
    for name, rule in alerts().items():
        assert rule["labels"]["severity"] in ("critical", "warning"), name
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}, name
        assert rule["annotations"]["runbook_url"] == f"https://ahpa.dev/alerts.html#{name.lower()}"


def test_alerts_name_metrics_and_reasons_that_exist() -> None:
    expressions = " ".join(rule["expr"] for rule in alerts().values())
    families = list(Metrics().registry.collect())
    exist = {sample.name for family in families for sample in family.samples} | {
        f"{family.name}_total" if family.type == "counter" else family.name for family in families
    }
    assert set(re.findall(r"\bahpa_\w+", expressions)) - exist == set()
    named = {name for text in re.findall(r'reason!?=~?"([^"]+)"', expressions) for name in text.split("|")}
    assert named - set(Reason) == set()


def test_labels_that_an_alert_names_are_those_of_its_metrics() -> None:
    """As docs/metrics.md has them, so that who reads it may ask by them."""
    rows = re.findall(r"^\| `(\w+)` \| \w+ \| ([^|]*) \|", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE)
    for name, rule in alerts().items():
        named = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        has = {label for metric, labels in rows if metric in rule["expr"] for label in labels.split(", ")}
        assert named <= has, name
