"""The part of PromQL whose meaning `lifting.py` has rules for, as a tree; whatever else a query holds is not read.

Precedence as https://prometheus.io/docs/prometheus/latest/querying/operators/#binary-operator-precedence.
"""

from __future__ import annotations

from dataclasses import dataclass

from ahpa.adapters.prometheus.promql import PromQLError, Token, tokens
from ahpa.adapters.prometheus.shapes import HOLE

AGGREGATIONS = frozenset({"sum", "min", "max", "avg", "count", "group", "stddev", "stdvar", "quantile"})
"""Each gives one sample for a group, whatever the order of its members."""
COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})
SETS = frozenset({"and", "or", "unless"})
_RANK = {
    "or": 1,
    "and": 2,
    "unless": 2,
    **dict.fromkeys(COMPARISONS, 3),
    "+": 4,
    "-": 4,
    "*": 5,
    "/": 5,
    "%": 5,
    "^": 7,
}
_UNARY = 6
_KEYWORDS = (
    frozenset({"by", "without", "on", "ignoring", "group_left", "group_right", "bool", "offset", "atan2"}) | SETS
)
_DEEPEST = 60


class Unread(Exception):
    """The query holds something that no rule is for."""


@dataclass(frozen=True)
class Matcher:
    """What one label of a series must be."""

    label: str
    sign: str
    value: str
    """In its quotes, as it stands there."""
    hole: int | None
    """Which of the template's values it is."""


@dataclass(frozen=True)
class Selector:
    """Series of one metric."""

    metric: str
    matchers: tuple[Matcher, ...]
    span: str
    """`[1m]`, or nothing."""
    offset: str


@dataclass(frozen=True)
class Number:
    """As it stands there."""

    text: str


@dataclass(frozen=True)
class Text:
    """An argument in quotes, as it stands there."""

    text: str


@dataclass(frozen=True)
class Call:
    """A function."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Aggregation:
    """`without`: all labels but these are kept."""

    name: str
    without: bool
    labels: tuple[str, ...]
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Negative:
    """Of a number, or of every sample."""

    inner: Node


@dataclass(frozen=True)
class Pair:
    """An operator between two."""

    sign: str
    truth: bool
    """`bool`: the comparison gives 0 or 1."""
    matching: str
    """`on`, `ignoring`, or nothing."""
    labels: tuple[str, ...]
    left: Node
    right: Node


Node = Selector | Number | Text | Call | Aggregation | Negative | Pair


def tree_of(template: str, holes: int) -> Node:
    """Of a template with so many values taken out. Raises Unread."""
    try:
        reader = _Reader([*tokens(template), Token("end", "", len(template))])
        found = reader.whole()
    except PromQLError as error:
        raise Unread(str(error)) from error
    if reader.holes != holes:
        raise Unread("a value stands where none was expected")
    return found


class _Reader:
    def __init__(self, words: list[Token]) -> None:
        self._words = words
        self._next = 0
        self._depth = 0
        self.holes = 0

    def whole(self) -> Node:
        found = self._expression(1)
        if self._words[self._next].kind != "end":
            raise Unread(f"{self._words[self._next].text!r} after the query")
        return found

    def _peek(self) -> str:
        return self._words[self._next].text

    def _take(self, *kinds: str) -> str:
        word = self._words[self._next]
        if word.kind not in kinds:
            raise Unread(f"{word.text!r}, where {' or '.join(kinds)} was expected")
        self._next += 1
        return word.text

    def _accept(self, *texts: str) -> str:
        """The one that comes next, in small letters, or nothing."""
        word = self._words[self._next]
        if word.kind in ("sign", "word") and word.text.lower() in texts:
            self._next += 1
            return word.text.lower()
        return ""

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise Unread(f"{text!r} is missing")

    def _expression(self, rank: int) -> Node:
        """Operators that bind at least so."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise Unread("nested too deep")
        left = self._operand()
        while (binds := _RANK.get(self._peek().lower(), 0)) >= rank and self._words[self._next].kind != "string":
            sign = self._take("sign", "word").lower()
            truth = bool(self._accept("bool"))
            matching = self._accept("on", "ignoring")
            labels = self._labels() if matching else ()
            right = self._expression(binds if sign == "^" else binds + 1)
            left = Pair(sign, truth, matching, labels, left, right)
        self._depth -= 1
        return left

    def _operand(self) -> Node:
        if sign := self._accept("+", "-"):
            inner = self._expression(_UNARY)
            return Negative(inner) if sign == "-" else inner
        if self._accept("("):
            found = self._expression(1)
            self._expect(")")
            return found
        word = self._words[self._next]
        if word.kind == "number":
            return Number(self._take("number"))
        if word.kind == "string":
            return Text(self._take("string"))
        return self._named(self._take("word"))

    def _named(self, word: str) -> Node:
        small, follows = word.lower(), self._peek().lower()
        if small in AGGREGATIONS and follows in ("by", "without", "("):
            grouped = self._accept("by", "without")
            labels = self._labels() if grouped else ()
            arguments = self._arguments()
            if not grouped and (grouped := self._accept("by", "without")):
                labels = self._labels()
            return Aggregation(small, grouped == "without", labels, arguments)
        if follows == "(" and small not in _KEYWORDS:
            return Call(word, self._arguments())
        if small in ("inf", "nan"):
            return Number(word)
        if small in _KEYWORDS:
            raise Unread(f"{word!r} is no metric")
        matchers = self._matchers() if self._accept("{") else ()
        span = self._span()
        offset = f" offset {self._take('duration')}" if self._accept("offset") else ""
        return Selector(word, matchers, span, offset)

    def _arguments(self) -> tuple[Node, ...]:
        self._expect("(")
        found = [] if self._peek() == ")" else [self._expression(1)]
        while self._accept(","):
            found.append(self._expression(1))
        self._expect(")")
        return tuple(found)

    def _labels(self) -> tuple[str, ...]:
        self._expect("(")
        found = []
        while not self._accept(")"):
            found.append(self._take("word"))
            if not self._accept(",") and self._peek() != ")":
                raise Unread("a comma is missing")
        return tuple(found)

    def _matchers(self) -> tuple[Matcher, ...]:
        found = []
        while not self._accept("}"):
            label = self._take("word")
            sign = self._accept("=", "!=", "=~", "!~")
            value = self._take("string")
            hole = self.holes if value == HOLE else None
            self.holes += value == HOLE
            found.append(Matcher(label, sign, value, hole))
            if not sign or (not self._accept(",") and self._peek() != "}"):
                raise Unread("a sign or a comma is missing")
        return tuple(found)

    def _span(self) -> str:
        if not self._accept("["):
            return ""
        span = f"[{self._take('duration', 'number')}]"
        self._expect("]")
        return span
