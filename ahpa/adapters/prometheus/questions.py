"""Which queries are asked in one request, and how their answers are told apart.

A fleet's queries are asked some hundreds at a time: lifted to one query where `lifting.py` proves that it is the same,
else side by side, each under a label of its own. A request holds queries of one namespace, or of several small ones: a
flood, an error or a warning harms no other request.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from ahpa.adapters.prometheus.lifting import lifted
from ahpa.adapters.prometheus.promql import is_query
from ahpa.adapters.prometheus.shapes import Asked, taken_apart

MOST_LIFTED = 250
"""Queries in one request. Prometheus looks alternations of up to 256 literals up, whatever they hold."""
MOST_BATCHED = 50
"""They are each worked out by themselves, and one that is slow holds up its neighbours."""
MOST_CHARACTERS = 200_000
"""Of a request: proxies refuse more than a megabyte."""
_LONG = 2_000
"""Points; of longer ranges fewer queries are asked at once, so that little is asked anew where one of them fails."""
_KEY = "ahpa_key"


@dataclass(frozen=True)
class Form:
    """What is sent, and whose the series of the answer are."""

    text: str
    labels: tuple[str, ...]
    """Empty: all series are of the one query."""
    texts: Mapping[tuple[str, ...], str]
    """By the values of these labels: the query that the series answers."""


@dataclass(frozen=True)
class Question:
    """One request: some queries, at least one."""

    members: tuple[Asked, ...]
    form: Form

    @property
    def alike(self) -> bool:
        """Whether all have one template, so that what is said of one is true of all."""
        return len({one.template for one in self.members}) == 1

    def halves(self) -> tuple[Question, Question]:
        """Of at least two."""
        middle = len(self.members) // 2
        return _question(self.members[:middle]), _question(self.members[middle:])


def questions(texts: Collection[str], alone: Collection[str], points: int) -> list[Question]:
    """All that has to be asked for a range of so many points; `alone` are those that are asked by themselves. The same
    texts give the same questions, whatever their order."""
    fewer = max(1, -(-points // _LONG))
    families: dict[str, list[Asked]] = {}
    single: list[Asked] = []
    for text in texts:
        asked = taken_apart(text)
        if text in alone or not _is_query(asked.template):
            single.append(asked)
        else:
            families.setdefault(asked.template, []).append(asked)
    found = []
    apart: list[Asked] = []
    for family in families.values():
        for shard in _shards(family, max(10, MOST_LIFTED // fewer)):
            form = _lifted(shard)
            if form is not None:
                found.append(Question(shard, form))
            else:
                apart += shard
    batches = _shards(apart, max(5, MOST_BATCHED // fewer))
    return [*found, *map(_question, (*batches, *((one,) for one in single)))]


_is_query = lru_cache(maxsize=4096)(is_query)


def _question(members: tuple[Asked, ...]) -> Question:
    first = members[0]
    if len(members) == 1:
        return Question(members, Form(first.text, (), {(): first.text}))
    form = _lifted(members)
    if form is None:
        form = Form(_side_by_side(members, 0), (_KEY,), {(str(i),): one.text for i, one in enumerate(members)})
    return Question(members, form)


def _lifted(members: Sequence[Asked]) -> Form | None:
    """Where there are several, of one template, and it is proven."""
    if len(members) < 2 or len({one.template for one in members}) > 1:
        return None
    found = lifted(members)
    if found is None:
        return None
    return Form(found.text, found.labels, {tuple(one.values[i] for i in found.fields): one.text for one in members})


def _shards(members: Sequence[Asked], most: int) -> Iterator[tuple[Asked, ...]]:
    """A namespace's own, and those that share: whoever does not fit into one begins the next."""
    shared: list[Asked] = []
    for tenant in _by_tenant(sorted(members, key=lambda one: one.place)):
        pieces = [*_pieces(tenant, most)]
        if len(pieces) > 1:
            yield from pieces
            continue
        if not _fits((*shared, *tenant), most):
            yield tuple(shared)
            shared = []
        shared += tenant
    if shared:
        yield tuple(shared)


def _fits(members: Sequence[Asked], most: int) -> bool:
    return len(members) <= most and sum(len(one.text) for one in members) <= MOST_CHARACTERS


def _pieces(tenant: Sequence[Asked], most: int) -> Iterator[tuple[Asked, ...]]:
    """Of equal size, as few as can be."""
    characters = sum(len(one.text) for one in tenant)
    count = max(-(-len(tenant) // most), -(-2 * characters // MOST_CHARACTERS) if characters > MOST_CHARACTERS else 1)
    size = -(-len(tenant) // count)
    for start in range(0, len(tenant), size):
        yield tuple(tenant[start : start + size])


def _by_tenant(members: Sequence[Asked]) -> Iterator[list[Asked]]:
    for _, run in groupby(members, key=lambda one: one.tenant):
        yield list(run)


def _side_by_side(members: Sequence[Asked], first: int) -> str:
    """Halved and halved again: in a chain of `or` each would be held against all before it. An owner's query may end in
    a comment, which the end of its line ends."""
    if len(members) == 1:
        return f'label_replace({members[0].text}\n, "{_KEY}", "{first}", "", "")'
    middle = len(members) // 2
    left, right = _side_by_side(members[:middle], first), _side_by_side(members[middle:], first + middle)
    return f"({left}\nor {right})"
