"""The operator's list of demand queries: PromQL templates in which only named holes are filled in.

Names of Kubernetes objects are checked against RFC 1123 before they are put in, so nothing that a tenant
controls can change a query. Tenants choose from the list by name, or by what their object is scaled by (`for`); PromQL
that stands in an object itself (KEDA's trigger) is used only where the operator allows it, and confined to its
namespace. Each template is checked when the list is loaded (`promql.py`): a mistake is refused with its place, not
found out at the first tick.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ahpa.adapters.prometheus.holes import HOLES, RFC_1123, filled
from ahpa.adapters.prometheus.promql import HOLE, PromQLError, check, confined
from ahpa.core.units import Unit, UnitError, unit_named
from ahpa.ports import QueryError
from ahpa.targets import NO_NAMES, Measure

_LONGEST = 4096
"""Characters of an owner's own PromQL: reading it costs time in each round."""
_FOR = re.compile(r"[a-z-]{1,40}/[^\s/]{1,200}", re.ASCII)


@dataclass(frozen=True)
class Query:
    """The DemandQuery of one entry."""

    name: str
    template: str
    unit: Unit | None = None
    """What it counts; None: its entry does not say, so it is taken to count what the capacity counts."""
    late: str | None = None
    """A template too: the share of the requests that was late, 0 to 1."""
    answers: frozenset[str] = frozenset()
    """What it measures by itself, as objects call it: `resource/cpu`, `pods/http_requests_per_second`."""
    note: str = ""
    """For people: what must be scraped, and what it counts twice or not at all."""
    fixed: bool = False
    """Nothing is filled in: a query of the object's own, already confined."""

    def measures(self, metric: str) -> bool:
        """Whether it counts what an object calls so."""
        return metric in self.answers

    def fill(self, namespace: str, name: str, step: float, names: Mapping[str, str] = NO_NAMES) -> str:
        """The PromQL for one target. Raises QueryError for a name that no Kubernetes object can have, and for a hole
        that nobody fills."""
        return self.template if self.fixed else filled(self.name, self.template, namespace, name, step, names)

    def fill_late(self, namespace: str, name: str, step: float, names: Mapping[str, str] = NO_NAMES) -> str | None:
        """As `fill`; None where it has none."""
        return self.late and filled(self.name, self.late, namespace, name, step, names)


@dataclass(frozen=True)
class QueryList:
    """The DemandQueries of a service."""

    by_name: Mapping[str, Query]
    own_label: str | None = None
    """The label of every series that is the namespace, where owners' own PromQL is allowed; None: it is not."""

    def named(self, name: str) -> Query:
        """Raises QueryError where there is none of that name."""
        found = self.by_name.get(name)
        if found is None:
            raise QueryError(f"no query {name!r}; there are {', '.join(sorted(self.by_name))}")
        return found

    def of(self, measure: Measure, namespace: str) -> Query:
        """As the port says. Where several entries are for a metric the last of the list counts."""
        if measure.promql:
            return self._own(measure, namespace)
        found = [query for query in self.by_name.values() if query.measures(measure.metric)]
        if not found:
            raise QueryError(
                f"no query of the list is for {measure.metric[:120]}; name one in ahpa.dev/demand, or let the operator "
                f"add one with `for: {measure.metric[:120]}`"
            )
        return found[-1]

    def _own(self, measure: Measure, namespace: str) -> Query:
        if self.own_label is None:
            raise QueryError(
                f"its {measure.metric[:80]} has PromQL of its own, which the operator does not allow (--own-queries); "
                "name a query in ahpa.dev/demand"
            )
        if not RFC_1123.fullmatch(namespace):
            raise QueryError(f"{namespace[:80]!r} is not a name of a Kubernetes object")
        if len(measure.promql) > _LONGEST:
            raise QueryError(
                f"the query of its {measure.metric[:80]} is longer than {_LONGEST} characters; name another"
            )
        if _ZERO_FOR_NOTHING.search(measure.promql):
            raise QueryError(f"the query of its {measure.metric[:80]}: {_DOUBT}")
        try:
            text = confined(measure.promql, self.own_label, namespace)
        except PromQLError as error:
            raise QueryError(f"the query of its {measure.metric[:80]}: {error}") from error
        return Query(f"the query of its {measure.metric[:80]}", text, fixed=True)

    def largest(self, counted: Sequence[tuple[str, float]]) -> str:
        """As the port says. `max(a or b)` alone would be what is left where one gives nothing. An owner's own query may
        end in a comment, which the end of its line ends."""
        rows = " or ".join(
            f'label_replace(sum({query}\n) / {per_replica!r}, "ahpa_metric", "{i}", "", "")'
            for i, (query, per_replica) in enumerate(counted)
        )
        return f"max({rows}) and count({rows}) == {len(counted)}"


BUILT_IN = Path(__file__).with_name("queries.yaml")
"""The queries that ship, in the very form an operator's own file has."""


def load_queries(file: str | None = None) -> dict[str, Query]:
    """The built-in queries and those of the operator's YAML file: `name: promql`, or better `name: {unit: ...,
    promql: ..., late: ..., for: ..., note: ...}`. Raises QueryError."""
    files = [BUILT_IN, *([Path(file)] if file is not None else [])]
    queries: dict[str, Query] = {}
    for one in files:
        try:
            found = {name: _query(name, entry) for name, entry in _read(one).items()}
        except QueryError as error:
            raise QueryError(f"{one}: {error}") from error
        # Theirs stand behind ours, also under a name of ours: the last that is for a metric counts.
        queries = {name: query for name, query in queries.items() if name not in found} | found
    return queries


_DOUBT = "it says 0 where nothing is known ('or vector(0)'): leave that out, a gap is held and a zero is lowered on"
_ZERO_FOR_NOTHING = re.compile(r"\bor\s+(?:on\s*\(\s*\)\s*)?vector\s*\(\s*0(?:\.0*)?\s*\)", re.ASCII | re.IGNORECASE)


def doubts(queries: Mapping[str, Query]) -> dict[str, str]:
    """By name: what an operator should know of a query before anything is lowered on it."""
    return {name: _DOUBT for name, query in queries.items() if _ZERO_FOR_NOTHING.search(query.template)}


_TEXTS = ("promql", "unit", "late", "note")


def _query(name: str, entry: object) -> Query:
    if not isinstance(entry, Mapping):
        return Query(name, _checked(name, entry))
    rest = {key: value for key, value in entry.items() if key != "for"}
    if not set(rest) <= set(_TEXTS) or not all(isinstance(value, str) for value in rest.values()):
        raise QueryError(
            f"query {name}: expected 'unit', 'promql', 'late', 'note', each a text, and 'for', and nothing else"
        )
    try:
        unit = unit_named(rest["unit"]) if "unit" in rest else None
    except UnitError as error:
        raise QueryError(f"query {name}: {error}") from error
    late = rest.get("late")
    if late is not None:
        _checked(f"{name}, late", late)
    answers = _answers(name, entry.get("for"))
    return Query(name, _checked(name, rest.get("promql")), unit, late, answers, note=rest.get("note", ""))


def _answers(name: str, said: object) -> frozenset[str]:
    metrics = [] if said is None else said if isinstance(said, list) else [said]
    for metric in metrics:
        if not (isinstance(metric, str) and _FOR.fullmatch(metric)):
            raise QueryError(f"query {name}: for {str(metric)[:60]!r}: expected kind/name, as resource/cpu")
    return frozenset(metrics)


def _checked(name: str, template: object) -> str:
    """The template. Raises QueryError with what is wrong with it."""
    if not isinstance(template, str):
        raise QueryError(f"query {name}: no 'promql' in it")
    unknown = set(HOLE.findall(template)) - HOLES
    if unknown:
        raise QueryError(f"query {name}: unknown placeholder {sorted(unknown)}; known: {sorted(HOLES)}")
    if "{{" in HOLE.sub("", template):
        raise QueryError(f"query {name}: '{{{{' that is no placeholder; known: {sorted(HOLES)}")
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
