"""Reading a foreign object so that nothing of it is lost: what nobody asked for is told at the end."""

from __future__ import annotations

import json
import re

from ahpa.migration.migrated import Note, Object, Unmigratable

_MOST = 2**31 - 1
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", re.ASCII)


class Fields:
    """A part of an object, at `path`; it knows which of its fields were read, and shares its notes with its parts."""

    def __init__(self, node: Object, path: str = "", notes: list[Note] | None = None) -> None:
        self.node = node
        self.path = path
        self.notes: list[Note] = [] if notes is None else notes
        self._read: set[str] = set()
        self._parts: list[Fields] = []

    def where(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def value(self, name: str) -> object:
        """The field; None where there is none, or where it is null."""
        self._read.add(name)
        return self.node.get(name)

    def count(self, name: str) -> int | None:
        """A whole number of replicas, seconds, ... Raises Unmigratable."""
        value = self.value(name)
        if value is None:
            return None
        if type(value) is not int or not 0 <= value <= _MOST:
            raise Unmigratable(f"{self.where(name)}: {shown(value)} is not a whole number")
        return value

    def text(self, name: str) -> str | None:
        """Raises Unmigratable."""
        value = self.value(name)
        if value is not None and not isinstance(value, str):
            raise Unmigratable(f"{self.where(name)}: {shown(value)} is not text")
        return value

    def name(self, name: str) -> str | None:
        """The name of an object. Raises Unmigratable."""
        value = self.text(name)
        if value is not None and not _NAME.fullmatch(value):
            raise Unmigratable(f"{self.where(name)}: {shown(value)} is no name of an object")
        return value

    def part(self, name: str) -> Fields:
        """A mapping within; an empty one where there is none. Raises Unmigratable."""
        return self._part(self.value(name), self.where(name))

    def parts(self, name: str) -> list[Fields]:
        """The mappings of a list within. Raises Unmigratable."""
        value = self.value(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise Unmigratable(f"{self.where(name)}: {shown(value)} is not a list")
        return [self._part(each, f"{self.where(name)}[{i}]") for i, each in enumerate(value)]

    def _part(self, value: object, path: str) -> Fields:
        if value is not None and not (isinstance(value, dict) and all(isinstance(key, str) for key in value)):
            raise Unmigratable(f"{path}: {shown(value)} is not a mapping")
        part = Fields(value or {}, path, self.notes)
        self._parts.append(part)
        return part

    def note(self, name: str, became: str, needs_you: bool = False) -> None:
        """Says what became of a field that is there; of one that is not there is nothing to say."""
        self._read.add(name)
        if self.node.get(name) is not None:
            self.notes.append(Note(self.where(name), shown(self.node[name]), became, needs_you))

    def whole(self, became: str, needs_you: bool = False) -> None:
        """Says what became of all of this part."""
        self._read |= self.node.keys()
        self._parts.clear()
        self.notes.append(Note(self.path, shown(self.node), became, needs_you))

    def rest(self) -> None:
        """Says of each field that nobody read, here and within, that nothing became of it."""
        for name in [name for name in self.node if name not in self._read]:
            self.note(name, "is not known here: nothing became of it", needs_you=True)
        for part in self._parts:
            part.rest()


def shown(value: object) -> str:
    """A value in a line, for people."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 80 else text[:79] + "…"
