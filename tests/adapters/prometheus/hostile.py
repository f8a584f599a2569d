"""Values that somebody might put into a hole to change the query around it, and the queries that have such holes."""

from __future__ import annotations

import random
from collections.abc import Iterator

from ahpa.adapters.prometheus.queries import Query, load_queries

PLAIN = {
    "namespace": "shop",
    "name": "chat",
    "workload": "chat",
    "container": "model",
    "object": "chat",
    "topic": "orders",
    "group": "workers",
}
HOLES = sorted(PLAIN)
"""That a tenant fills; `pods` is made of the workload."""
_PIECES = ['"', "'", "`", "\\", "\n", "\r", "}", "{", ")", "(", "]", "[", ",", "#", "{{", "}}", "@", "|", ".*", "$1",
           "\0", " or up", '"} or up{a="', "{{namespace}}", "{{pods}}", "$(x)", "é", "１", "\u2028", "\u202e", "a",
           "b-1", "x.y", "-", "0", "A", "_", "/", ":", "x" * 300, '\\"} or up #', "\\x22", "[5m:1s]"]  # fmt: skip
_INNOCENT = ["a", "b-1", "x.y", "0", "A", "_", "/", ":"]
_EVERYWHERE = (
    'a{namespace="{{namespace}}",b=~"{{name}}-.*|{{workload}}",c="{{workload}}",d=~"{{container}}",e!~"{{object}}[.]x",'
    'f=~"{{topic}}",g=~"({{group}})+",h=~"{{pods}}"} + b{b=~"httproute/{{namespace}}/{{name}}/.*"}'
)
"""In regular expressions too, where our own presets have few."""


def templates_with(hole: str) -> list[Query]:
    """All that ship and have it, and one that has all."""
    said = [f"{{{{{each}}}}}" for each in ([hole, "pods"] if hole == "workload" else [hole])]
    shipped = load_queries().values()
    late = [Query(f"{query.name}, late", query.late) for query in shipped if query.late is not None]
    queries = [*shipped, *late, Query("everywhere", _EVERYWHERE)]
    return [query for query in queries if any(each in query.template for each in said)]


def filled(query: Query, hole: str, value: str) -> str:
    """With this value there and plain ones elsewhere. Raises QueryError."""
    names = PLAIN | {"workload-kind": "Deployment", hole: value}
    return query.fill(names["namespace"], names["name"], 60.0, names)


def hostile_values(hole: str, n: int) -> Iterator[tuple[str, Query]]:
    """As many, each with a query to put it into. Always the same."""
    luck = random.Random(hole)
    templates = templates_with(hole)
    for _ in range(n):
        pieces = luck.choice([_PIECES, _INNOCENT])
        yield "".join(luck.choices(pieces, k=luck.randint(1, 4))), luck.choice(templates)
