"""YAML with objects of other autoscalers, as `kubectl get -o yaml` or a repository has it, moved to ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO

from ahpa.adapters.files.text import InputError
from ahpa.adapters.files.yaml_documents import documents_of
from ahpa.migration.fields import shown
from ahpa.migration.kinds import migrate, objects
from ahpa.migration.migrated import Migrated, Note, Object, Unmigratable

MOST_BYTES = 2 * 2**20
"""Some hundred objects."""


def read_foreign(source: str, stream: IO[bytes]) -> list[tuple[str, Migrated | None]]:
    """(where it stands, what became of it) of each object; None where nothing has to. One that cannot be moved has no
    result, and a note that says why. Raises InputError, with the document, where there are no objects to read."""
    try:
        return list(_moved(source, documents_of(source, stream, MOST_BYTES)))
    except OSError as error:
        raise InputError(f"{source}: {error.strerror}") from error


def _moved(source: str, documents: Sequence[object]) -> Iterator[tuple[str, Migrated | None]]:
    for number, document in enumerate(documents, 1):
        if document is None:
            continue
        where = f"{source}: document {number}"
        try:
            for index, item in enumerate(objects(document)):
                where = f"{source}: document {number}" + (f", items[{index}]" if item is not document else "")
                if not isinstance(item, dict) or not all(isinstance(key, str) for key in item):
                    raise Unmigratable("no Kubernetes object")
                yield where, _attempted(where, item)
        except Unmigratable as error:
            raise InputError(f"{where}: {error}") from error


def _attempted(where: str, item: Object) -> Migrated | None:
    """What became of it; where that is nothing, the others of the file still move."""
    try:
        return migrate(item)
    except Unmigratable as error:
        note = Note(where, "", f"it does not move: {error}", needs_you=True)
        return Migrated(shown(item.get("kind") or "an object"), _name_of(item), (note,))


def _name_of(item: Object) -> str:
    meta = item.get("metadata")
    names = [meta.get("namespace"), meta.get("name")] if isinstance(meta, dict) else []
    return "/".join(shown(name) for name in names if name)
