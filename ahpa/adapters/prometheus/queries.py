"""The operator's list of demand queries: PromQL templates in which only `{{namespace}}`, `{{name}}` and
`{{step}}` are filled in.

Names of Kubernetes objects are checked against RFC 1123 before they are put in, so nothing that a tenant
controls can change a query. Tenants choose from the list by name; they never write PromQL. Each template is checked
when the list is loaded (`promql.py`): a mistake is refused with its place, not found out at the first tick.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ahpa.adapters.prometheus.promql import HOLE, PromQLError, check, patterns
from ahpa.core.units import Unit, UnitError, unit_named
from ahpa.ports import QueryError

RFC_1123 = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", re.ASCII)
_KNOWN = {"namespace", "name", "step"}


@dataclass(frozen=True)
class Query:
    """The DemandQuery of one entry."""

    name: str
    template: str
    unit: Unit | None = None
    """What it counts; None: its entry does not say, so it is taken to count what the capacity counts."""
    late: str | None = None
    """A template too: the share of the requests that was late, 0 to 1."""

    def fill(self, namespace: str, name: str, step: float) -> str:
        """The PromQL for one target. Raises QueryError for a name that no Kubernetes object can have."""
        return _filled(self.template, namespace, name, step)

    def fill_late(self, namespace: str, name: str, step: float) -> str | None:
        """As `fill`; None where it has none."""
        return self.late and _filled(self.late, namespace, name, step)


def _filled(template: str, namespace: str, name: str, step: float) -> str:
    for text in (namespace, name):
        if not RFC_1123.fullmatch(text):
            raise QueryError(f"{text[:80]!r} is not a name of a Kubernetes object")
    values = {"namespace": namespace, "name": name, "step": f"{round(step)}s"}
    plain = HOLE.sub(lambda hole: values[hole.group(1)], template)
    if "." not in namespace + name:
        return plain
    within = patterns(template)  # where a dot would stand for any character

    def fit(hole: re.Match[str]) -> str:
        text = values[hole.group(1)]
        return text.replace(".", "[.]") if any(a < hole.start() < b for a, b in within) else text

    return HOLE.sub(fit, template)


BUILT_IN = Path(__file__).with_name("queries.yaml")
"""The queries that ship, in the very form an operator's own file has."""


def load_queries(file: str | None = None) -> dict[str, Query]:
    """The built-in queries and those of the operator's YAML file: `name: promql`, or better `name: {unit: ...,
    promql: ..., late: ...}`. Raises QueryError."""
    files = [BUILT_IN, *([Path(file)] if file is not None else [])]
    queries: dict[str, Query] = {}
    for one in files:
        try:
            queries |= {name: _query(name, entry) for name, entry in _read(one).items()}
        except QueryError as error:
            raise QueryError(f"{one}: {error}") from error
    return queries


_ZERO_FOR_NOTHING = re.compile(r"\bor\s+(?:on\s*\(\s*\)\s*)?vector\s*\(\s*0(?:\.0*)?\s*\)", re.ASCII | re.IGNORECASE)


def doubts(queries: Mapping[str, Query]) -> dict[str, str]:
    """By name: what an operator should know of a query before anything is lowered on it."""
    said = "it says 0 where nothing is known ('or vector(0)'): leave that out, a gap is held and a zero is lowered on"
    return {name: said for name, query in queries.items() if _ZERO_FOR_NOTHING.search(query.template)}


def _query(name: str, entry: object) -> Query:
    if isinstance(entry, Mapping):
        if not set(entry) <= {"promql", "unit", "late"} or not all(isinstance(value, str) for value in entry.values()):
            raise QueryError(f"query {name}: expected 'unit', 'promql' and 'late', each a text, and nothing else")
        try:
            unit = unit_named(entry["unit"]) if "unit" in entry else None
        except UnitError as error:
            raise QueryError(f"query {name}: {error}") from error
        late = entry.get("late")
        if late is not None:
            _checked(f"{name}, late", late)
        return Query(name, _checked(name, entry.get("promql")), unit, late)
    return Query(name, _checked(name, entry))


def _checked(name: str, template: object) -> str:
    """The template. Raises QueryError with what is wrong with it."""
    if not isinstance(template, str):
        raise QueryError(f"query {name}: no 'promql' in it")
    unknown = set(HOLE.findall(template)) - _KNOWN
    if unknown:
        raise QueryError(f"query {name}: unknown placeholder {sorted(unknown)}; known: {sorted(_KNOWN)}")
    if "{{" in HOLE.sub("", template):
        raise QueryError(f"query {name}: '{{{{' that is no placeholder; known: {sorted(_KNOWN)}")
    try:
        check(template)
    except PromQLError as error:
        raise QueryError(f"query {name}: {error}") from error
    return template


def _read(file: Path) -> dict[str, object]:
    import yaml

    try:
        if file.stat().st_size > 256 * 1024:
            raise QueryError("over 256 KiB")
        parsed = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise QueryError(str(error)) from error
    if not isinstance(parsed, dict) or not all(
        isinstance(k, str) and isinstance(v, str | dict) for k, v in parsed.items()
    ):
        raise QueryError("expected lines of the form 'name: promql', or 'name: {unit: ..., promql: ...}'")
    return parsed
