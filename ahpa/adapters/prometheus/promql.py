"""Is this PromQL, and does it stay within its tenant? A parser of the language's shape that keeps nothing but mistakes.

Grammar: https://prometheus.io/docs/prometheus/latest/querying/basics/. Refused besides is what a demand query must not
have: subqueries (they escape the server's limit of points), `@` and negative offsets (they look elsewhere in time, and
ahead), a regular expression for the metric's name, and selectors that are not bound to the target's namespace. Names
and arguments of functions are the server's to check.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

HOLE = re.compile(r"\{\{\s*([a-z]*)\s*\}\}", re.ASCII)
NAMESPACE = "namespace"
_DURATION = r"(?:[0-9]+(?:ms|[smhdwy]))+"
_TOKEN = re.compile(
    r"(?P<space>\s+|\#[^\n\r]*(?=\r?\n|\Z))"  # some servers end a comment at a lone \r, others do not
    r"|(?P<hole>\{\{\s*[a-z]*\s*\}\})"
    r'|(?P<string>"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|`[^`]*`)'
    rf"|(?P<duration>{_DURATION}(?![a-zA-Z0-9_]))"
    r"|(?P<number>(?:0[xX][0-9a-fA-F]+|[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?)(?![a-zA-Z0-9_.]))"
    r"|(?P<word>[a-zA-Z_:][a-zA-Z0-9_:]*)"
    r"|(?P<sign>=~|!~|==|!=|>=|<=|[-+*/%^=<>(){}\[\],@])",
    re.ASCII,
)
_AGGREGATIONS = frozenset({
    "sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "count_values", "bottomk", "topk", "quantile",
    "limitk", "limit_ratio",
})  # fmt: skip
_SIGNS = frozenset({"+", "-", "*", "/", "%", "^", "==", "!=", ">", "<", ">=", "<="})
_WORDS = frozenset({"and", "or", "unless", "atan2"})
_NUMBERS = frozenset({"inf", "nan"})
_KEYWORDS = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right", "bool", "offset"}) | _WORDS
_MOST_NESTED = 50
_IN_A_PATH = re.compile(r"[a-z]+/\{\{\s*namespace\s*\}\}/(?![?*]|\{[^{])[^|\\]*", re.ASCII)
"""A name whose second part is the namespace, as `httproute/{{namespace}}/...`; no namespace has a slash in it, and the
slash behind it is not optional, so nothing else fits it as a regular expression either."""


class PromQLError(ValueError):
    """What is wrong; the message says where, in characters from 1, and shows the place."""

    def __init__(self, text: str, at: int, why: str) -> None:
        rest = " ".join(text[at : at + 40].split())
        super().__init__(f"at character {at + 1}, {rest!r}: {why}" if rest else f"at its end: {why}")


@dataclass(frozen=True)
class Token:
    """A word of the language and where it stands."""

    kind: str
    text: str
    at: int


@dataclass(frozen=True)
class _Selector:
    """What chooses series, and where it would take one more matcher."""

    at: int
    end: int
    """Before its closing brace, or after a bare name."""
    bound: bool = False
    """To the namespace of the target."""
    before: str = ""
    after: str = ""
    """What must stand around one more matcher there."""


def check(template: str) -> None:
    """Raises PromQLError for a query that is none, or that could see more than its target's namespace now."""
    for selector in _Parser(template).selectors():
        if not selector.bound:
            raise PromQLError(template, selector.at, _UNBOUND)


def confined(text: str, label: str, value: str) -> str:
    """A query of somebody whom we do not trust, with `label="value"` put into each of its selectors, so that it sees
    nothing but that (what it asks of the same label besides can only narrow it). Nothing in it is filled in.

    `value` is a name of Kubernetes. Raises PromQLError for what is no query, and for what `check` refuses besides.
    """
    out, done = [], 0
    for selector in sorted(_Parser(text).selectors(), key=lambda one: one.end):
        matcher = f'{label}="{value}"'
        out += [text[done : selector.end], selector.before, matcher, selector.after]
        done = selector.end
    return "".join((*out, text[done:]))


def is_query(text: str) -> bool:
    """Whether this is one whole query, so that it can stand in another one and be nothing but a part of it."""
    try:
        _Parser(text).selectors()
    except PromQLError:
        return False
    return True


def tokens(text: str) -> Iterator[Token]:
    """The query's words without spaces and comments. Raises PromQLError."""
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise PromQLError(text, at, _NO_TOKEN.get(text[at], "this is no PromQL"))
        assert found.lastgroup is not None
        if found.lastgroup != "space":
            yield Token(found.lastgroup, found[0], at)
        at = found.end()


def patterns(template: str) -> list[tuple[int, int]]:
    """Where regular expressions stand, [start, end) in characters. Raises PromQLError."""
    words = list(tokens(template))
    after = ((sign, word) for sign, word in pairwise(words) if sign.text in ("=~", "!~"))
    return [(word.at, word.at + len(word.text)) for _, word in after]


class _Parser:
    """Recursive descent; each method takes what it is named for, or raises."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [*tokens(text), Token("end", "", len(text))]
        self._next = 0
        self._depth = 0
        self._selectors: list[_Selector] = []

    @property
    def _now(self) -> Token:
        return self._tokens[self._next]

    def selectors(self) -> list[_Selector]:
        """All of a whole query's."""
        self._expression()
        if self._now.kind != "end":
            raise self._error("an operator is missing before this")
        return self._selectors

    def _error(self, why: str, at: Token | None = None) -> PromQLError:
        return PromQLError(self._text, (at or self._now).at, why)

    def _take(self) -> Token:
        token = self._now
        self._next += token.kind != "end"
        return token

    def _accept(self, *texts: str) -> bool:
        """Takes one of these signs or words, if it comes next."""
        fits = self._now.kind in ("sign", "word") and self._now.text.lower() in texts
        self._next += fits
        return fits

    def _expect(self, text: str, why: str) -> None:
        if not self._accept(text):
            raise self._error(f"{text!r} is missing{why}")

    def _expression(self) -> None:
        self._depth += 1
        if self._depth > _MOST_NESTED:
            raise self._error("nested too deep")
        self._operand()
        while self._accept(*_SIGNS, *_WORDS):
            self._accept("bool")
            if self._accept("on", "ignoring"):
                self._labels()
                if self._accept("group_left", "group_right") and self._now.text == "(":
                    self._labels()
            self._operand()
        self._depth -= 1

    def _operand(self) -> None:
        while self._accept("+", "-"):
            pass
        token = self._take()
        word = token.text.lower()
        if token.text == "(":
            self._expression()
            self._expect(")", ", which closes this bracket")
        elif token.text == "{":
            self._matchers(token)
        elif token.kind == "word" and word not in _KEYWORDS:
            self._named(token, word)
        elif token.kind not in ("number", "string", "duration"):
            raise self._no_operand(token)
        self._modifiers()

    def _no_operand(self, token: Token) -> PromQLError:
        if token.kind == "hole":
            return self._error("a placeholder outside of quotes would become part of the query itself", token)
        return self._error("something to compute is missing here", token)

    def _named(self, token: Token, word: str) -> None:
        """What begins with a word: an aggregation, a function or a metric."""
        if word in _AGGREGATIONS and self._now.text.lower() in ("by", "without", "("):
            grouped = self._accept("by", "without")
            if grouped:
                self._labels()
            self._expect("(", " after an aggregation")
            self._arguments()
            if not grouped and self._accept("by", "without"):
                self._labels()
        elif self._accept("("):
            if word == "info":
                raise self._error("info() takes labels from series that it does not name", token)
            self._arguments()
        elif self._accept("{"):
            self._matchers(token)
        elif word not in _NUMBERS:
            self._selectors.append(_Selector(token.at, token.at + len(token.text), before="{", after="}"))

    def _arguments(self) -> None:
        if self._accept(")"):
            return
        self._expression()
        while self._accept(","):
            self._expression()
        self._expect(")", ", or a comma")

    def _labels(self) -> None:
        self._expect("(", " before the labels")
        while not self._accept(")"):
            if self._take().kind not in ("word", "string"):
                raise self._error("a label's name is missing", self._tokens[self._next - 1])
            if not self._accept(",") and self._now.text != ")":
                raise self._error("')' is missing after the labels, or a comma")

    def _matchers(self, selector: Token) -> None:
        bound, before = False, ""
        while not self._accept("}"):
            label = self._take()
            if label.kind not in ("word", "string"):
                raise self._error("a label's name is missing", label)
            if label.kind == "word" or self._now.text in ("=", "!=", "=~", "!~"):
                bound |= self._matcher(label)
            before = "" if self._accept(",") else ","
            if before and self._now.text != "}":
                raise self._error("'}' is missing after the labels, or a comma")
        self._selectors.append(_Selector(selector.at, self._tokens[self._next - 1].at, bound, before))

    def _matcher(self, label: Token) -> bool:
        """Whether this one binds the selector to the namespace."""
        sign, value = self._take(), self._take()
        if sign.text not in ("=", "!=", "=~", "!~"):
            raise self._error("one of = != =~ !~ is missing after the label", sign)
        if value.kind != "string":
            raise self._error("a value in quotes is missing", value)
        if "\\" in label.text:
            raise self._error("a label's name is written plainly, without a backslash", label)
        if label.text.strip("\"'`") == "__name__" and (sign.text != "=" or "\\" in value.text):
            raise self._error("a metric is named, not searched for", label)
        inner = value.text[1:-1]
        hole = HOLE.fullmatch(inner)
        whole = sign.text == "=" and hole is not None and hole[1] == NAMESPACE
        return whole or (sign.text in ("=", "=~") and _IN_A_PATH.fullmatch(inner) is not None)

    def _modifiers(self) -> None:
        """What may follow an operand: a range, an offset."""
        while True:
            if self._accept("["):
                self._duration("a range")
                if self._now.text.startswith(":"):
                    raise self._error("a subquery escapes the limit on points; use a recording rule")
                self._expect("]", " after a range")
            elif self._accept("offset"):
                if self._now.text == "-":
                    raise self._error("a negative offset looks ahead")
                self._duration("an offset")
            elif self._now.text == "@":
                raise self._error("'@' looks at one fixed moment")
            else:
                return

    def _duration(self, what: str) -> None:
        token = self._take()
        hole = HOLE.fullmatch(token.text)
        if token.kind not in ("duration", "number") and not (hole is not None and hole[1] == "step"):
            raise self._error(f"{what} is a duration, as 5m or {{{{step}}}}", token)


_NO_TOKEN = dict.fromkeys("\"'`", "a quote that is not closed") | {"#": "a comment with a carriage return in it"}
_UNBOUND = 'this selector needs a label that is the namespace of the target, as namespace="{{namespace}}"'
