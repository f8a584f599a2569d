"""A checker of what our schemas use of JSON Schema; a word that it does not know is an error, and not passed over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}
_KNOWN = frozenset({"type", "anyOf", "$ref", "items", "minItems", "maxItems", "properties", "required", "description",
                    "additionalProperties"})  # fmt: skip


def wrong(value: object, schema: Mapping[str, Any], document: Mapping[str, Any], at: str = "$") -> list[str]:
    """What of `value` is not as the schema has it; references are looked up in the `document`."""
    if unknown := schema.keys() - _KNOWN:
        return [f"{at}: the checker does not know {sorted(unknown)}"]
    if "$ref" in schema:
        found: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return wrong(value, found, document, at)
    if "anyOf" in schema:
        tried = [wrong(value, each, document, at) for each in schema["anyOf"]]
        return (
            [] if any(not problems for problems in tried) else [problem for problems in tried for problem in problems]
        )
    kind = schema["type"]
    if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        return [f"{at}: {value!r} is no {kind}"]
    if isinstance(value, list):
        count = len(value)
        inside = [p for i, each in enumerate(value) for p in wrong(each, schema["items"], document, f"{at}[{i}]")]
        few, many = count < schema.get("minItems", 0), count > schema.get("maxItems", count)
        return inside + ([f"{at}: {count} items"] if few or many else [])
    if isinstance(value, dict):
        properties = schema["properties"]
        missing = [f"{at}: no {name}" for name in schema["required"] if name not in value]
        further = [f"{at}: nobody speaks of {name}" for name in value if name not in properties]
        return [*missing, *further] + [
            problem
            for name, each in value.items()
            if name in properties
            for problem in wrong(each, properties[name], document, f"{at}.{name}")
        ]
    return []
