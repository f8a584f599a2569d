"""The house keeps its order: no import circle among files, short files, types that say something.

import-linter knows packages and skips what hides behind TYPE_CHECKING; this reads each file by itself, and names what
it finds by room.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("ahpa", "forecasting")
LONGEST = 300
REASON = "Longer than 300 lines:"
MOST_IGNORES = 6


def files(*folders: str) -> list[Path]:
    """Our Python files, as paths from the root."""
    return sorted(p.relative_to(ROOT) for folder in folders for p in (ROOT / folder).rglob("*.py"))


def everywhere() -> list[Path]:
    return files(*PACKAGES, "benchmarks", "dashboards", "data", "docs", "supply", "testbed", "tests")


def tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text())


def told(findings: Iterable[tuple[Path, str]]) -> str:
    """What was found, room by room; empty if nothing was."""
    rooms = groupby(sorted(findings), lambda found: "/".join(found[0].parts[:2][: len(found[0].parts) - 1]))
    return "\n".join(f"\n{room}\n" + "\n".join(f"  {path}: {what}" for path, what in found) for room, found in rooms)


# Imports


def module(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path, known: Mapping[str, Path]) -> set[str]:
    """Our modules that this one imports anywhere: at its top, in a function, for type checkers alone."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inner & known.keys()) or {str(node.module)}
    return (found & known.keys()) - {module(path)}


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of modules of which each is reached from each other."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        ahead = list(graph[start])
        while ahead:
            at = ahead.pop()
            if at not in seen:
                seen.add(at)
                ahead += graph[at]
        return seen

    reach = {name: reached(name) for name in graph}
    groups = {tuple(sorted(b for b in reach[a] if a in reach[b])) for a in graph if a in reach[a]}
    return [list(group) for group in sorted(groups)]


def test_no_file_imports_itself_in_a_circle() -> None:
    known = {module(path): path for path in files(*PACKAGES)}
    graph = {name: imports(path, known) for name, path in known.items()}
    found = [(known[group[0]], "in a circle with " + ", ".join(group[1:])) for group in circles(graph)]
    assert not found, told(found)


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == [["b", "c"]]


# Length


def test_files_are_short_or_say_why_not() -> None:
    lengths = {path: len((ROOT / path).read_text().splitlines()) for path in everywhere()}
    long = [(path, f"{n} lines") for path, n in lengths.items() if n > LONGEST]
    found = [(path, what) for path, what in long if REASON not in (ast.get_docstring(tree(path)) or "")]
    assert not found, told(found)


# Types


def public(body: Sequence[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    """(name, annotation) of what others may call or set: functions, methods, fields of public classes, aliases."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if not node.name.startswith("_") or node.name.endswith("__"):
                given = node.args
                every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
                said = [arg.annotation for arg in every if arg is not None]
                yield from ((node.name, note) for note in (*said, node.returns) if note is not None)
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from ((f"{node.name}.{name}", note) for name, note in public(node.body))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield from [(node.target.id, node.annotation)] * (not node.target.id.startswith("_"))
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            yield from ((name, node.value) for name in names if name[0].isupper() and name != "Object")


def says_any(note: ast.expr) -> bool:
    return any(
        (isinstance(node, ast.Name) and node.id == "Any") or (isinstance(node, ast.Attribute) and node.attr == "Any")
        for node in ast.walk(note)
    )


def test_no_public_signature_says_any() -> None:
    """Raw Kubernetes objects have the alias `Object`."""
    found = {(path, name) for path in files(*PACKAGES) for name, note in public(tree(path).body) if says_any(note)}
    assert not found, told(found)


def ignores(path: Path) -> int:
    text = (ROOT / path).read_text()
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sum(token.type == tokenize.COMMENT and "type: ignore" in token.string for token in tokens)


def test_type_errors_are_mended_not_ignored() -> None:
    """A handful where a library leaves no other way."""
    counts = {path: n for path in everywhere() if (n := ignores(path))}
    assert sum(counts.values()) <= MOST_IGNORES, told((path, f"{n} type: ignore") for path, n in counts.items())


def test_no_test_ignores_a_type_error() -> None:
    found = [(path, f"{n} type: ignore") for path in files("tests") if (n := ignores(path))]
    assert not found, told(found)
