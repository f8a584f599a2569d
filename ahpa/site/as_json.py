"""Views as JSON, and the schema of that: both are read off the types, so they cannot part.

A field `step_seconds` is called `stepSeconds`. The schema is OpenAPI 3.1, whose schemas are JSON Schema (2020-12).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import get_args, get_origin, get_type_hints

from ahpa import __version__
from ahpa.site.asked import LOOKS, MODES, MOST_SIZE, SORTS
from ahpa.site.views import Changes, Fleet, Problem, ServiceDetail

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

_PLAIN: Mapping[object, str] = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}


def camel(name: str) -> str:
    """`step_seconds` as `stepSeconds`."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def plain(value: object) -> Json:
    """A view as what `json` writes."""
    if is_dataclass(value):
        return {camel(field.name): plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    assert value is None or isinstance(value, bool | int | float | str), value
    return value


def as_json(view: object) -> bytes:
    """In UTF-8. Raises ValueError for a number that JSON has not: None stands for what is not known."""
    return json.dumps(plain(view), ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def schema_of(kind: object, known: dict[str, Json]) -> Json:
    """Of one type; dataclasses are put into `known` by name, and referred to."""
    if kind in _PLAIN:
        return {"type": _PLAIN[kind]}
    if isinstance(kind, UnionType):
        return {"anyOf": [schema_of(each, known) for each in get_args(kind)]}
    if get_origin(kind) is tuple:
        inner = get_args(kind)
        if inner[-1] is Ellipsis:
            return {"type": "array", "items": schema_of(inner[0], known)}
        return {"type": "array", "items": schema_of(inner[0], known), "minItems": len(inner), "maxItems": len(inner)}
    assert isinstance(kind, type), kind
    if kind.__name__ not in known:
        known[kind.__name__] = None  # it may speak of itself
        hints = get_type_hints(kind)
        names = [field.name for field in fields(kind)]
        known[kind.__name__] = {
            "type": "object",
            "description": (kind.__doc__ or "").strip(),
            "properties": {camel(name): schema_of(hints[name], known) for name in names},
            "required": [camel(name) for name in names],
            "additionalProperties": False,
        }
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def openapi() -> bytes:
    """What is served under /api/v1, in its own words."""
    schemas: dict[str, Json] = {}
    problem = _content("Why there is no answer.", Problem, schemas)
    one: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in ("kind", "namespace", "name")
    ]
    answers: dict[str, tuple[str, list[Json], Json]] = {
        "/api/v1/services": ("The services of the last round", _wishes(*_LIST), _content("A page.", Fleet, schemas)),
        "/api/v1/services/{kind}/{namespace}/{name}": (
            "One service, and why it has its floor",
            [*one, *_wishes("what-if")],
            _content("All of it.", ServiceDetail, schemas),
        ),
        "/api/v1/decisions": (
            "What was decided, the newest first", _wishes("q", "page", "size"), _content("A page.", Changes, schemas)
        ),
    }  # fmt: skip
    paths: Json = {
        path: {"get": {"summary": summary, "parameters": parameters, "responses": {
            "200": good, "400": problem, "404": problem}}}
        for path, (summary, parameters, good) in answers.items()
    }  # fmt: skip
    return json.dumps({
        "openapi": "3.1.0",
        "info": {"title": "ahpa", "version": __version__, "description": "Read-only. Times are unix seconds."},
        "paths": paths,
        "components": {"schemas": schemas},
    }, indent=1).encode()  # fmt: skip


_WISHES: Mapping[str, tuple[str, Json]] = {
    "q": ("Words, each of which must be somewhere in a line.", {"type": "string", "maxLength": 100}),
    "mode": ("Those of one mode.", {"type": "string", "enum": list(MODES)}),
    "look": ("wrong: those that need a look; moving: those whose floor would change.",
             {"type": "string", "enum": list(LOOKS)}),
    "sort": ("By what.", {"type": "string", "enum": list(SORTS)}),
    "down": ("1: the largest first.", {"type": "string", "enum": ["0", "1"]}),
    "what-if": ("1: what would have been is asked for, which begins the work where it is not done.",
                {"type": "string", "enum": ["0", "1"]}),
    "page": ("From 1; beyond the last stands the last.", {"type": "integer", "minimum": 1}),
    "size": ("Lines of a page.", {"type": "integer", "minimum": 1, "maximum": MOST_SIZE}),
}  # fmt: skip
_LIST = tuple(name for name in _WISHES if name != "what-if")


def _wishes(*names: str) -> list[Json]:
    return [
        {"name": name, "in": "query", "required": False, "description": _WISHES[name][0], "schema": _WISHES[name][1]}
        for name in names
    ]


def _content(words: str, kind: type, schemas: dict[str, Json]) -> Json:
    return {"description": words, "content": {"application/json": {"schema": schema_of(kind, schemas)}}}
