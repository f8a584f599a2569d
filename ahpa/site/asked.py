"""What was asked for, from a query string: words, filters, an order, a page. What cannot be is said, not guessed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

SORTS = ("name", "mode", "floor", "ready", "peak", "start", "late", "changed", "reason")
MODES = ("", "off", "observe", "apply", "paused")
LOOKS = ("", "wrong", "moving")
NAMES = {
    "words": "q", "mode": "mode", "look": "look", "sort": "sort", "down": "down", "page": "page", "size": "size"
}  # fmt: skip
"""By field of `Asked`: what it is called in a query string."""
MOST_WORDS = 100
MOST_SIZE = 1000
MOST_PAGE = 100_000


class Unclear(ValueError):
    """A wish that makes no sense; the message says which one and what would."""


@dataclass(frozen=True)
class Asked:
    """A list's wishes."""

    words: str = ""
    """Each of them must be somewhere in what is listed."""
    mode: str = ""
    look: str = ""
    """`wrong`: those that need a look; `moving`: those whose floor would change."""
    sort: str = "name"
    down: bool = False
    page: int = 1
    size: int = 200
    what_if: bool = False
    """Of one service: what would have been."""

    def in_words(self, text: str) -> bool:
        """Whether each of the words is somewhere in a text, whatever its case."""
        if not self.words:
            return True
        said = text.casefold()
        return all(word in said for word in self.words.casefold().split())

    @property
    def query(self) -> str:
        """These wishes as a query string; what is as usual is left out."""
        usual = Asked()
        said = [(name, getattr(self, field), getattr(usual, field)) for field, name in NAMES.items()]
        return "?" + urlencode([(name, int(value) if value is True else value) for name, value, as_usual in said
                                if value != as_usual], errors="replace")  # fmt: skip


def asked_by(query: str) -> Asked:
    """Raises Unclear."""
    try:
        given = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=20, errors="replace"))
    except ValueError as error:
        raise Unclear("the query: at most 20 fields") from error
    return Asked(
        words=given.get("q", "")[:MOST_WORDS].strip(),
        mode=_one_of(given, "mode", MODES, ""),
        look=_one_of(given, "look", LOOKS, ""),
        sort=_one_of(given, "sort", SORTS, "name"),
        down=_one_of(given, "down", ("", "0", "1"), "") == "1",
        page=_number(given, "page", 1, MOST_PAGE),
        what_if=_one_of(given, "what-if", ("", "0", "1"), "") == "1",
        size=_number(given, "size", Asked.size, MOST_SIZE),
    )


def _one_of(given: Mapping[str, str], name: str, allowed: Collection[str], usual: str) -> str:
    value = given.get(name, usual)
    if value not in allowed:
        raise Unclear(f"{name}: one of {', '.join(word for word in allowed if word)}")
    return value


def _number(given: Mapping[str, str], name: str, usual: int, most: int) -> int:
    said = given.get(name, "")
    if not said:
        return usual
    if not (said.isascii() and said.isdigit() and len(said) <= 6 and 1 <= int(said) <= most):
        raise Unclear(f"{name}: a number from 1 to {most}")
    return int(said)
