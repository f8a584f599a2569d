"""Writes what the Helm chart says of the options of `ahpa serve`, and docs/chart.md: `python docs/generate_chart.py`.

A test says when they are old (tests/manifests/test_chart_files.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from ahpa.adapters.kubernetes.kinds import KINDS
from ahpa.commands.serve import command

DOCS = Path(__file__).parent
CHART = DOCS.parent / "config/chart"
NOTE = "<!-- Written by docs/generate_chart.py; change config/chart/values.yaml instead. -->"
BEGIN, END = "  # Written by docs/generate_chart.py, from the options:\n", "  # So far.\n"

NOT_VALUES: Mapping[str, str] = {
    "once": "a service goes on",
    "kubeconfig": "the pod's own account is used",
    "context": "it belongs to a kubeconfig",
    "identity": "the pod's name and uid, by which the fence knows it",
    "lease_namespace": "the rights on Leases are given in ahpa-system",
    "metrics_port": "Service, annotations and NetworkPolicy name it",
    "health_port": "the probes ask it",
}
"""Options that the manifests themselves settle, and why."""

CHOSEN: Mapping[str, object] = {
    "prometheus": "http://prometheus-operated.monitoring.svc:9090",
    "kinds": ["knative", "hpa"],
    "leader_elect": True,
    "dry_run": True,
}
"""What the chart sets; all else is null."""

ONLY: Mapping[str, list[int | None]] = {"page_port": [None, -1, 8082]}
"""Options of which the manifests leave no other values."""

NOTED: Mapping[str, str] = {
    "kinds": "Kinds of targets to look for. Only for these there are rights, and fences.",
    "namespace": "Only this namespace, and rights in no other. (default: all)",
    "queries": "A file with further queries, of a volume of yours. `queries` below is simpler.",
    "page_port": "-1: no page. (default: 8082, which Service and NetworkPolicy name)",
    "state": "Set by `history.enabled`.",
    "executor": "Set by `dask.enabled`. (default: here)",
}
"""What is to be said otherwise than in the option's help."""


def options() -> Iterator[click.Option]:
    """Of `ahpa serve`, those that are values."""
    for each in command.params:
        if isinstance(each, click.Option) and each.name not in NOT_VALUES:
            yield each


def value_name(option: click.Option) -> str:
    """`lagP50` for `--lag-p50`; the chart makes AHPA_SERVE_LAG_P50 of it."""
    return re.sub(r"_(.)", lambda found: found[1].upper(), str(option.name))


def _said(option: click.Option) -> str:
    if option.name in NOTED:
        return NOTED[option.name]
    words = " ".join((option.help or "").split()).replace("[", "(").replace("]", ")")
    return f"{words} (default: {option.default})" if option.show_default and not option.is_flag else words


def values_block() -> str:
    """The lines of values.yaml that stand for options."""
    lines = []
    for each in options():
        shown = json.dumps(CHOSEN.get(str(each.name)))
        lines.append(f"  # {_said(each)}\n  {value_name(each)}: {shown}\n")
    return "".join(lines)


def values_text() -> str:
    """values.yaml with that block as the options have it now."""
    before, rest = (CHART / "values.yaml").read_text().split(BEGIN)
    return f"{before}{BEGIN}{values_block()}{END}{rest.split(END)[1]}"


def _typed(option: click.Option) -> Mapping[str, object]:
    if option.name == "kinds":
        return {"type": "array", "items": {"enum": list(KINDS)}, "minItems": 1, "uniqueItems": True}
    if option.name in ONLY:
        return {"enum": ONLY[option.name]}
    if option.is_flag:
        return {"type": ["boolean", "null"]}
    if isinstance(option.type, click.IntRange | click.FloatRange):
        name = "integer" if isinstance(option.type, click.IntRange) else "number"
        bounds = {"minimum": option.type.min, "maximum": option.type.max}
        return {"type": [name, "null"], **{word: value for word, value in bounds.items() if value is not None}}
    return {"type": ["string", "null"], "minLength": 1}


def schema_text() -> str:
    """values.schema.json with the options as they are now."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    schema["properties"]["serve"] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["kinds"],
        "properties": {value_name(each): {"description": _said(each), **_typed(each)} for each in options()},
    }
    return json.dumps(schema, indent=2) + "\n"


def page() -> str:
    """docs/chart.md."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads(schema_text())
    rows = "\n".join(f"| `{name}` | {shown} | {said} |" for name, shown, said in _rows(values, schema, ""))
    settled = "\n".join(f"- `--{name.replace('_', '-')}`: {why}." for name, why in NOT_VALUES.items())
    return f"""{NOTE}
# Values of the Helm chart

[install.md](install.md) says how to use the chart. A value that is not in this table is refused.

| value | as it stands | what it does |
|---|---|---|
{rows}

Every option of `ahpa serve` is a value, but for those that the manifests settle:

{settled}
"""


def _rows(values: Mapping[str, Any], schema: Mapping[str, Any], within: str) -> Iterator[tuple[str, str, str]]:
    for name, about in schema["properties"].items():
        if about.get("properties"):
            yield from _rows(values.get(name) or {}, about, f"{within}{name}.")
        else:
            value = values.get(name)
            shown = "" if value in (None, "", [], {}) else f"`{json.dumps(value)}`"
            yield f"{within}{name}", shown, about.get("description", "").replace("|", "\\|")


FILES = {CHART / "values.yaml": values_text, CHART / "values.schema.json": schema_text, DOCS / "chart.md": page}

if __name__ == "__main__":
    for file, text in FILES.items():
        file.write_text(text(), encoding="utf-8")
        print(f"wrote {file.relative_to(DOCS.parent)}")
