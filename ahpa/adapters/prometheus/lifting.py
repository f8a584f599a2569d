"""One query in place of many that differ only in what some labels must be: `namespace="a"` and `namespace="b"` become
`namespace=~"a|b"`, and whatever adds series up does so for each namespace by itself.

**Claim.** Let F be the labels that differ, one *field* for each (namespace and name, say). Of the lifted query's answer
take the samples in which F has the values of one of the queries: they are that query's own, at every moment, with F
among their labels. By induction over the query, with two things known of each part of it: how each field's label is
called there (`names`), and which of these labels the original does not have at that place (`added`).

- **A selector**, `x{l="v"}`, becomes `x{l=~"v1|v2"}`: regular expressions are anchored and values escaped, so with l
  = v exactly the series of `l="v"` are left. Each field must be matched in it, once, by `=`, and with a value, as an
  empty one matches series without the label.
- **A function of a range or of each sample** (`rate`, `clamp_min`), a number, a sign, an operator with a number:
  itself. It looks at one series at a time and takes nothing but the metric's name away. `label_replace` too, if it
  neither reads nor writes a field.
- **`sum by (X)`**, or without `by`, becomes `sum by (X, F)`: within one value of F groups are those of X. F is added
  unless it was in X. **`sum without (X)`** becomes `sum without (X less F)`; F is added where it was in X.
- **`histogram_quantile`**: itself, if `le` is no field. Its groups are all labels but `le`.
- **An operator between two parts**, on all labels: itself. F has one name on both sides, and the original has it on
  both sides or on neither; so two samples meet if they did and F is the same. `on (X)` becomes `on (X, F)`, `ignoring
  (X)` becomes `ignoring (X less F)`. Arithmetic and comparisons keep only the labels that were matched, so F is added
  where they lose it; `and`, `or` and `unless` keep all.
- **Where the names differ** (`or` of two exporters) the right side is renamed by `label_replace`: only labels that
  were added, so that no rule above sees another label than before; and only where all labels of that side are known
  and none is called so.

Everything else is not lifted: `topk` (ties go by order), `absent`, `vector`, `scalar`, `count_values`, `group_left`,
subqueries, `@`. An error of the server (two series where one must be) hits the whole lifted query: its asker parts
it. And it may see more than was asked, (a, y) for (a, x) and (b, y): what nobody asked for is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from ahpa.adapters.prometheus.shapes import Asked, differing
from ahpa.adapters.prometheus.tree import (
    COMPARISONS,
    SETS,
    Aggregation,
    Call,
    Matcher,
    Negative,
    Node,
    Number,
    Pair,
    Selector,
    Text,
    tree_of,
)

MOST_FIELDS = 2
_OF_RANGES = frozenset({
    "rate", "irate", "increase", "delta", "idelta", "deriv", "changes", "resets", "avg_over_time", "min_over_time",
    "max_over_time", "sum_over_time", "count_over_time", "last_over_time", "present_over_time", "stddev_over_time",
    "stdvar_over_time",
})  # fmt: skip
_OF_SAMPLES = frozenset({
    "abs", "ceil", "floor", "round", "exp", "ln", "log2", "log10", "sqrt", "sgn", "clamp", "clamp_min", "clamp_max",
    "histogram_count", "histogram_sum", "histogram_avg",
})  # fmt: skip
_PLAIN = re.compile(r"[a-zA-Z0-9 _:/@%,-]*", re.ASCII)
_SPECIAL = re.compile(r"([.+*?()|\[\]{}^$])", re.ASCII)


class Unlifted(Exception):
    """No rule says that it would be the same."""


@dataclass(frozen=True)
class Lifted:
    """A query for several at once."""

    text: str
    labels: tuple[str, ...]
    """Of its answer's series, one for each field."""
    fields: tuple[int, ...]
    """Which of a member's values each of them has."""


@dataclass(frozen=True)
class _Part:
    """A part of the query, lifted."""

    text: str
    names: tuple[str, ...] = ()
    """By field: how its label is called here."""
    added: frozenset[int] = frozenset()
    """Fields whose label the original does not have here."""
    kind: str = "vector"
    labels: frozenset[str] | None = None
    """All that its series can have, where that is known."""


def lifted(members: Sequence[Asked]) -> Lifted | None:
    """One query for at least two of one template; None where no rule says that it is the same."""
    holes = differing(members)
    values = members[0].values
    columns = {hole: tuple(each.values[hole] for each in members) for hole in holes}
    try:
        tree = _read(members[0].template, len(values))
        lifter = _Lifter(values, columns)
        found = lifter.lift(tree)
    except Exception:  # Unread, Unlifted; and a fault of ours over one owner's query must not cost all their reading
        return None
    return Lifted(found.text, found.names, tuple(lifter.fields)) if found.names and found.kind == "vector" else None


@lru_cache(maxsize=1024)
def _read(template: str, holes: int) -> Node:
    return tree_of(template, holes)


class _Lifter:
    """Has the values of the queries, and a rule for each kind of part. Each raises Unlifted."""

    def __init__(self, values: Sequence[str], columns: Mapping[int, tuple[str, ...]]) -> None:
        self._values = values
        self._columns = columns
        self.fields: list[int] = []
        """The first selector's holes, which all others must repeat."""
        self._known = False
        """Whether the first selector is read, so that no field is a new one."""

    def lift(self, node: Node) -> _Part:
        match node:
            case Selector():
                return self._selector(node)
            case Number():
                return _Part(node.text, kind="number")
            case Negative():
                inner = self.lift(node.inner)
                _must(inner.kind in ("vector", "number"))
                return replace(inner, text=f"(-{inner.text})")
            case Call():
                return self._call(node)
            case Aggregation():
                return self._aggregation(node)
            case Pair():
                return self._pair(node)
            case Text():
                raise Unlifted

    def _selector(self, node: Selector) -> _Part:
        names: dict[int, str] = {}
        texts = []
        for matcher in node.matchers:
            column = None if matcher.hole is None else self._columns.get(matcher.hole)
            if matcher.hole is None or column is None:
                texts.append(self._constant(matcher))
                continue
            _must(matcher.sign == "=" and matcher.label != "__name__" and "" not in column)
            _must(matcher.label not in names.values())
            field = self._field(matcher.hole, column, names)
            names[field] = matcher.label
            texts.append(f'{matcher.label}=~"{_either(column)}"')
        _must(len(names) == len(self.fields) > 0)
        self._known = True
        text = f"{node.metric}{{{','.join(texts)}}}{node.span}{node.offset}"
        return _Part(text, tuple(names[field] for field in self.fields), kind="range" if node.span else "vector")

    def _constant(self, matcher: Matcher) -> str:
        value = matcher.value if matcher.hole is None else f'"{self._values[matcher.hole]}"'
        return f"{matcher.label}{matcher.sign}{value}"

    def _field(self, hole: int, column: tuple[str, ...], used: Mapping[int, str]) -> int:
        """The field that this value is, of those that its selector has not had. In the first, each is a new one."""
        free = [field for field in self.fields if field not in used and self._columns[field] == column]
        if free:
            return free[0]
        _must(not self._known and len(used) < MOST_FIELDS)
        self.fields.append(hole)
        return hole

    def _call(self, node: Call) -> _Part:
        if node.name == "label_replace":
            return self._label_replace(node)
        if node.name == "histogram_quantile":
            _must(len(node.arguments) == 2)
            share, buckets = map(self.lift, node.arguments)
            _must(share.kind == "number" and buckets.kind == "vector" and "le" not in buckets.names)
            labels = None if buckets.labels is None else buckets.labels - {"le"}
            return replace(buckets, text=f"histogram_quantile({share.text}, {buckets.text})", labels=labels)
        wanted = "range" if node.name in _OF_RANGES else "vector"
        _must(node.name in _OF_RANGES | _OF_SAMPLES and len(node.arguments) > 0)
        first, *rest = map(self.lift, node.arguments)
        _must(first.kind == wanted and all(one.kind == "number" for one in rest))
        arguments = ", ".join(one.text for one in (first, *rest))
        return replace(first, text=f"{node.name}({arguments})", kind="vector")

    def _label_replace(self, node: Call) -> _Part:
        _must(len(node.arguments) == 5)
        first, *rest = node.arguments
        words = [one.text for one in rest if isinstance(one, Text)]
        _must(len(words) == 4)
        inner = self.lift(first)
        to, _, source, _ = (word[1:-1] for word in words)
        _must(inner.kind == "vector" and "\\" not in to + source and not {to, source} & {*inner.names, "__name__"})
        labels = None if inner.labels is None else inner.labels | {to}
        return replace(inner, text=f"label_replace({', '.join((inner.text, *words))})", labels=labels)

    def _aggregation(self, node: Aggregation) -> _Part:
        *before, inner = map(self.lift, node.arguments)
        _must(inner.kind == "vector" and len(before) == (node.name == "quantile"))
        _must(all(one.kind == "number" for one in before))
        if node.without:
            grouping = tuple(label for label in node.labels if label not in inner.names)
            added = inner.added | {i for i, name in enumerate(inner.names) if name in node.labels}
            labels = None if inner.labels is None else inner.labels - set(grouping)
        else:
            grouping = (*node.labels, *(name for name in inner.names if name not in node.labels))
            added = inner.added | {i for i, name in enumerate(inner.names) if name not in node.labels}
            labels = frozenset(grouping)
        how = "without" if node.without else "by"
        arguments = ", ".join(one.text for one in (*before, inner))
        text = f"{node.name} {how} ({', '.join(grouping)}) ({arguments})"
        return _Part(text, inner.names, added, labels=labels)

    def _pair(self, node: Pair) -> _Part:
        left, right = self.lift(node.left), self.lift(node.right)
        sign = f"{node.sign} bool" if node.truth else node.sign
        _must({left.kind, right.kind} <= {"vector", "number"} and (not node.truth or node.sign in COMPARISONS))
        if "number" in (left.kind, right.kind):
            _must(not node.matching and node.sign not in SETS)
            either = left if left.kind == "vector" else right
            return replace(either, text=f"({left.text} {sign} {right.text})")
        right = _renamed(right, left.names)
        _must(left.added == right.added)
        names, keeps, added, labels = left.names, node.sign in SETS, left.added, left.labels
        if node.sign == "or":
            labels = None if left.labels is None or right.labels is None else left.labels | right.labels
        if node.matching == "on":
            matched = (*node.labels, *(name for name in names if name not in node.labels))
            sign += f" on ({', '.join(matched)})"
            if not keeps:
                added |= {i for i, name in enumerate(names) if name not in node.labels}
                labels = frozenset(matched)
        elif node.matching:
            apart = tuple(label for label in node.labels if label not in names)
            sign += f" ignoring ({', '.join(apart)})"
            if not keeps:
                added |= {i for i, name in enumerate(names) if name in node.labels}
                labels = None if labels is None else labels - set(apart)
        return _Part(f"({left.text} {sign} {right.text})", names, added, labels=labels)


def _renamed(part: _Part, names: tuple[str, ...]) -> _Part:
    """With its fields' labels called so. The old name is taken away: set to nothing."""
    changes = [(i, old, new) for i, (old, new) in enumerate(zip(part.names, names, strict=True)) if old != new]
    for i, old, new in changes:
        _must(i in part.added and part.labels is not None and new not in part.labels)
        assert part.labels is not None
        text = f'label_replace(label_replace({part.text}, "{new}", "$1", "{old}", "(.*)"), "{old}", "", "", "")'
        part = replace(part, text=text, labels=part.labels - {old} | {new})
    return replace(part, names=names)


def _either(values: Sequence[str]) -> str:
    """The regular expression of these very values, in quotes of PromQL: literals, which Prometheus looks up."""
    for value in values:
        _must(_PLAIN.fullmatch(_SPECIAL.sub("", value)) is not None)
    return "|".join(_SPECIAL.sub(r"\\\\\1", value) for value in dict.fromkeys(sorted(values)))


def _must(holds: bool) -> None:
    if not holds:
        raise Unlifted
