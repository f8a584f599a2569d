"""What the chart's files say, read as YAML: as many values as there are options, and a word on each."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import ahpa
from ahpa.commands.serve import command
from tests.manifests.chart import CHART, generated
from tests.manifests.overlays import CONFIG

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())


@pytest.mark.parametrize("file", generated().FILES, ids=lambda file: file.name)
def test_what_is_written_from_the_options_is_not_old(file: Path) -> None:
    """An option that is new has no value, or no reason for that, until somebody writes it down."""
    assert file.read_text() == generated().FILES[file](), (
        "run `python docs/generate_chart.py` and commit what it writes"
    )


def test_each_option_of_serve_is_a_value_or_says_why_not() -> None:
    options = {str(each.name) for each in command.params}
    values = {str(each.name) for each in generated().options()}
    assert (values | set(generated().NOT_VALUES), values & set(generated().NOT_VALUES)) == (options, set())
    assert set(VALUES["serve"]) == {generated().value_name(each) for each in generated().options()}
    assert set(generated().CHOSEN) | set(generated().NOTED) <= values


def test_the_page_is_where_the_manifests_look_for_it_or_nowhere() -> None:
    """Service and NetworkPolicy name its port: another one would answer nobody."""
    pod = yaml.safe_load((CONFIG / "base/deployment.yaml").read_text())["spec"]["template"]["spec"]
    (port,) = (each["containerPort"] for each in pod["containers"][0]["ports"] if each["name"] == "page")
    (option,) = (each for each in command.params if each.name == "page_port")
    assert option.default == port
    assert SCHEMA["properties"]["serve"]["properties"]["pagePort"]["enum"] == [None, -1, port]


def described(schema: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, bool]]:
    """(value, whether it says what it does), of each that is no group of others."""
    for name, each in schema["properties"].items():
        if "properties" in each:
            assert each["additionalProperties"] is False, f"{within}{name}: a typo in it would pass"
            yield from described(each, f"{within}{name}.")
        else:
            yield f"{within}{name}", bool(each.get("description"))


def leaves(values: Mapping[str, Any], schema: Mapping[str, Any], within: str = "") -> Iterator[str]:
    for name, value in values.items():
        inner = schema["properties"].get(name, {})
        if "properties" in inner:
            yield from leaves(value, inner, f"{within}{name}.")
        else:
            yield f"{within}{name}"


def test_each_value_is_in_the_schema_and_says_what_it_does() -> None:
    known = dict(described(SCHEMA))
    assert set(leaves(VALUES, SCHEMA)) <= set(known)
    assert [name for name, said in known.items() if not said] == []
    assert SCHEMA["additionalProperties"] is False


def test_the_chart_is_of_this_version_and_of_this_source() -> None:
    """Its links lead into config/, by ways that hold in any clone."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    images = yaml.safe_load((CONFIG / "base/kustomization.yaml").read_text())["images"]
    assert chart["appVersion"] == ahpa.__version__ == images[0]["newTag"]
    for link in (CHART / "source").iterdir():
        assert os.readlink(link) == f"../../{link.name}"
        assert link.resolve() == CONFIG / link.name
        assert link.is_dir()
